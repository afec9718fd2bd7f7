//! Lets the month happen: what users do reaches the suite in the order of its time.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use siyu_clock::{Micros, SimClock};
use siyu_proto::{
    accounts::v1::{
        CreateAccountRequest, CreateEnterpriseRequest, accounts_service_client::AccountsServiceClient,
    },
    crm::v1::{Interaction, RebuildTiersRequest, tier_service_client::TierServiceClient},
};
use siyu_rpc::time::from_proto;

use super::{
    campaign::CAMPAIGNS,
    conversations::Conversations,
    pushes::Pushes,
    storefront,
    timeline::{Happening, Timeline},
    traffic::{self, ENTERPRISE_ID, Traffic},
    untold::Untold,
    visitors::{Visitors, is_for_followers, is_message, is_wish},
};
use crate::{background::Background, connect::Client};

/// Minutes of the day.
const MORNING: i64 = 9 * 60;
/// From the arrival of a push, or of what became of it, until fans look into their feeds.
const UNTIL_READ: i64 = 60;

/// A month, and where it happens.
pub(super) struct Month<'a> {
    pub(super) client: &'a Client,
    pub(super) traffic: &'a Traffic,
    pub(super) seed: u64,
    pub(super) first_day: Date,
    pub(super) zone: &'a TimeZone,
    pub(super) clock: &'a SimClock,
    pub(super) background: &'a Background,
}

/// What came of a month.
pub(super) struct Lived {
    pub(super) visitors: Visitors,
    pub(super) pushes: Pushes,
    pub(super) conversations: Conversations,
    /// When it began and ended.
    pub(super) span: [Micros; 2],
}

impl Month<'_> {
    /// Lives through it: at once happens what users wish to get, and what accounts do with pushes; at the end of a day, when
    /// the clock stands at midnight, the platform delivers in bulk what else users did, and what is due is done. Answers
    /// what came of it.
    pub(super) async fn happen(&self) -> anyhow::Result<Lived> {
        let mut visitors = self.open().await?;
        let mut conversations = Conversations::open(self.client, self.seed, self.zone).await?;
        let mut pushes = Pushes::open(self.client, self.seed).await?;
        let accounts = traffic::accounts().map(|(account_id, _)| account_id);
        let mut untold = accounts.map(Untold::of);
        let mut timeline = self.timeline()?;
        let last_midnight = self.at(i64::try_from(self.traffic.day_count())?, 0)?;
        let progress = ProgressBar::new(u64::try_from(self.traffic.interaction_count())?).with_style(
            ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} interactions {per_sec}")?,
        );
        while let Some((time, happening)) = timeline.next() {
            self.clock.advance_to(time);
            match happening {
                Happening::Did { account, interaction } => {
                    // Who is to be answered after the month still waits.
                    if is_message(&interaction)
                        && let Some((time, answer)) = conversations.write(account, &interaction, time).await?
                        && time < last_midnight
                    {
                        timeline.add(time, answer);
                    }
                    let account_id = accounts[account];
                    self.let_happen(account_id, interaction, &mut untold[account], &mut visitors).await?;
                    progress.inc(1);
                }
                Happening::Reported { account, user, report } => untold[account].note_report(user, report),
                Happening::Prepare(campaign) => {
                    let publish_time = self.at(campaign.day, campaign.minute)?;
                    pushes.prepare(campaign, publish_time).await?;
                }
                Happening::Due => {
                    let telling = untold.iter_mut().map(|untold| untold.tell(self.client, &visitors));
                    try_join_all(telling).await?;
                    self.deliver().await?;
                    untold.iter_mut().for_each(|untold| untold.new_followers.clear());
                    self.background.do_what_is_due(time).await?;
                }
                Happening::Read { account } => {
                    for (time, happening) in pushes.read(account, time).await? {
                        timeline.add(time, happening);
                    }
                }
                Happening::Answer { account, user } => {
                    let (time, close) = conversations.answer(account, user, time).await?;
                    if time < last_midnight {
                        timeline.add(time, close);
                    }
                }
                Happening::Close { account, user, answered } => {
                    conversations.close(account, user, answered).await?;
                }
                Happening::Recall(campaign) => pushes.recall(campaign).await?,
            }
        }
        progress.finish_and_clear();
        try_join_all(accounts.map(|id| self.rebuild_tiers(format!("accounts/{id}")))).await?;
        let span = [self.at(0, 0)?, self.clock.now()];
        Ok(Lived { visitors, pushes, conversations, span })
    }

    /// A user does something with an account: what they wish to get they get at once, after what it depends on.
    async fn let_happen(
        &self,
        account_id: &str,
        interaction: Interaction,
        untold: &mut Untold,
        visitors: &mut Visitors,
    ) -> anyhow::Result<()> {
        if is_wish(&interaction) {
            if untold.comes_before(&interaction) {
                untold.tell(self.client, visitors).await?;
            }
            // Who follows for the coupon gets it once the CRM knows.
            if is_for_followers(&interaction) && untold.new_followers.remove(&interaction.user) {
                untold.tell_follows(visitors).await?;
                self.deliver().await?;
            }
            visitors.fulfil(account_id, &interaction).await?;
        }
        untold.note(interaction);
        Ok(())
    }

    /// What is known of the month before it begins: all but what comes of pushes.
    fn timeline(&self) -> anyhow::Result<Timeline> {
        let mut timeline = Timeline::default();
        let days = i64::try_from(self.traffic.day_count())?;
        for day in 1..=days {
            timeline.add(self.at(day, 0)?, Happening::Due);
        }
        for (account, interaction) in (0..self.traffic.day_count()).flat_map(|day| self.traffic.day(day)) {
            let time = interaction.event_time.as_ref().and_then(from_proto).unwrap_or_default();
            timeline.add(time, Happening::Did { account: *account, interaction: interaction.clone() });
        }
        // A push that would reach its fans after the month, or be taken back then, is not sent.
        for campaign in CAMPAIGNS.iter().filter(|campaign| campaign.day + 1 < days) {
            let (account, (day, minute)) = (campaign.account, campaign.delivery());
            timeline.add(self.at(campaign.day, MORNING)?, Happening::Prepare(campaign));
            timeline.add(self.at(campaign.day, campaign.minute)?, Happening::Due);
            if (day, minute) != (campaign.day, campaign.minute) {
                timeline.add(self.at(day, minute)?, Happening::Due);
            }
            timeline.add(self.at(day, minute + UNTIL_READ)?, Happening::Read { account });
            if campaign.correction.is_some() {
                timeline.add(self.at(day + 1, MORNING)?, Happening::Recall(campaign));
                timeline.add(self.at(day + 1, MORNING + UNTIL_READ)?, Happening::Read { account });
            }
        }
        Ok(timeline)
    }

    /// Lets the CRM know what the others were told until now. Nothing arrives meanwhile: everybody would look for it again
    /// after every single call.
    async fn deliver(&self) -> anyhow::Result<()> {
        let publishing = self.background.start_publishing();
        let delivered = self.background.deliver_once().await;
        publishing.stop().await;
        delivered?;
        Ok(())
    }

    /// What was told late counts as if it had been told in its turn.
    async fn rebuild_tiers(&self, parent: String) -> anyhow::Result<()> {
        let mut tiers = TierServiceClient::new(self.client.clone());
        let mut progress = tiers.rebuild_tiers(RebuildTiersRequest { parent }).await?.into_inner();
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
        let first_midnight = self.at(0, 0)?.to_timestamp().as_second();
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

    /// A minute of a day of the month, counted from 0 both.
    fn at(&self, day: i64, minute: i64) -> anyhow::Result<Micros> {
        let midnight = self.first_day.checked_add(day.days())?.at(0, 0, 0, 0);
        let time = midnight.checked_add(minute.minutes())?.to_zoned(self.zone.clone())?;
        Ok(Micros::from(time.timestamp()))
    }
}
