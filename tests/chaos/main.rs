//! `make chaos`: kills, and disks that fail, against a real `siyu` process. Ends with 1 when a rule was broken, and
//! prints the seed to do it again.

mod durability;
mod strace;

use std::process::ExitCode;

use clap::Parser;
use siyu_clock::{Ids, Stopwatch};
use siyu_tests::{
    Engine,
    chaos::{self, Options, Report},
};

/// Kills a serving process again and again, and lets its disk fail.
#[derive(Debug, Parser)]
struct Arguments {
    /// Repeats a run as far as time allows [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// How often each engine's process is killed
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Clients that send at once
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    callers: u32,
    /// Only this engine [default: both]
    #[arg(long, value_parser = parse_engine)]
    engine: Option<Engine>,
}

fn parse_engine(name: &str) -> Result<Engine, String> {
    match name {
        "sqlite" => Ok(Engine::Sqlite),
        "postgres" => Ok(Engine::Postgres),
        _ => Err("must be sqlite or postgres".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(some_seed);
    println!("seed {seed}");
    let Arguments { kills, callers, .. } = &arguments;
    let again = format!("again with --seed {seed} --kills {kills} --callers {callers}");
    match run(&arguments, seed).await {
        Ok(0) => {
            println!("no rule was broken (seed {seed})");
            ExitCode::SUCCESS
        }
        Ok(violations) => {
            println!("FAILED: {violations} violations; {again}");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("FAILED: {error:#}; {again}");
            ExitCode::FAILURE
        }
    }
}

fn some_seed() -> u64 {
    let mut bytes = [0; 4];
    Ids::random().fill(&mut bytes);
    u32::from_le_bytes(bytes).into()
}

/// Answers the number of violations.
async fn run(arguments: &Arguments, seed: u64) -> anyhow::Result<usize> {
    let mut violations = 0;
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if arguments.engine.is_some_and(|only| only != engine) {
            continue;
        }
        let Arguments { kills, callers, .. } = *arguments;
        let stopwatch = Stopwatch::start();
        let report = chaos::run(Options { engine, seed, kills, callers }).await?;
        if !report.skipped {
            print(engine, arguments, &report);
            println!("  took {:.0} s", stopwatch.elapsed().as_secs_f64());
        }
        violations += report.violations.len();
        if engine == Engine::Sqlite {
            violations += durability::check(seed).await?;
        }
    }
    Ok(violations)
}

fn print(engine: Engine, arguments: &Arguments, report: &Report) {
    const MOST: usize = 20;
    println!("{engine:?}: {} kills, {} of them during the start", arguments.kills, report.kills_during_start);
    println!("  calls broken by them           {}", report.broken_calls);
    println!("  batches acknowledged           {}", report.acknowledged_batches);
    println!("  stored before a lost answer    {}", report.stored_without_answer);
    println!("  batches given up by the caller {}", report.abandoned_batches);
    println!("  interactions acknowledged      {}", report.acknowledged);
    println!("  interactions stored            {}, of {} fans", report.stored, report.fans);
    println!("  violations                     {}", report.violations.len());
    for violation in report.violations.iter().take(MOST) {
        println!("    {violation}");
    }
}
