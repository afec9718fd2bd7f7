//! Clients on the simulated network.

use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use siyu::connect::{BearerToken, Client};
use siyu_proto::accounts::v1::{
    Account, CreateAccountRequest, CreateEnterpriseRequest, Enterprise,
    accounts_service_client::AccountsServiceClient,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, service::interceptor::InterceptedService};

use super::{
    hosts::{ACCOUNTS, CRM},
    network,
};
use crate::{
    chaos::{
        START, accounts,
        callers::{BREAKS, Call, Caller, send_a_batch},
        load::Load,
    },
    traffic::Traffic,
};

const ENTERPRISE: &str = "simulated";
const PAUSE: Duration = Duration::from_millis(20);
/// A call that takes longer is given up.
const CALL: Duration = Duration::from_secs(5);
/// A new account has few fans.
const FANS: u32 = 5;

/// Clients that send interactions, and one that makes accounts all the time and sends a first batch to each.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) seed: u64,
    pub(super) callers: u32,
    pub(super) token: String,
    pub(super) stop: CancellationToken,
}

impl Clients {
    /// Works until told to stop; answers all that was sent.
    pub(super) async fn work(self) -> anyhow::Result<Vec<Call>> {
        let accounts_service = AccountsServiceClient::new(self.client(ACCOUNTS)?);
        make_enterprise(accounts_service.clone()).await?;
        for account in accounts() {
            make_account(accounts_service.clone(), &account).await?;
        }
        let load = Load::start(self.seed, self.callers);
        load.serve_by(vec![self.client(CRM)?]);

        let (_serving, mut crm) = watch::channel(vec![self.client(CRM)?]);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut calls = Vec::new();
        while !self.stop.is_cancelled() {
            let account = format!("new-{}", calls.len());
            make_account(accounts_service.clone(), &account).await?;
            let traffic = Traffic::new(self.seed, &account, FANS, START);
            let mut caller = Caller::new(account, traffic, self.seed);
            calls.push(send_a_batch(&mut caller, &mut random, &mut crm).await?);
            sleep(PAUSE).await;
        }
        calls.extend(load.stop().await?);
        Ok(calls)
    }

    fn client(&self, host: &str) -> anyhow::Result<Client> {
        Ok(InterceptedService::new(network::channel(host)?, BearerToken::new(&self.token)?))
    }
}

async fn make_enterprise(service: AccountsServiceClient<Client>) -> anyhow::Result<()> {
    let enterprise = Enterprise { display_name: ENTERPRISE.to_owned(), ..Enterprise::default() };
    let request = CreateEnterpriseRequest {
        enterprise: Some(enterprise),
        enterprise_id: ENTERPRISE.to_owned(),
        ..Default::default()
    };
    loop {
        let mut service = service.clone();
        let answer = timeout(CALL, service.create_enterprise(request.clone())).await;
        if is_made(answer.map(|answer| answer.map(drop)))? {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

async fn make_account(service: AccountsServiceClient<Client>, id: &str) -> anyhow::Result<()> {
    let request = CreateAccountRequest {
        parent: format!("enterprises/{ENTERPRISE}"),
        account: Some(Account { display_name: id.to_owned(), ..Account::default() }),
        account_id: id.to_owned(),
        ..Default::default()
    };
    loop {
        let mut service = service.clone();
        let answer = timeout(CALL, service.create_account(request.clone())).await;
        if is_made(answer.map(|answer| answer.map(drop)))? {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

/// Whether it exists now, by this attempt or by one whose answer was lost.
fn is_made(answer: Result<Result<(), Status>, tokio::time::error::Elapsed>) -> anyhow::Result<bool> {
    match answer {
        Ok(Ok(())) => Ok(true),
        Ok(Err(status)) if status.code() == Code::AlreadyExists => Ok(true),
        Ok(Err(status)) if !BREAKS.contains(&status.code()) => Err(status.into()),
        Ok(Err(_)) | Err(_) => Ok(false),
    }
}
