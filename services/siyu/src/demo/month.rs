//! Lets the month happen: what users do reaches the suite in the order of its time.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use futures_util::future::try_join_all;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use siyu_clock::{Micros, SimClock};
use siyu_proto::{
    accounts::v1::{
        CreateAccountRequest, CreateEnterpriseRequest, accounts_service_client::AccountsServiceClient,
    },
    crm::v1::{
        IngestInteractionsRequest, Interaction, InteractionKind as Kind, RebuildTiersRequest,
        interaction_service_client::InteractionServiceClient, tier_service_client::TierServiceClient,
    },
};
use siyu_rpc::time::from_proto;

use super::{
    storefront,
    traffic::{self, ENTERPRISE_ID, Traffic},
    visitors::{Visitors, is_engagement, is_wish},
};
use crate::{background::Background, connect::Client};

/// Interactions of one call.
const MOST_INTERACTIONS: usize = 1_000;
/// Visits and clicks of one call.
const MOST_ENGAGEMENTS: usize = 500;

/// A month, and where it happens.
pub(super) struct Month<'a> {
    pub(super) client: &'a Client,
    pub(super) traffic: &'a Traffic,
    pub(super) first_day: Date,
    pub(super) zone: &'a TimeZone,
    pub(super) clock: &'a SimClock,
    pub(super) background: &'a Background,
}

/// What users of one account did and the suite has not been told yet.
#[derive(Default)]
struct Untold {
    parent: String,
    interactions: Vec<Interaction>,
    engagements: Vec<Interaction>,
    follows: Vec<Interaction>,
    /// Users who follow since the events of the suite were last delivered: the CRM does not know it yet.
    new_followers: HashSet<String>,
}

impl Untold {
    /// Keeps what is told in bulk.
    fn note(&mut self, done: &Interaction) {
        if done.kind() == Kind::Follow {
            self.new_followers.insert(done.user.clone());
        }
        let bulk = match () {
            () if is_wish(done) => return,
            () if is_engagement(done) => &mut self.engagements,
            () if done.kind() == Kind::Follow => &mut self.follows,
            () => &mut self.interactions,
        };
        bulk.push(done.clone());
    }
}

impl Month<'_> {
    /// Lives through it, day by day: at once happens what users wish to get, and at the end of a day, when the clock stands
    /// at midnight, the platform delivers in bulk what else they did, and what is due is done. Answers those who visited.
    pub(super) async fn happen(&self) -> anyhow::Result<Visitors> {
        let mut visitors = self.open().await?;
        let accounts = traffic::accounts().map(|(account_id, _)| account_id);
        let mut untold = accounts.map(|id| Untold { parent: format!("accounts/{id}"), ..Untold::default() });
        let progress = ProgressBar::new(u64::try_from(self.traffic.interaction_count())?).with_style(
            ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} interactions {per_sec}")?,
        );
        for day_index in 0..self.traffic.day_count() {
            let day = self.traffic.day(day_index);
            for (account, interaction) in day {
                let untold = &mut untold[*account];
                if is_wish(interaction) {
                    let time = interaction.event_time.as_ref().and_then(from_proto).unwrap_or_default();
                    self.clock.advance_to(time);
                    // What is for followers depends on what the CRM knows.
                    if untold.new_followers.contains(&interaction.user) {
                        self.tell(untold, &visitors).await?;
                        self.deliver_events().await?;
                        untold.new_followers.clear();
                    }
                    visitors.fulfil(accounts[*account], interaction).await?;
                }
                untold.note(interaction);
            }
            self.clock.advance_to(self.midnight(day_index + 1)?);
            try_join_all(untold.iter_mut().map(|untold| self.tell(untold, &visitors))).await?;
            self.do_what_is_due().await?;
            untold.iter_mut().for_each(|untold| untold.new_followers.clear());
            progress.inc(u64::try_from(day.len())?);
        }
        progress.finish_and_clear();
        try_join_all(untold.iter().map(|untold| self.rebuild_tiers(&untold.parent))).await?;
        Ok(visitors)
    }

    /// Between two midnights nothing is done beside the calls: it would be done again after every single one.
    async fn do_what_is_due(&self) -> anyhow::Result<()> {
        let delivering = self.background.start_delivery();
        let done = self.background.tick(self.clock.now()).await;
        delivering.stop().await;
        Ok(done?)
    }

    /// Lets everybody know what happened until now.
    async fn deliver_events(&self) -> anyhow::Result<()> {
        let delivering = self.background.start_delivery();
        let done = self.background.deliver().await;
        delivering.stop().await;
        Ok(done?)
    }

    /// What was told late counts as if it had been told in its turn.
    async fn rebuild_tiers(&self, parent: &str) -> anyhow::Result<()> {
        let request = RebuildTiersRequest { parent: parent.to_owned() };
        let mut tiers = TierServiceClient::new(self.client.clone());
        let mut progress = tiers.rebuild_tiers(request).await?.into_inner();
        while progress.message().await?.is_some() {}
        Ok(())
    }

    /// Makes the brand and its accounts, and has each put up what visitors find.
    async fn open(&self) -> anyhow::Result<Visitors> {
        let mut accounts = AccountsServiceClient::new(self.client.clone());
        let enterprise_id = ENTERPRISE_ID.to_owned();
        let enterprise = Some(traffic::enterprise());
        let request = CreateEnterpriseRequest { enterprise, enterprise_id, ..Default::default() };
        accounts.create_enterprise(request).await?;
        let first_midnight = self.midnight(0)?.to_timestamp().as_second();
        let day_count = i64::try_from(self.traffic.day_count())?;
        let mut storefronts = HashMap::new();
        for (account_id, account) in traffic::accounts() {
            let parent = format!("enterprises/{ENTERPRISE_ID}");
            let (account, id) = (Some(account), account_id.to_owned());
            let request =
                CreateAccountRequest { parent, account, account_id: id.clone(), ..Default::default() };
            accounts.create_account(request).await?;
            let put_up = storefront::put_up(self.client, account_id, first_midnight, day_count).await?;
            storefronts.insert(id, put_up);
        }
        Ok(Visitors::new(self.client, storefronts))
    }

    /// Delivers what users of an account did.
    async fn tell(&self, untold: &mut Untold, visitors: &Visitors) -> anyhow::Result<()> {
        let mut client = InteractionServiceClient::new(self.client.clone());
        for batch in mem::take(&mut untold.interactions).chunks(MOST_INTERACTIONS) {
            let (parent, interactions) = (untold.parent.clone(), batch.to_vec());
            let request = IngestInteractionsRequest { parent, interactions };
            let answer = client.ingest_interactions(request).await?.into_inner();
            if let Some(first) = answer.rejections.first() {
                let (parent, count) = (&untold.parent, answer.rejections.len());
                anyhow::bail!("{parent}: {count} of {} rejected: {first:?}", batch.len());
            }
        }
        if !untold.follows.is_empty() {
            visitors.bring_in(&untold.parent, &mem::take(&mut untold.follows)).await?;
        }
        for batch in mem::take(&mut untold.engagements).chunks(MOST_ENGAGEMENTS) {
            visitors.engage(&untold.parent, batch).await?;
        }
        Ok(())
    }

    /// When a day of the month begins, counted from 0.
    fn midnight(&self, day_index: usize) -> anyhow::Result<Micros> {
        let day = self.first_day.checked_add(i64::try_from(day_index)?.days())?;
        Ok(Micros::from(day.to_zoned(self.zone.clone())?.timestamp()))
    }
}
