//! Processes of all services on one installation, on the machine's time, and an account that users follow.

use std::time::Duration;

use anyhow::Context;
use prost_types::Timestamp;
use siyu::connect::{Client, connect};
use siyu_proto::{
    accounts::v1::{
        AllowancePeriod, CertificationClass, CreateRightPolicyRequest, GetWalletRequest, RightKind,
        RightPolicy, rights_service_client::RightsServiceClient,
    },
    crm::v1::{ListFansRequest, fan_service_client::FanServiceClient},
    subscriptions::v1::{
        FollowRequest, ListPushesRequest, Push, follow_service_client::FollowServiceClient,
        push_service_client::PushServiceClient,
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};

/// The account.
pub const SHOP: &str = "accounts/shop";

/// How long something may take that must happen by itself.
const LONG: Duration = Duration::from_secs(90);

/// Processes that come and go.
#[derive(Debug)]
pub struct Fleet {
    installation: Installation,
    nodes: Vec<(Process, Client)>,
}

impl Fleet {
    /// So many processes, and an account with so many fans and pushes a month; none where the engine is not to be had.
    ///
    /// # Errors
    /// When a process does not start, or a service refuses.
    pub async fn start(
        engine: Engine,
        process_count: usize,
        fan_count: usize,
        month: i64,
    ) -> anyhow::Result<Option<Self>> {
        let Some(installation) = Installation::create(engine).await? else { return Ok(None) };
        let mut fleet = Self { installation, nodes: Vec::new() };
        for _ in 0..process_count {
            fleet.grow().await?;
        }
        let client = fleet.client(0);
        create_accounts(&client, &["shop".to_owned()]).await?;
        let request = right_policy(RightKind::Push, month);
        RightsServiceClient::new(client.clone()).create_right_policy(request).await?;
        for number in 0..fan_count {
            let (parent, user) = (SHOP.to_owned(), user(number));
            let request = FollowRequest { parent, user, ..FollowRequest::default() };
            FollowServiceClient::new(client.clone()).follow(request).await?;
        }
        let known = async || {
            let request = ListFansRequest { parent: SHOP.to_owned(), page_size: 1_000, ..Default::default() };
            let listed = FanServiceClient::new(client.clone()).list_fans(request).await?;
            Ok(listed.into_inner().fans.len() == fan_count)
        };
        eventually(known, "the CRM knows the followers").await?;
        Ok(Some(fleet))
    }

    /// Calls one of the processes.
    #[must_use]
    pub fn client(&self, number: usize) -> Client {
        self.nodes[number % self.nodes.len()].1.clone()
    }

    /// How many processes there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// What its processes share.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Kills a process, and starts another.
    ///
    /// # Errors
    /// When it cannot be killed, or the other does not start.
    pub async fn replace(&mut self, number: usize) -> anyhow::Result<()> {
        self.kill(number).await?;
        self.grow().await
    }

    /// Kills a process.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self, number: usize) -> anyhow::Result<()> {
        let (process, _) = self.nodes.remove(number);
        process.kill().await
    }

    /// Kills all, and removes what they stored.
    ///
    /// # Errors
    /// When one cannot be killed, or a database not be removed.
    pub async fn remove(self) -> anyhow::Result<()> {
        for (process, _) in self.nodes {
            process.kill().await?;
        }
        self.installation.remove().await
    }

    /// All pushes of the account, up to 1,000.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn pushes(&self) -> anyhow::Result<Vec<Push>> {
        let request = ListPushesRequest { parent: SHOP.to_owned(), page_size: 1_000, ..Default::default() };
        Ok(PushServiceClient::new(self.client(0)).list_pushes(request).await?.into_inner().pushes)
    }

    /// How many pushes are reserved, and how many used, of the month that a time lies in.
    ///
    /// # Errors
    /// When the service refuses, or knows no such right.
    pub async fn allowance(&self, time: Timestamp) -> anyhow::Result<(i64, i64)> {
        let request = GetWalletRequest { parent: SHOP.to_owned(), time: Some(time) };
        let wallet = RightsServiceClient::new(self.client(0)).get_wallet(request).await?.into_inner().wallet;
        let rights = wallet.context("the answer has no wallet")?.rights;
        let right = rights.into_iter().find(|right| right.kind() == RightKind::Push);
        let allowance = right.context("the wallet has no pushes")?.allowance;
        Ok(allowance.map_or((0, 0), |allowance| (allowance.reserved, allowance.used)))
    }

    /// Starts one more process.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn grow(&mut self) -> anyhow::Result<()> {
        let launch = Launch { set: vec!["accounts.max_connections=4".to_owned()], ..Launch::default() };
        let mut process = self.installation.start(&launch)?;
        let url = process.ready().await?;
        let client = connect(&url, &self.installation.token).await?;
        self.nodes.push((process, client));
        Ok(())
    }
}

/// The users, numbered from 0.
#[must_use]
pub fn user(number: usize) -> String {
    format!("users/u{number:03}")
}

/// What accounts that are not certified may do so often a month, from now on.
#[must_use]
pub fn right_policy(kind: RightKind, amount: i64) -> CreateRightPolicyRequest {
    let right_policy = RightPolicy {
        kind: kind.into(),
        certification_class: CertificationClass::Basic.into(),
        amount,
        period: AllowancePeriod::Month.into(),
        ..RightPolicy::default()
    };
    CreateRightPolicyRequest { right_policy: Some(right_policy), ..Default::default() }
}

/// Waits until something holds.
///
/// # Errors
/// When it cannot be asked, or does not hold for long.
pub async fn eventually(
    mut holds: impl AsyncFnMut() -> anyhow::Result<bool>,
    what: &str,
) -> anyhow::Result<()> {
    let wait = async {
        while !holds().await? {
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    };
    timeout(LONG, wait).await.with_context(|| format!("does not hold after {LONG:?}: {what}"))?
}
