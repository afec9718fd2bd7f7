//! How fast homepages are read by viewers who were there before, beside a bare tonic that answers as many bytes; what the
//! first reading costs, and how long after a follow its entrances are what they should be.

mod content;
pub(crate) mod echo;
mod reads;

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use siyu::connect::connect;
use siyu_clock::Stopwatch;
use siyu_tests::{
    Engine,
    installation::{Installation, Launch},
};

use crate::{
    Arguments,
    machine::{Cores, median, print_table, whole},
    service::processor_time,
};
use reads::{Reader, Viewers};

/// Accounts whose homepages are read.
const ACCOUNTS: usize = 50;
/// Who reads them.
const VIEWERS: usize = 100_000;
const QUICK_VIEWERS: usize = 5_000;
/// Reads of a round.
const READS: usize = 200_000;
/// Viewers of whom each is new, one after the other.
const COLD: usize = 2_000;
/// Follows after which an entrance is watched.
const FOLLOWS: usize = 200;

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    let viewers = Viewers::new(if arguments.quick { QUICK_VIEWERS } else { VIEWERS });
    println!(
        "\nHomepages: {ACCOUNTS} accounts, {} viewers (Zipf, s = 1), every second a follower; {} rounds.",
        whole(f64::from(u32::try_from(viewers.count())?)),
        arguments.rounds
    );
    for engine in engines {
        println!("\n  {}", engine.name());
        measure_on(*engine, arguments, &viewers, cores).await?;
    }
    Ok(())
}

async fn measure_on(
    engine: Engine,
    arguments: &Arguments,
    viewers: &Viewers,
    cores: &Cores,
) -> anyhow::Result<()> {
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let launch = Launch { wrapper: cores.of_server(), ..Launch::default() };
    let mut process = installation.start(&launch)?;
    let url = process.ready().await?;
    content::publish(&connect(&url, &installation.token).await?, viewers.count()).await?;
    // It gives back what it publishes under: who is killed leaves the first event after that waiting for a lease.
    process.terminate().await?;

    // Anew, so that nothing is in memory.
    let metrics = free_address()?;
    let launch = Launch { set: vec![format!("telemetry.metrics_listen={metrics}")], ..launch };
    let mut process = installation.start(&launch)?;
    let url = process.ready().await?;
    let client = connect(&url, &installation.token).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let bytes = cold(&url, &installation.token, viewers).await?;
    let (echo, echo_url) = echo::start(cores, bytes).await?;
    let own = Server { url, path: reads::PATH, process: process.id().context("the server runs")? };
    let bare = Server { url: echo_url, path: reads::ECHO_PATH, process: echo.id().context("it runs")? };
    warm_up(&own, arguments, viewers, &installation.token).await?;
    let before = Hits::read(&metrics).await?;
    compare(arguments, viewers, &[own, bare], &installation.token).await?;
    drop(echo);
    println!("  {}", Hits::read(&metrics).await?.since(&before));
    stale(&client).await?;
    process.kill().await?;
    installation.remove().await
}

/// Reads what nobody has read yet; answers how many bytes a homepage has.
async fn cold(url: &str, token: &str, viewers: &Viewers) -> anyhow::Result<usize> {
    let reader = Reader::connect(url, token).await?;
    let (mut first, mut cold, mut warm) = (Histogram::new(3)?, Histogram::new(3)?, Histogram::new(3)?);
    let mut bytes = 0;
    for account in 0..ACCOUNTS {
        reader.timed(&Viewers::anonymous(account), &mut first).await?;
    }
    // Those who come seldom: the rounds after this have met none of the others.
    let last = viewers.count() - COLD.min(viewers.count())..viewers.count();
    for viewer in last.clone() {
        bytes += reader.timed(&viewers.request(viewer), &mut cold).await?;
    }
    let count = last.len();
    for viewer in last {
        reader.timed(&viewers.request(viewer), &mut warm).await?;
    }
    let heading = ["one after the other", "p50 µs", "p99 µs"].map(str::to_owned).to_vec();
    let line = |name: &str, histogram: &Histogram<u64>| {
        vec![name.to_owned(), quantile(histogram, 0.5), quantile(histogram, 0.99)]
    };
    print_table(&[
        heading,
        line("first reading of a homepage", &first),
        line("first reading by a viewer (the CRM is asked)", &cold),
        line("second reading", &warm),
    ]);
    Ok(bytes / count)
}

/// Who is read from.
#[derive(Debug)]
struct Server {
    url: String,
    path: &'static str,
    process: u32,
}

/// Has every viewer read once: who comes in the rounds has been there before.
async fn warm_up(
    server: &Server,
    arguments: &Arguments,
    viewers: &Viewers,
    token: &str,
) -> anyhow::Result<()> {
    let requests = (0..viewers.count()).map(|viewer| viewers.request(viewer)).collect();
    let before = processor_time(server.process)?;
    let (took, _) = reads::run(&server.url, server.path, token, arguments.callers, requests).await?;
    let processor = processor_time(server.process)?.saturating_sub(before);
    let count = f64::from(u32::try_from(viewers.count())?);
    println!(
        "  every viewer once, most for the first time: {} reads/s, {:.1} server µs each",
        whole(count / took.as_secs_f64()),
        processor.as_secs_f64() * 1e6 / count
    );
    Ok(())
}

/// Rounds of reads at each server in turn: the suite first, then the bare tonic.
async fn compare(
    arguments: &Arguments,
    viewers: &Viewers,
    servers: &[Server; 2],
    token: &str,
) -> anyhow::Result<()> {
    let reads = if arguments.quick { READS / 10 } else { READS };
    let mut rates = [Vec::new(), Vec::new()];
    let mut processors = [Vec::new(), Vec::new()];
    let mut calls = [Histogram::<u64>::new(3)?, Histogram::new(3)?];
    for round in 0..arguments.rounds {
        for (place, Server { url, path, process }) in servers.iter().enumerate() {
            let requests = viewers.drawn(reads, round.into());
            let before = processor_time(*process)?;
            let (took, histogram) = reads::run(url, path, token, arguments.callers, requests).await?;
            let processor = processor_time(*process)?.saturating_sub(before);
            let count = f64::from(u32::try_from(reads)?);
            processors[place].push(processor.as_secs_f64() * 1e6 / count);
            rates[place].push(count / took.as_secs_f64());
            calls[place].add(histogram)?;
        }
    }
    let ratios: Vec<f64> = rates[0].iter().zip(&rates[1]).map(|(own, bare)| own / bare).collect();
    let heading = ["", "reads/s", "p50 µs", "p99 µs", "server µs each"].map(str::to_owned).to_vec();
    let line = |name: &str, place: usize| {
        let rate = whole(median(rates[place].iter().copied()));
        let processor = format!("{:.1}", median(processors[place].iter().copied()));
        vec![name.to_owned(), rate, quantile(&calls[place], 0.5), quantile(&calls[place], 0.99), processor]
    };
    print_table(&[heading, line("GetHomepage", 0), line("a bare tonic, as many bytes", 1)]);
    println!("  ratio {:.2}; the aim is 0.6.", median(ratios));
    Ok(())
}

/// How long after the answer to a follow the viewer sees it.
async fn stale(client: &siyu::connect::Client) -> anyhow::Result<()> {
    let mut after = Histogram::new(3)?;
    for number in 0..FOLLOWS {
        let viewer = format!("new-{number}");
        anyhow::ensure!(!reads::follows(client, &viewer).await?, "it follows already");
        content::follow(client, "bench-1", [format!("follow-{number}")].into_iter().zip([viewer.clone()]))
            .await?;
        let stopwatch = Stopwatch::start();
        while !reads::follows(client, &viewer).await? {
            anyhow::ensure!(stopwatch.elapsed() < Duration::from_secs(90), "it never shows");
        }
        after.record(u64::try_from(stopwatch.elapsed().as_micros())?)?;
    }
    println!(
        "  {FOLLOWS} follows: the homepage shows it after p50 {} ms, p99 {} ms, at most {} ms.",
        milliseconds(&after, 0.5),
        milliseconds(&after, 0.99),
        milliseconds(&after, 1.0)
    );
    Ok(())
}

/// How often what was looked for was in memory and was not, as the server's metrics tell: of pages, of standings.
#[derive(Debug)]
struct Hits([(f64, f64); 2]);

impl Hits {
    async fn read(address: &str) -> anyhow::Result<Self> {
        let text = reads::metrics(address).await?;
        let count = |cache: &str, outcome: &str| -> f64 {
            let labels = format!("siyu_homepage_cache_total{{cache=\"{cache}\",outcome=\"{outcome}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&labels)?.parse().ok()).unwrap_or_default()
        };
        Ok(Self(["pages", "standings"].map(|cache| (count(cache, "hit"), count(cache, "miss")))))
    }

    /// In words, without what was before.
    fn since(&self, before: &Self) -> String {
        let rate = |place: usize| {
            let ((hits, misses), (hits_before, misses_before)) = (self.0[place], before.0[place]);
            let (hits, misses) = (hits - hits_before, misses - misses_before);
            format!("{:.2} % of {}", 100.0 * hits / (hits + misses), whole(hits + misses))
        };
        format!("found in memory in these rounds: pages {}, standings {}.", rate(0), rate(1))
    }
}

fn quantile(histogram: &Histogram<u64>, quantile: f64) -> String {
    whole(f64::from(u32::try_from(histogram.value_at_quantile(quantile)).unwrap_or(u32::MAX)))
}

fn milliseconds(histogram: &Histogram<u64>, quantile: f64) -> String {
    let micros = u32::try_from(histogram.value_at_quantile(quantile)).unwrap_or(u32::MAX);
    format!("{:.1}", f64::from(micros) / 1e3)
}

fn free_address() -> anyhow::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
