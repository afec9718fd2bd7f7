//! Counting the fans of a filter, through the real port, beside a plain SQL count over the same rows.

use anyhow::{Context, ensure};
use siyu::connect::{Client, connect};
use siyu_clock::Stopwatch;
use siyu_db::{Db, on_db};
use siyu_proto::crm::v1::{
    EstimateSegmentRequest, EstimateSegmentResponse, IngestInteractionsRequest, Interaction, InteractionKind,
    interaction_service_client::InteractionServiceClient, segment_service_client::SegmentServiceClient,
};
use siyu_rpc::time::to_proto;
use siyu_tests::{
    Engine,
    installation::{Launch, create_accounts},
};
use tonic::Code;

use crate::{
    Arguments,
    fans::{NOW, load},
    machine::{Cores, median, of_process, print_table, syncs_per_second, whole},
};

const ACCOUNT: &str = "many-0";
/// Five predicates, and the same in SQL.
const FILTER: &str = "following = true AND tier >= FAVORABLE AND interaction_count >= 5 AND active_count >= 2 AND \
                      last_active_time > \"2026-02-15T00:00:00Z\"";
const COUNT: &str = "SELECT COUNT(*) FROM fan WHERE account_id = 'many-0' AND following = 1 \
                     AND tier IN ('favorable', 'true_love') AND interaction_count >= 5 AND active_count >= 2 \
                     AND last_active_time > 1771113600000000";
/// Looked at fan by fan, as no index of a database could.
const BY_RULE: &str = "stage = ACTIVATED";
const ROUNDS: usize = 7;
/// Estimates of a round.
const ESTIMATES: usize = 20;
/// Interactions of the burst, each of a new fan, and those of a call.
const BURST: usize = 100_000;
const BATCH: usize = 500;
const CALLERS: usize = 8;

/// How it went on one engine; times in milliseconds.
struct Measured {
    engine: Engine,
    fans: i64,
    fan_count: i64,
    cold: f64,
    /// Of the server, beyond what it took before.
    bytes_per_fan: f64,
    estimate: f64,
    sql: f64,
    by_rule: f64,
    syncs: f64,
    /// Interactions a second.
    ingested: f64,
    fresh: f64,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    let fans = arguments.fans.iter().max().copied().unwrap_or(3_000_000);
    let mut all = Vec::new();
    for engine in engines {
        all.push(of_engine(*engine, fans, cores).await?);
    }
    print(&all);
    Ok(())
}

async fn of_engine(engine: Engine, fans: i64, cores: &Cores) -> anyhow::Result<Measured> {
    let (installation, db) = load(engine, fans, 1).await?;
    // A clock that stands still: nobody's tier falls meanwhile.
    let launch = Launch { wrapper: cores.of_server(), clock: Some(NOW), ..Launch::default() };
    let mut process = installation.start(&launch)?;
    let url = process.ready().await?;
    let client = connect(&url, &installation.token).await?;
    create_accounts(&client, &[ACCOUNT.to_owned()]).await?;
    let server = process.id().context("the server runs")?;

    let before = resident(server)?;
    let stopwatch = Stopwatch::start();
    let first = first_estimate(&client).await?;
    let cold = stopwatch.elapsed().as_secs_f64() * 1e3;
    let bytes_per_fan = (resident(server)? - before) / f64::from(i32::try_from(fans)?);

    let (mut estimates, mut counts, mut by_rule) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..ESTIMATES {
            estimates.push(timed(&client, FILTER).await?.1);
        }
        let (counted, took) = sql_count(&db).await?;
        ensure!(counted == first.fan_count, "SQL counts {counted}, the service {}", first.fan_count);
        counts.push(took);
        by_rule.push(timed(&client, BY_RULE).await?.1);
    }

    let syncs = syncs_per_second(installation.folder())?;
    let stopwatch = Stopwatch::start();
    burst(&client).await?;
    let ingested = f64::from(i32::try_from(BURST)?) / stopwatch.elapsed().as_secs_f64();
    let (after, fresh) = timed(&client, FILTER).await?;
    let new = after.known_fan_count - first.known_fan_count;
    ensure!(new == i64::try_from(BURST)?, "{new} of {BURST} new fans were counted");
    process.kill().await?;
    db.close().await;
    installation.remove().await?;
    Ok(Measured {
        engine,
        fans,
        fan_count: first.fan_count,
        cold,
        bytes_per_fan,
        estimate: median(estimates),
        sql: median(counts),
        by_rule: median(by_rule),
        syncs,
        ingested,
        fresh,
    })
}

async fn estimate(client: &Client, filter: &str) -> Result<EstimateSegmentResponse, tonic::Status> {
    let request = EstimateSegmentRequest {
        parent: format!("accounts/{ACCOUNT}"),
        filter: filter.to_owned(),
        ..EstimateSegmentRequest::default()
    };
    let answer = SegmentServiceClient::new(client.clone()).estimate_segment(request).await?;
    Ok(answer.into_inner())
}

/// Reading all fans may take longer than a call; it goes on meanwhile.
async fn first_estimate(client: &Client) -> anyhow::Result<EstimateSegmentResponse> {
    loop {
        match estimate(client, FILTER).await {
            Err(status) if status.code() == Code::DeadlineExceeded => {}
            answer => return Ok(answer?),
        }
    }
}

async fn timed(client: &Client, filter: &str) -> anyhow::Result<(EstimateSegmentResponse, f64)> {
    let stopwatch = Stopwatch::start();
    let answer = estimate(client, filter).await?;
    Ok((answer, stopwatch.elapsed().as_secs_f64() * 1e3))
}

async fn sql_count(db: &Db) -> anyhow::Result<(i64, f64)> {
    let stopwatch = Stopwatch::start();
    let mut tx = db.begin_read().await?;
    let count = on_db!(&mut tx, |conn| sqlx::query_scalar(COUNT).fetch_one(conn).await)?;
    Ok((count, stopwatch.elapsed().as_secs_f64() * 1e3))
}

/// New fans follow, by several callers at once.
async fn burst(client: &Client) -> anyhow::Result<()> {
    let numbers: Vec<usize> = (0..BURST).collect();
    let share = BURST.div_ceil(CALLERS);
    let callers = numbers.chunks(share).map(async |numbers| {
        let mut client = InteractionServiceClient::new(client.clone());
        for batch in numbers.chunks(BATCH) {
            let interactions = batch.iter().map(|number| Interaction {
                event_id: format!("burst-{number:06}"),
                user: format!("users/burst-{number:06}"),
                kind: InteractionKind::Follow.into(),
                event_time: Some(to_proto(NOW)),
                ..Interaction::default()
            });
            let request = IngestInteractionsRequest {
                parent: format!("accounts/{ACCOUNT}"),
                interactions: interactions.collect(),
            };
            let answer = client.ingest_interactions(request).await?.into_inner();
            ensure!(answer.rejections.is_empty(), "refused: {answer:?}");
        }
        Ok(())
    });
    futures_util::future::try_join_all(callers).await.map(drop)
}

/// Memory that a process holds, in bytes.
fn resident(process: u32) -> anyhow::Result<f64> {
    Ok(of_process(process, "status", "VmRSS:")? * 1024.0)
}

fn print(all: &[Measured]) {
    println!("\nSegments: {FILTER}");
    println!(" Medians of {} estimates and {ROUNDS} counts by SQL, interleaved:", ROUNDS * ESTIMATES);
    let heading = [
        "",
        "fans",
        "counted",
        "estimate ms",
        "SQL ms",
        "SQL/estimate",
        "stage ms",
        "cold load ms",
        "bytes/fan",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    let fresh = ["", "fsync/s", "interactions/s", "ms until all are counted"];
    let mut bursts = vec![fresh.map(str::to_owned).to_vec()];
    let number = |value: i64| whole(f64::from(i32::try_from(value).unwrap_or(i32::MAX)));
    for measured in all {
        lines.push(vec![
            format!("{:?}", measured.engine),
            number(measured.fans),
            number(measured.fan_count),
            format!("{:.2}", measured.estimate),
            format!("{:.1}", measured.sql),
            format!("{:.1}", measured.sql / measured.estimate),
            format!("{:.1}", measured.by_rule),
            whole(measured.cold),
            format!("{:.0}", measured.bytes_per_fan),
        ]);
        bursts.push(vec![
            format!("{:?}", measured.engine),
            whole(measured.syncs),
            whole(measured.ingested),
            whole(measured.fresh),
        ]);
    }
    print_table(&lines);
    println!(" After a burst of {BURST} interactions of as many new fans:");
    print_table(&bursts);
}
