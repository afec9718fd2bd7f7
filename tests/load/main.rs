//! `make bench`: speed and cost, each beside what else this machine can do in the same run. Server and load are pinned
//! to a core each; every figure is the median of interleaved rounds.

mod commits;
mod copy;
mod decay;
mod envelopes;
mod fanout;
mod fans;
mod homepage;
mod ingestion;
mod machine;
mod messages;
mod pushes;
mod raw;
mod rows;
mod segments;
mod service;
mod set_based;
mod streams;

use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;
use siyu_clock::Stopwatch;
use siyu_tests::Engine;

/// The same as the server has: it is compared with what is served from here.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measures group commit, ingestion, finding the fans whose tier changed, reading homepages, counting
/// segments, pushes with their feeds, private messages, thousands of rules that look at them, thousands who listen to them,
/// a group that hears each other, and a hot envelope.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Arguments {
    /// Interactions of a round
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    events: u32,
    /// Clients that send at once, each on a connection of its own
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    callers: u32,
    /// Accounts that the clients send to
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    accounts: u32,
    /// Rounds of ingestion
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Numbers of fans among whom those whose tier changed are found
    #[arg(long, value_delimiter = ',', default_value = "100000,3000000")]
    fans: Vec<i64>,
    /// Days that pass, one after the other
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=30))]
    days: u32,
    /// Seconds that callers call for, to compare commits
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Messages a second to those whose inboxes are open, whether the server keeps up or not
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Only this part [default: all]
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Answers every call with so many bytes: the bare tonic beside the homepages
    #[arg(long, hide = true)]
    echo: Option<usize>,
    /// Is the bare service that messages are compared with, on this database
    #[arg(long, hide = true)]
    commit: Option<String>,
    /// Is the bare service that a group is compared with
    #[arg(long, hide = true)]
    fanout: Option<bool>,
    /// Small sizes, for a minute
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Commits,
    Ingestion,
    Decay,
    Homepage,
    Segments,
    Pushes,
    Messages,
    Rules,
    Streams,
    Fanout,
    Envelopes,
}

impl Arguments {
    fn sized(self) -> Self {
        if self.quick {
            Self { events: 20_000, rounds: 1, fans: vec![20_000, 200_000], seconds: 2, ..self }
        } else {
            self
        }
    }

    fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse().sized();
    if let Some(bytes) = arguments.echo {
        return homepage::echo::serve(bytes).await;
    }
    if let Some(url) = &arguments.commit {
        return messages::bare::serve(url).await;
    }
    if arguments.fanout.is_some() {
        return fanout::bare::serve().await;
    }
    let stopwatch = Stopwatch::start();
    let cores = machine::Cores::divide().await;
    println!("{cores}");
    if cfg!(debug_assertions) {
        println!("This is a build for debugging: its figures mean nothing. `make bench` builds for speed.");
    }
    let engines = machine::engines();
    if !engines.contains(&Engine::Postgres) {
        println!(
            "SKIP postgres: SIYU_TEST_POSTGRES does not name a cluster (tests/with-postgres.sh starts one)"
        );
    }
    if arguments.wants(Part::Commits) {
        commits::measure(&arguments, &engines, &cores).await?;
        messages::measure_commits(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Ingestion) {
        ingestion::measure(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Decay) {
        decay::measure(&arguments, &engines).await?;
    }
    if arguments.wants(Part::Homepage) {
        homepage::measure(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Segments) {
        segments::measure(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Pushes) {
        pushes::measure(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Messages) {
        messages::measure(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Rules) {
        messages::rules::measure(&arguments, &cores).await?;
    }
    if arguments.wants(Part::Streams) {
        streams::measure(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Fanout) {
        fanout::measure(&arguments, &engines, &cores).await?;
    }
    if arguments.wants(Part::Envelopes) {
        envelopes::measure(&arguments, &engines, &cores).await?;
    }
    println!("\nTook {:.0} s.", stopwatch.elapsed().as_secs_f64());
    Ok(())
}
