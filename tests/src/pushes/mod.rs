//! Pushes that are published by a process which is killed again and again: nobody may be reached twice, nobody be left out.

pub mod fleet;

use std::{collections::BTreeMap, ops::Range, time::Duration};

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu::connect::Client;
use siyu_clock::Clock;
use siyu_proto::subscriptions::v1::{
    CreatePushRequest, ListFeedRequest, Push, PushContent, PushContentKind, PushCounts, PushState,
    SchedulePushRequest, feed_service_client::FeedServiceClient, push_service_client::PushServiceClient,
};
use siyu_rpc::time::to_proto;
use tokio::time::sleep;
use tonic::{Code, Status};

use crate::{Engine, tally::Tally};
use fleet::{Fleet, SHOP, eventually, user};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The database below.
    pub engine: Engine,
    /// Decides who reads their feed meanwhile, and when the process is killed.
    pub seed: u64,
    /// How often it is killed: each time while it publishes a push of its own.
    pub kills: u32,
    /// How many follow the account.
    pub fans: usize,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Report {
    /// The engine is not to be had here, so nothing was done.
    pub skipped: bool,
    /// Pushes whose scheduling was not answered, because the process was killed before.
    pub unanswered: u32,
    /// Pushes that were sent before the last kill.
    pub sent_between_kills: usize,
    /// Pushes in the end.
    pub pushes: usize,
    /// Deliveries as the pushes count them.
    pub delivered: i64,
    /// Deliveries in the feeds of their fans.
    pub found: Tally,
    /// What must not be, a line each.
    pub violations: Vec<String>,
}

/// How long after its call a process is killed. Machines differ: one in two lives is so short that mostly the call is cut off,
/// the others are long enough for the push to be published, or half of it.
const LIVES_MILLIS: [Range<u64>; 2] = [0..60, 0..400];

/// Kills, waits until all is sent, then checks.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let Options { engine, fans, kills, .. } = options;
    let Some(mut fleet) = Fleet::start(engine, 1, fans, kills.into()).await? else {
        return Ok(Report { skipped: true, ..Report::default() });
    };
    let unanswered = kill_repeatedly(&mut fleet, options).await?;
    let sent = fleet.pushes().await?.into_iter().filter(|push| push.state() == PushState::Sent);
    let mut report = Report { unanswered, sent_between_kills: sent.count(), ..Report::default() };
    eventually(async || all_are_sent(&fleet).await, "all pushes are sent").await?;
    check_rights(&fleet, options, &mut report).await?;
    check_counts(&fleet, options, &mut report).await?;
    check_feeds(&fleet, options, &mut report).await?;
    check_that_all_are_seen(&fleet, options, &mut report).await?;
    fleet.remove().await?;
    Ok(report)
}

/// `accounts/shop/pushes/{push}`
#[must_use]
pub fn named(push_id: &str) -> String {
    format!("{SHOP}/pushes/{push_id}")
}

/// A push of the account; where it has no content, its id is its text.
#[must_use]
pub fn draft(push_id: &str, push: Push) -> CreatePushRequest {
    let text = || PushContent {
        kind: PushContentKind::Text.into(),
        text: push_id.to_owned(),
        ..PushContent::default()
    };
    CreatePushRequest {
        parent: SHOP.to_owned(),
        push_id: push_id.to_owned(),
        push: Some(Push { content: push.content.or_else(|| Some(text())), ..push }),
        ..CreatePushRequest::default()
    }
}

/// Makes a draft, unless it was made by a call that was not answered.
///
/// # Errors
/// When the service refuses.
pub async fn create(client: Client, push_id: &str) -> Result<(), Status> {
    match PushServiceClient::new(client).create_push(draft(push_id, Push::default())).await {
        Err(status) if status.code() != Code::AlreadyExists => Err(status),
        _ => Ok(()),
    }
}

/// Schedules a push: for a time, or at once.
///
/// # Errors
/// When the service refuses, or is killed.
pub async fn schedule(
    client: Client,
    name: String,
    publish_time: Option<prost_types::Timestamp>,
) -> Result<(), Status> {
    let request = SchedulePushRequest { name, publish_time, ..SchedulePushRequest::default() };
    PushServiceClient::new(client).schedule_push(request).await.map(drop)
}

/// What does not add up in the counts of a push: planned = excluded + held + delivered + failed + retracted, and
/// delivered = seen + unseen + expired.
#[must_use]
pub fn imbalance(counts: &PushCounts) -> Option<String> {
    let excluded: i64 = counts.excluded.iter().map(|excluded| excluded.count).sum();
    let somewhere = excluded + counts.held + counts.delivered + counts.failed + counts.retracted;
    let delivered = counts.seen + counts.unseen + counts.expired;
    let adds_up = (counts.planned, counts.delivered) == (somewhere, delivered);
    (!adds_up).then(|| format!("does not add up: {counts:?}"))
}

/// Lets processes publish a push each, and die of it; answers how many calls were not answered.
async fn kill_repeatedly(fleet: &mut Fleet, options: Options) -> anyhow::Result<u32> {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut unanswered = 0;
    for number in 0..options.kills {
        let push_id = push_id(number);
        create(fleet.client(0), &push_id).await?;
        let client = fleet.client(0);
        let fan = user(random.random_range(0..options.fans));
        let call = tokio::spawn(async move {
            let scheduled = schedule(client.clone(), named(&push_id), None).await;
            let request = ListFeedRequest { user: fan, ..ListFeedRequest::default() };
            drop(FeedServiceClient::new(client).list_feed(request).await);
            scheduled
        });
        let life = LIVES_MILLIS[usize::from(random.random_bool(0.5))].clone();
        sleep(Duration::from_millis(random.random_range(life))).await;
        fleet.replace(0).await?;
        unanswered += u32::from(call.await?.is_err());
    }
    Ok(unanswered)
}

fn push_id(number: u32) -> String {
    format!("p{number:03}")
}

/// Whether all are; what nobody knows to be scheduled is scheduled again.
async fn all_are_sent(fleet: &Fleet) -> anyhow::Result<bool> {
    let mut all = true;
    for push in fleet.pushes().await? {
        all &= push.state() == PushState::Sent;
        if push.state() == PushState::Draft {
            // It may be refused while an attempt before is finished.
            drop(schedule(fleet.client(0), push.name, None).await);
        }
    }
    Ok(all)
}

/// Each push used one right, and none is left reserved.
async fn check_rights(fleet: &Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let found = fleet.allowance(to_proto(Clock::System.now())).await?;
    if found != (0, options.kills.into()) {
        report.violations.push(format!(
            "{} pushes, but {} rights are reserved and {} used",
            options.kills, found.0, found.1
        ));
    }
    Ok(())
}

/// Each push reached as many as there are fans, by its own counts, and these add up.
async fn check_counts(fleet: &Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let fans = i64::try_from(options.fans)?;
    for push in fleet.pushes().await? {
        let counts = push.counts.context("a push that is sent has counts")?;
        report.pushes += 1;
        report.delivered += counts.delivered;
        if (counts.planned, counts.delivered) != (fans, fans) {
            report.violations.push(format!("{}: {fans} follow, but it has {counts:?}", push.name));
        }
        report.violations.extend(imbalance(&counts).map(|what| format!("{} {what}", push.name)));
    }
    Ok(())
}

/// Each fan finds each push once.
async fn check_feeds(fleet: &Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    for fan in (0..options.fans).map(user) {
        let mut times: BTreeMap<String, usize> =
            (0..options.kills).map(|number| (named(&push_id(number)), 0)).collect();
        for push in feed(fleet, &fan).await? {
            *times.entry(push).or_default() += 1;
        }
        for (push, times) in times {
            report.found.count(times);
            if times != 1 {
                report.violations.push(format!("{fan} finds {push} {times} times"));
            }
        }
    }
    Ok(())
}

/// The pushes in the feed of a user, page by page.
async fn feed(fleet: &Fleet, user: &str) -> anyhow::Result<Vec<String>> {
    let mut feeds = FeedServiceClient::new(fleet.client(0));
    let mut pushes = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListFeedRequest { user: user.to_owned(), page_size: 100, page_token, ..Default::default() };
        let page = feeds.list_feed(request).await?.into_inner();
        pushes.extend(page.items.into_iter().map(|item| item.push));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(pushes);
        }
    }
}

/// After all have read their feeds, each push counts all as those who have seen it.
async fn check_that_all_are_seen(fleet: &Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let fans = i64::try_from(options.fans)?;
    for push in fleet.pushes().await? {
        let counts = push.counts.unwrap_or_default();
        if (counts.seen, counts.unseen) != (fans, 0) {
            report.violations.push(format!("{}: all {fans} have seen it, but it has {counts:?}", push.name));
        }
        report.violations.extend(imbalance(&counts).map(|what| format!("{} {what}", push.name)));
    }
    Ok(())
}
