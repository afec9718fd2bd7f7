//! One message to many while processes are killed: everybody is sent it, and nobody twice.

mod ledger;

use std::{collections::BTreeMap, ops::Range, time::Duration};

use anyhow::{Context, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu_clock::Clock;
use siyu_proto::{
    crm::v1::{
        CreatePackageRequest, IngestInteractionsRequest, Interaction, InteractionKind, Package,
        PackageSource, PackageSourceKind, interaction_service_client::InteractionServiceClient,
        package_service_client::PackageServiceClient,
    },
    messaging::v1::{
        CreateGroupSendRequest, GetGroupSendRequest, GroupSend, GroupSendState, GroupSendStatus,
        ListDeskConversationsRequest, ListGroupSendOutcomesRequest, MessageContent, MessageContentKind,
        desk_service_client::DeskServiceClient, group_send_service_client::GroupSendServiceClient,
    },
};
use siyu_rpc::time::to_proto;
use tokio::time::sleep;

use crate::{
    Engine,
    pushes::fleet::{Fleet, SHOP, eventually, user},
    tally::Tally,
};
use ledger::Ledger;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The database below.
    pub engine: Engine,
    /// Decides when which processes are killed.
    pub seed: u64,
    /// How often.
    pub kills: u32,
    /// How many the message is for.
    pub fans: usize,
    /// How fast it goes out.
    pub messages_per_minute: i32,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Report {
    /// The engine is not to be had here, so nothing was done.
    pub skipped: bool,
    /// How many had been sent it at each kill.
    pub sent_at_kills: Vec<i64>,
    /// How many were sent it in the end, as the group sending counts them.
    pub sent: i64,
    /// Messages in the conversations of the fans.
    pub found: Tally,
    /// What must not be, a line each.
    pub violations: Vec<String>,
}

const ID: &str = "spring";
/// The most of a page, and of a batch of interactions.
const PAGE: usize = 1_000;
/// How long after the moment that is waited for a process is killed: about as long as it takes until the next messages go out.
const LIFE_MILLIS: Range<u64> = 0..1_000;

/// Kills, waits until everybody's turn came, then checks.
///
/// # Errors
/// When something beside the checked rules fails; what breaks a rule is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    // From a SQLite file one process alone may serve.
    let processes = if options.engine == Engine::Sqlite { 1 } else { 2 };
    let Some(mut fleet) = Fleet::start(options.engine, processes, 0, 1).await? else {
        return Ok(Report { skipped: true, ..Report::default() });
    };
    make_package(&fleet, options.fans).await?;
    let request = sending(ID, options.messages_per_minute);
    GroupSendServiceClient::new(fleet.client(0)).create_group_send(request).await?;
    let mut report = Report::default();
    kill_repeatedly(&mut fleet, options, &mut report).await?;
    wait_until_done(&fleet).await?;
    check_counts(&fleet, options, &mut report).await?;
    check_outcomes(&fleet, options, &mut report).await?;
    check_conversations(&fleet, options, &mut report).await?;
    fleet.remove().await?;
    Ok(report)
}

/// One message of the account to its package `fans`.
#[must_use]
pub fn sending(id: &str, messages_per_minute: i32) -> CreateGroupSendRequest {
    let content = MessageContent {
        kind: MessageContentKind::Text.into(),
        text: "Spring is here".to_owned(),
        ..MessageContent::default()
    };
    let group_send = GroupSend {
        package: format!("{SHOP}/packages/fans"),
        content: Some(content),
        messages_per_minute,
        ..GroupSend::default()
    };
    CreateGroupSendRequest {
        parent: SHOP.to_owned(),
        group_send_id: id.to_owned(),
        group_send: Some(group_send),
        ..CreateGroupSendRequest::default()
    }
}

/// Has so many users follow the account, and makes a package of them.
async fn make_package(fleet: &Fleet, fans: usize) -> anyhow::Result<()> {
    let event_time = Some(to_proto(Clock::System.now()));
    let follow = |number| Interaction {
        event_id: format!("follow-{number}"),
        user: user(number),
        kind: InteractionKind::Follow.into(),
        event_time,
        ..Interaction::default()
    };
    let follows: Vec<Interaction> = (0..fans).map(follow).collect();
    let mut interactions = InteractionServiceClient::new(fleet.client(0));
    for batch in follows.chunks(PAGE) {
        let request = IngestInteractionsRequest { parent: SHOP.to_owned(), interactions: batch.to_vec() };
        let answer = interactions.ingest_interactions(request).await?.into_inner();
        ensure!(answer.accepted_count == i64::try_from(batch.len())?, "not all follow: {answer:?}");
    }
    let source = PackageSource {
        kind: PackageSourceKind::Filter.into(),
        filter: "following = true".to_owned(),
        ..PackageSource::default()
    };
    let request = CreatePackageRequest {
        parent: SHOP.to_owned(),
        package: Some(Package {
            display_name: "fans".to_owned(),
            source: Some(source),
            ..Package::default()
        }),
        package_id: "fans".to_owned(),
        ..CreatePackageRequest::default()
    };
    PackageServiceClient::new(fleet.client(0)).create_package(request).await?;
    Ok(())
}

async fn get(fleet: &Fleet) -> anyhow::Result<GroupSend> {
    let request = GetGroupSendRequest { name: format!("{SHOP}/groupSends/{ID}") };
    let answer = GroupSendServiceClient::new(fleet.client(0)).get_group_send(request).await?;
    answer.into_inner().group_send.context("the answer has no group sending")
}

/// Kills processes while it goes out. Right after each kill what is stored adds up.
async fn kill_repeatedly(fleet: &mut Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let fans = i64::try_from(options.fans)?;
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    for kill in 0..options.kills {
        // The others fall soon after a start, while what was missed goes out at once.
        let waits = random.random_bool(0.5);
        if waits {
            let share = fans * i64::from(kill) / i64::from(options.kills + 2);
            eventually(async || Ok(get(fleet).await?.sent_count >= share), "it goes on").await?;
        }
        sleep(Duration::from_millis(random.random_range(LIFE_MILLIS))).await;
        let victims = random.random_range(1..=fleet.size());
        for _ in 0..victims {
            fleet.kill(0).await?;
        }
        let ledger = Ledger::read(fleet.installation(), ID).await?;
        ensure!(ledger.sent < fans, "all was sent before kill {kill}: more fans, or fewer a minute");
        report.sent_at_kills.push(ledger.sent);
        report.violations.extend(ledger.imbalance().map(|what| format!("after kill {kill} {what}")));
        for _ in 0..victims {
            fleet.grow().await?;
        }
    }
    Ok(())
}

/// Waits as long as it goes on.
async fn wait_until_done(fleet: &Fleet) -> anyhow::Result<()> {
    loop {
        let before = get(fleet).await?;
        if before.state() == GroupSendState::Done {
            return Ok(());
        }
        let goes_on = async || {
            let now = get(fleet).await?;
            Ok(now.state() == GroupSendState::Done || now.sent_count > before.sent_count)
        };
        eventually(goes_on, "it goes on").await?;
    }
}

/// Everybody was planned and sent it, by its own counts, and these add up.
async fn check_counts(fleet: &Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let fans = i64::try_from(options.fans)?;
    let done = get(fleet).await?;
    report.sent = done.sent_count;
    let others = (done.pending_count, done.held_count, done.refused.len());
    if (done.planned_count, done.sent_count, others) != (fans, fans, (0, 0, 0)) {
        report.violations.push(format!("it is for {fans} fans, but it is {done:?}"));
    }
    let ledger = Ledger::read(fleet.installation(), ID).await?;
    report.violations.extend(ledger.imbalance().map(|what| format!("in the end {what}")));
    Ok(())
}

/// Everybody stands once among its recipients, as one who was sent it.
async fn check_outcomes(fleet: &Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let mut group_sends = GroupSendServiceClient::new(fleet.client(0));
    let mut times: BTreeMap<String, usize> = (0..options.fans).map(|number| (user(number), 0)).collect();
    let mut page_token = String::new();
    loop {
        let parent = format!("{SHOP}/groupSends/{ID}");
        let request = ListGroupSendOutcomesRequest { parent, page_size: i32::try_from(PAGE)?, page_token };
        let page = group_sends.list_group_send_outcomes(request).await?.into_inner();
        for outcome in page.group_send_outcomes {
            *times.entry(outcome.user.clone()).or_default() += 1;
            if outcome.status() != GroupSendStatus::Sent {
                report.violations.push(format!("not sent: {outcome:?}"));
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let wrong = times.into_iter().filter(|(_, times)| *times != 1);
    report.violations.extend(wrong.map(|(user, times)| format!("{user} is {times} times a recipient")));
    Ok(())
}

/// Everybody has the message once.
async fn check_conversations(fleet: &Fleet, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let mut desk = DeskServiceClient::new(fleet.client(0));
    let mut messages: BTreeMap<String, i64> = (0..options.fans).map(|number| (user(number), 0)).collect();
    let mut page_token = String::new();
    loop {
        let parent = SHOP.to_owned();
        let request = ListDeskConversationsRequest { parent, page_size: i32::try_from(PAGE)?, page_token };
        let page = desk.list_desk_conversations(request).await?.into_inner();
        for conversation in page.conversations {
            // Sequences have no gaps: the last is their number.
            *messages.entry(conversation.user).or_default() += conversation.last_sequence;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    for (user, messages) in messages {
        report.found.count(usize::try_from(messages)?);
        if messages != 1 {
            report.violations.push(format!("{user} has {messages} messages"));
        }
    }
    Ok(())
}
