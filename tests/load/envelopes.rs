//! One hot envelope in a big group: shares that are grabbed in a second while hundreds ask at once, grabs that share transactions
//! beside a transaction for each, and those who come when it is empty.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_clock::Stopwatch;
use siyu_proto::groups::v1::{
    CompareEnvelopeLedgerRequest, CreateEnvelopeRequest, CreateGroupRequest, Envelope, EnvelopeKind,
    FundEnvelopeBudgetRequest, GrabEnvelopeRequest, Group, GroupPurpose, JoinGroupRequest,
    envelope_budget_service_client::EnvelopeBudgetServiceClient,
    envelope_service_client::EnvelopeServiceClient, group_service_client::GroupServiceClient,
    membership_service_client::MembershipServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    Arguments,
    machine::{Cores, median, print_table, whole},
};

const ACCOUNT: &str = "accounts/bench";
const GROUP: &str = "accounts/bench/groups/vip";
const ENVELOPE: &str = "accounts/bench/groups/vip/envelopes/hot";
/// Those who ask at once, each when it is answered.
const CALLERS: usize = 256;
const CONNECTIONS: usize = 8;

/// How one server did in one round.
#[derive(Debug)]
struct Measured {
    /// Shares grabbed in a second.
    grabbed: f64,
    p50: f64,
    p99: f64,
    /// Refusals in a second, once it is empty.
    refused: f64,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    let (many, few) = if arguments.quick { (1_000, 300) } else { (5_000, 1_000) };
    println!(
        "\nOne hot envelope: {} members of a group grab from it, {CALLERS} at once on {CONNECTIONS} connections ({} of them \
         with a commit for each grab); medians of {} interleaved rounds.",
        whole(f64::from(u32::try_from(many)?)),
        whole(f64::from(u32::try_from(few)?)),
        arguments.rounds
    );
    let heading = [
        "",
        "grabs/s",
        "p50 ms",
        "p99 ms",
        "one commit each/s",
        "p50 ms",
        "p99 ms",
        "times as many",
        "refusals/s once empty",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for engine in engines {
        let (mut grouped, mut alone) = (Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            grouped.push(round(*engine, cores, many, &[]).await?);
            alone.push(round(*engine, cores, few, &["groups.max_calls_per_commit=1"]).await?);
        }
        let figures = |rounds: &[Measured]| {
            let of = |value: fn(&Measured) -> f64| median(rounds.iter().map(value));
            let milliseconds = |value: f64| format!("{value:.1}");
            [whole(of(|it| it.grabbed)), milliseconds(of(|it| it.p50)), milliseconds(of(|it| it.p99))]
        };
        let times = grouped.iter().zip(&alone).map(|(grouped, alone)| grouped.grabbed / alone.grabbed);
        let last = [format!("{:.1}", median(times)), whole(median(grouped.iter().map(|it| it.refused)))];
        let cells = figures(&grouped).into_iter().chain(figures(&alone)).chain(last);
        lines.push([engine.name().to_owned()].into_iter().chain(cells).collect());
    }
    print_table(&lines);
    Ok(())
}

/// Starts a server, has all members grab at once, and once more when the envelope is empty.
async fn round(engine: Engine, cores: &Cores, members: usize, settings: &[&str]) -> anyhow::Result<Measured> {
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let mut process = installation.start(&Launch {
        wrapper: cores.of_server(),
        // The CRM takes in what members do in a process of its own.
        services: vec![ServiceName::Accounts, ServiceName::Groups],
        set: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        ..Launch::default()
    })?;
    let url = process.ready().await?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(&url, &installation.token).await?);
    }
    prepare(&clients, members).await?;
    let (took, calls, winners) = all_grab(&clients, members, "u").await?;
    ensure!(winners == members, "{winners} of {members} have a share");
    let (took_empty, _, late) = all_grab(&clients, members, "late").await?;
    ensure!(late == 0, "{late} have a share that there is not");
    let request = CompareEnvelopeLedgerRequest { parent: ACCOUNT.to_owned() };
    let compared =
        EnvelopeBudgetServiceClient::new(clients[0].clone()).compare_envelope_ledger(request).await?;
    ensure!(compared.into_inner().difference_minor == 0, "the ledger does not add up");
    process.kill().await?;
    installation.remove().await?;
    let milliseconds =
        |quantile: f64| f64::from(u32::try_from(calls.value_at_quantile(quantile)).unwrap_or(u32::MAX)) / 1e3;
    let count = f64::from(u32::try_from(members)?);
    Ok(Measured {
        grabbed: count / took.as_secs_f64(),
        p50: milliseconds(0.5),
        p99: milliseconds(0.99),
        refused: count / took_empty.as_secs_f64(),
    })
}

/// A group with so many members, and an envelope with a share for each; as many others are in the group and come too late.
async fn prepare(clients: &[Client], members: usize) -> anyhow::Result<()> {
    create_accounts(&clients[0], &["bench".to_owned()]).await?;
    let count = i32::try_from(members)?;
    let group = Group {
        display_name: "VIP".to_owned(),
        purpose: GroupPurpose::Interactive.into(),
        capacity: 2 * count,
        ..Group::default()
    };
    let request = CreateGroupRequest {
        parent: ACCOUNT.to_owned(),
        group_id: "vip".to_owned(),
        group: Some(group),
        request_id: "vip".to_owned(),
    };
    GroupServiceClient::new(clients[0].clone()).create_group(request).await?;
    for user in ["u", "late"] {
        for_all(clients, members, |client, number| {
            let user = format!("users/{user}{number}");
            let request = JoinGroupRequest { name: GROUP.to_owned(), user, ..JoinGroupRequest::default() };
            async move { Ok(MembershipServiceClient::new(client).join_group(request).await.map(drop)?) }
        })
        .await?;
    }
    let total_minor = 100 * i64::from(count);
    let request = FundEnvelopeBudgetRequest {
        parent: ACCOUNT.to_owned(),
        amount_minor: total_minor,
        ..Default::default()
    };
    EnvelopeBudgetServiceClient::new(clients[0].clone()).fund_envelope_budget(request).await?;
    let envelope =
        Envelope { kind: EnvelopeKind::Lucky.into(), total_minor, share_count: count, ..Envelope::default() };
    let request = CreateEnvelopeRequest {
        parent: GROUP.to_owned(),
        envelope: Some(envelope),
        envelope_id: "hot".to_owned(),
        ..Default::default()
    };
    EnvelopeServiceClient::new(clients[0].clone()).create_envelope(request).await?;
    Ok(())
}

/// Has so many users grab; answers how long that took, the microseconds of each call, and how many have a share.
async fn all_grab(
    clients: &[Client],
    users: usize,
    prefix: &'static str,
) -> anyhow::Result<(Duration, Histogram<u64>, usize)> {
    let calls = Arc::new(std::sync::Mutex::new(Histogram::<u64>::new(3)?));
    let winners = Arc::new(AtomicUsize::new(0));
    let stopwatch = Stopwatch::start();
    for_all(clients, users, |client, number| {
        let (calls, winners) = (calls.clone(), winners.clone());
        let request =
            GrabEnvelopeRequest { name: ENVELOPE.to_owned(), user: format!("users/{prefix}{number}") };
        async move {
            let stopwatch = Stopwatch::start();
            let answer = EnvelopeServiceClient::new(client).grab_envelope(request).await;
            let took = u64::try_from(stopwatch.elapsed().as_micros())?;
            calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).record(took)?;
            match answer {
                Ok(_) => winners.fetch_add(1, Ordering::Relaxed),
                Err(status) if status.code() == Code::ResourceExhausted => 0,
                Err(status) => return Err(status.into()),
            };
            Ok(())
        }
    })
    .await?;
    let took = stopwatch.elapsed();
    let calls = calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    Ok((took, calls, winners.load(Ordering::Relaxed)))
}

/// Does something for the numbers below `count`, for `CALLERS` of them at once.
async fn for_all<F>(clients: &[Client], count: usize, act: impl Fn(Client, usize) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for number in 0..count {
        if running.len() >= CALLERS {
            running.join_next().await.context("some run")???;
        }
        running.spawn(act(clients[number % clients.len()].clone(), number));
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}
