//! The pushes of the accounts, and what their fans do with them, carried out through the API.

use std::collections::HashMap;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        Allowance, AllowancePeriod, CertificationClass, CreateRightPolicyRequest, GetWalletRequest,
        RightKind, RightPolicy, rights_service_client::RightsServiceClient,
    },
    crm::v1::{
        CreateReachPolicyRequest, CreateSegmentRequest, FrequencyCap, Interaction, InteractionKind as Kind,
        ListFansRequest, Purchase, QuietHours, ReachChannel, ReachPolicy, SourceDomain, Tier,
        fan_service_client::FanServiceClient, reach_service_client::ReachServiceClient,
        segment_service_client::SegmentServiceClient,
    },
    subscriptions::v1::{
        CreatePushRequest, FeedAction, FeedItem, FeedReport, GetPushResultsRequest, ListFeedRequest,
        ListPushesRequest, PlanPushRequest, Push, PushContent, PushContentKind, PushPlan, PushResults,
        RecallPushRequest, SchedulePushRequest, feed_service_client::FeedServiceClient,
        push_service_client::PushServiceClient,
    },
};
use siyu_rpc::time::to_proto;

use super::{
    campaign::{self, CAP_DAYS, Campaign, MOST_PUSHES, PUSHES_A_MONTH, QUIET_HOURS, REGULARS},
    habits::{self, Deed},
    timeline::Happening,
    traffic::{
        self,
        places::{
            FANS_COUPON, FANS_COUPON_OFF_MINOR, HYDRA_SERUM, HYDRA_SERUM_MINOR, ROSE_TONER, ROSE_TONER_MINOR,
        },
    },
};
use crate::{connect::Client, report::PushRow};

/// Fans whose calls are under way at once.
pub(super) const AT_ONCE: usize = 16;
const PAGE: i32 = 1_000;

/// What the accounts push.
pub(super) struct Pushes {
    client: Client,
    random: ChaCha8Rng,
    /// What was planned, by name of the push.
    planned: HashMap<String, Planned>,
}

/// A push as it was planned, and what the account had of its rights with it.
struct Planned {
    whom: String,
    plan: PushPlan,
    allowance: Allowance,
}

impl Pushes {
    /// Gives the accounts their rights; each sets its manners, and makes a segment of its fans.
    pub(super) async fn open(client: &Client, seed: u64) -> anyhow::Result<Self> {
        let right_policy = RightPolicy {
            kind: RightKind::Push.into(),
            certification_class: CertificationClass::Basic.into(),
            amount: PUSHES_A_MONTH,
            period: AllowancePeriod::Month.into(),
            ..RightPolicy::default()
        };
        let request = CreateRightPolicyRequest { right_policy: Some(right_policy), ..Default::default() };
        RightsServiceClient::new(client.clone()).create_right_policy(request).await?;
        for (account_id, _) in traffic::accounts() {
            let parent = format!("accounts/{account_id}");
            let (reach_policy, request_id) = (Some(manners()), String::new());
            let request = CreateReachPolicyRequest { parent: parent.clone(), reach_policy, request_id };
            ReachServiceClient::new(client.clone()).create_reach_policy(request).await?;
            let request = CreateSegmentRequest {
                parent,
                segment: Some(campaign::regulars()),
                segment_id: REGULARS.to_owned(),
                ..Default::default()
            };
            SegmentServiceClient::new(client.clone()).create_segment(request).await?;
        }
        let random = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { client: client.clone(), random, planned: HashMap::new() })
    }

    /// Writes a push, plans it, and schedules exactly what was planned.
    pub(super) async fn prepare(&mut self, campaign: &Campaign, publish_time: Micros) -> anyhow::Result<()> {
        let account_id = account_id(campaign.account);
        let (parent, name) = (format!("accounts/{account_id}"), campaign.name(account_id));
        let publish_time = Some(to_proto(publish_time));
        let mut pushes = PushServiceClient::new(self.client.clone());
        let push = Push {
            content: Some(campaign.content(account_id)),
            audience: Some(campaign.whom.audience(account_id)),
            ..Push::default()
        };
        let request = CreatePushRequest {
            parent: parent.clone(),
            push: Some(push),
            push_id: campaign.id.to_owned(),
            ..Default::default()
        };
        pushes.create_push(request).await?;
        let request = PlanPushRequest { name: name.clone(), publish_time, ..Default::default() };
        let plan = pushes.plan_push(request).await?.into_inner().plan.context("there is no plan")?;
        let request = SchedulePushRequest {
            name: name.clone(),
            publish_time,
            plan: plan.name.clone(),
            ..Default::default()
        };
        pushes.schedule_push(request).await?;
        let allowance = self.allowance(parent, publish_time).await?;
        self.planned.insert(name, Planned { whom: campaign.whom.describe(), plan, allowance });
        Ok(())
    }

    /// Takes a push back.
    pub(super) async fn recall(&self, campaign: &Campaign) -> anyhow::Result<()> {
        let correction = campaign.correction.map(|text| PushContent {
            kind: PushContentKind::Text.into(),
            text: text.to_owned(),
            ..PushContent::default()
        });
        let name = campaign.name(account_id(campaign.account));
        let request = RecallPushRequest { name, correction, ..Default::default() };
        PushServiceClient::new(self.client.clone()).recall_push(request).await?;
        Ok(())
    }

    /// Some fans of an account look into their feeds; answers what they will do with what they had not found there before.
    pub(super) async fn read(
        &mut self,
        account: usize,
        now: Micros,
    ) -> anyhow::Result<Vec<(Micros, Happening)>> {
        let parent = format!("accounts/{}", account_id(account));
        let mut readers = Vec::new();
        for tier in habits::TIERS {
            for user in self.fans(&parent, tier).await? {
                if habits::reads(&mut self.random, tier) {
                    readers.push((user, tier));
                }
            }
        }
        let calls = stream::iter(readers.iter().map(|(user, _)| self.new_items(&parent, user)));
        let found: Vec<Vec<FeedItem>> = calls.buffered(AT_ONCE).try_collect().await?;
        let mut happenings = Vec::new();
        for ((user, tier), items) in readers.iter().zip(found) {
            for item in items {
                for (seconds, deed) in habits::deeds(&mut self.random, *tier) {
                    let time = Micros(now.0 + seconds * 1_000_000);
                    happenings.extend(happens(account, user, &item, deed, time));
                }
            }
        }
        Ok(happenings)
    }

    /// The pushes of an account as they were planned and as they went, by time.
    pub(super) async fn rows(&self, account_id: &str) -> anyhow::Result<Vec<PushRow>> {
        let request = ListPushesRequest {
            parent: format!("accounts/{account_id}"),
            page_size: PAGE,
            ..Default::default()
        };
        let answer = PushServiceClient::new(self.client.clone()).list_pushes(request).await?;
        let mut pushes = answer.into_inner().pushes;
        pushes.sort_by_key(|push| push.publish_time.map(|time| (time.seconds, time.nanos)));
        let mut rows = Vec::with_capacity(pushes.len());
        for push in pushes {
            let request = GetPushResultsRequest { name: push.name.clone(), ..Default::default() };
            let answer = PushServiceClient::new(self.client.clone()).get_push_results(request).await?;
            rows.push(self.row(push, answer.into_inner().results.unwrap_or_default()));
        }
        Ok(rows)
    }

    fn row(&self, push: Push, results: PushResults) -> PushRow {
        match self.planned.get(&push.name) {
            Some(Planned { whom, plan, allowance }) => PushRow {
                push,
                results,
                audience: whom.clone(),
                plan: Some(plan.clone()),
                allowance: Some(*allowance),
            },
            None => {
                let audience = "who had seen it".to_owned();
                PushRow { push, results, audience, ..PushRow::default() }
            }
        }
    }

    /// What an account has of its pushes of the month that a time lies in.
    async fn allowance(
        &self,
        parent: String,
        time: Option<prost_types::Timestamp>,
    ) -> anyhow::Result<Allowance> {
        let request = GetWalletRequest { parent, time };
        let answer = RightsServiceClient::new(self.client.clone()).get_wallet(request).await?;
        let rights = answer.into_inner().wallet.unwrap_or_default().rights;
        let right = rights.into_iter().find(|right| right.kind() == RightKind::Push);
        right.and_then(|right| right.allowance).context("the wallet has no pushes")
    }

    /// Who follows an account and is of a tier.
    async fn fans(&self, parent: &str, tier: Tier) -> anyhow::Result<Vec<String>> {
        let mut fans = FanServiceClient::new(self.client.clone());
        let mut users = Vec::new();
        let mut page_token = String::new();
        loop {
            let request =
                ListFansRequest { parent: parent.to_owned(), tier: tier.into(), page_size: PAGE, page_token };
            let page = fans.list_fans(request).await?.into_inner();
            users.extend(page.fans.into_iter().map(|fan| fan.user));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(users);
            }
        }
    }

    /// What a user finds in their feed of an account for the first time.
    async fn new_items(&self, parent: &str, user: &str) -> anyhow::Result<Vec<FeedItem>> {
        let (user, account) = (user.to_owned(), parent.to_owned());
        let request = ListFeedRequest { user, account, ..Default::default() };
        let answer = FeedServiceClient::new(self.client.clone()).list_feed(request).await?;
        let items = answer.into_inner().items;
        Ok(items.into_iter().filter(|item| item.seen_time.is_none()).collect())
    }
}

fn account_id(account: usize) -> &'static str {
    traffic::accounts()[account].0
}

/// How an account treats its fans.
fn manners() -> ReachPolicy {
    let (start_minute, end_minute) = QUIET_HOURS;
    let cap = FrequencyCap {
        channels: vec![ReachChannel::Push.into()],
        count: Some(MOST_PUSHES),
        window: Some(prost_types::Duration { seconds: CAP_DAYS * 86_400, nanos: 0 }),
        ..FrequencyCap::default()
    };
    ReachPolicy {
        frequency_caps: vec![cap],
        quiet_hours: Some(QuietHours { start_minute, end_minute }),
        ..ReachPolicy::default()
    }
}

/// What comes of something that a fan does with a push. Without a card there is nothing to click.
fn happens(
    account: usize,
    user: &str,
    item: &FeedItem,
    deed: Deed,
    time: Micros,
) -> Vec<(Micros, Happening)> {
    let card = item.content.as_ref().and_then(|content| content.cards.first());
    let (action, target) = match (deed, card) {
        (Deed::Open, _) => (FeedAction::Open, ""),
        (Deed::Like, _) => (FeedAction::Like, ""),
        (Deed::Click, Some(card)) => (FeedAction::Click, card.as_str()),
        (Deed::Convert, Some(card)) => (FeedAction::Convert, card.as_str()),
        (_, None) => return Vec::new(),
    };
    let id = format!("{}-{}", last_segment(&item.push), last_segment(user));
    let report = FeedReport {
        event_id: format!("{id}-{deed:?}"),
        push: item.push.clone(),
        action: action.into(),
        target: target.to_owned(),
        event_time: Some(to_proto(time)),
    };
    let mut happenings = vec![(time, Happening::Reported { account, user: user.to_owned(), report })];
    if deed == Deed::Convert {
        let conversions = conversions(&item.push, target, user, &id, time);
        let did = |interaction| (time, Happening::Did { account, interaction });
        happenings.extend(conversions.into_iter().map(did));
    }
    happenings
}

/// What a fan does with the card of a push.
fn conversions(push: &str, card: &str, user: &str, id: &str, time: Micros) -> Vec<Interaction> {
    let did = |kind: Kind| Interaction {
        event_id: format!("{id}-{kind:?}"),
        user: user.to_owned(),
        kind: kind.into(),
        event_time: Some(to_proto(time)),
        target: card.to_owned(),
        source_domain: SourceDomain::Private.into(),
        mount: push.to_owned(),
        ..Interaction::default()
    };
    let order = |product: &str, amount_minor| Interaction {
        target: format!("products/lumi-{product}"),
        purchase: Some(Purchase { order_id: format!("lumi-{id}"), amount_minor, quantity: 1 }),
        ..did(Kind::Order)
    };
    match last_segment(card) {
        HYDRA_SERUM => vec![order(HYDRA_SERUM, HYDRA_SERUM_MINOR)],
        ROSE_TONER => vec![order(ROSE_TONER, ROSE_TONER_MINOR)],
        FANS_COUPON => vec![
            did(Kind::CouponClaim),
            order(HYDRA_SERUM, HYDRA_SERUM_MINOR - FANS_COUPON_OFF_MINOR),
            did(Kind::CouponRedeem),
        ],
        _ => vec![did(Kind::Booking)],
    }
}

fn last_segment(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
