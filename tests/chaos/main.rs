//! `make chaos`: kills, restarts, processes that are cut off, and disks that fail, against real `siyu` processes; and a
//! simulated network. Ends with 1 when a rule was broken, and prints the seed to do it again.

mod durability;
mod strace;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use siyu_clock::{Ids, Stopwatch};
use siyu_tests::{
    Engine,
    chaos::{Options, Report, kills, partitions, restarts},
    events, group_sends, pushes, simulation,
};

/// Lets bad things happen to serving processes, and checks what they acknowledged.
#[derive(Debug, Parser)]
struct Arguments {
    /// Repeats a run as far as time allows [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// How often each engine's process is killed
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// How often processes of their own are restarted, on each engine
    #[arg(long, default_value_t = 100)]
    restarts: u32,
    /// How often one of two processes is cut off, on PostgreSQL
    #[arg(long, default_value_t = 20)]
    partitions: u32,
    /// How often those who write, publish and apply events are killed, on each engine
    #[arg(long, default_value_t = 100)]
    event_kills: u32,
    /// How often a process is killed while it publishes a push, on each engine
    #[arg(long, default_value_t = 200)]
    push_kills: u32,
    /// How often processes are killed while one message goes out to many, on each engine
    #[arg(long, default_value_t = 10)]
    group_send_kills: u32,
    /// How many it goes out to, within a minute
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u16).range(100..=60_000))]
    group_send_fans: u16,
    /// Simulations of a minute, each with the seed after that of the one before
    #[arg(long, default_value_t = 40)]
    simulations: u32,
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
    let Arguments { kills, restarts, partitions, event_kills, push_kills, .. } = &arguments;
    let Arguments { group_send_kills, group_send_fans, simulations, callers, .. } = &arguments;
    let again = format!(
        "again with --seed {seed} --kills {kills} --restarts {restarts} --partitions {partitions} \
         --event-kills {event_kills} --push-kills {push_kills} --group-send-kills {group_send_kills} \
         --group-send-fans {group_send_fans} --simulations {simulations} --callers {callers}"
    );
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
        let options = |faults| Options { engine, seed, faults, callers: arguments.callers };
        if arguments.kills > 0 {
            let stopwatch = Stopwatch::start();
            let report = kills::run(options(arguments.kills)).await?;
            violations += print(&format!("{engine:?}: {} kills", arguments.kills), &report, stopwatch);
        }
        if arguments.restarts > 0 {
            let stopwatch = Stopwatch::start();
            let report = restarts::run(options(arguments.restarts)).await?;
            violations += print(&format!("{engine:?}: {} restarts", arguments.restarts), &report, stopwatch);
        }
        if arguments.partitions > 0 {
            let stopwatch = Stopwatch::start();
            let report = partitions::run(options(arguments.partitions)).await?;
            violations +=
                print(&format!("{engine:?}: cut off {} times", arguments.partitions), &report, stopwatch);
        }
        if arguments.event_kills > 0 {
            violations += kill_around_events(engine, arguments.event_kills, seed).await?;
        }
        if arguments.push_kills > 0 {
            violations += kill_around_pushes(engine, arguments.push_kills, seed).await?;
        }
        if arguments.group_send_kills > 0 {
            violations += kill_around_a_group_send(engine, arguments, seed).await?;
        }
        if engine == Engine::Sqlite {
            violations += durability::check(seed).await?;
            violations += simulate(arguments, seed).await?;
        }
    }
    Ok(violations)
}

/// Kills those who write, publish and apply events; answers the number of violations.
async fn kill_around_events(engine: Engine, kills: u32, seed: u64) -> anyhow::Result<usize> {
    const EVENTS_A_KILL: i64 = 5_000;
    let events = EVENTS_A_KILL * i64::from(kills);
    let stopwatch = Stopwatch::start();
    let report = events::run(events::Options { engine, seed, events, kills }).await?;
    if report.skipped {
        return Ok(0);
    }
    println!(
        "{engine:?}: {} kills around events, in {:.0} s",
        report.kills,
        stopwatch.elapsed().as_secs_f64()
    );
    println!("  processes frozen for a while   {}", report.freezes);
    println!("  events written                 {}", report.written);
    println!("  most that were not applied yet {}", report.most_lag);
    println!("  until all were, after the last {:.1} s", report.recovery.as_secs_f64());
    println!("  violations                     {}", report.violations.len());
    print_violations(&report.violations);
    Ok(report.violations.len())
}

/// Kills who publishes pushes; answers the number of violations.
async fn kill_around_pushes(engine: Engine, kills: u32, seed: u64) -> anyhow::Result<usize> {
    const FANS: usize = 50;
    let stopwatch = Stopwatch::start();
    let report = pushes::run(pushes::Options { engine, seed, kills, fans: FANS }).await?;
    if report.skipped {
        return Ok(0);
    }
    println!(
        "{engine:?}: {kills} kills around pushes, in {:.0} s: {} calls not answered, {} pushes sent before the last; \
         {} pushes to {FANS} fans, {} deliveries counted, {}; violations {}",
        stopwatch.elapsed().as_secs_f64(),
        report.unanswered,
        report.sent_between_kills,
        report.pushes,
        report.delivered,
        report.found,
        report.violations.len()
    );
    print_violations(&report.violations);
    Ok(report.violations.len())
}

/// Kills who sends one message to many; answers the number of violations.
async fn kill_around_a_group_send(engine: Engine, arguments: &Arguments, seed: u64) -> anyhow::Result<usize> {
    let (kills, fans) = (arguments.group_send_kills, arguments.group_send_fans);
    let stopwatch = Stopwatch::start();
    let options =
        group_sends::Options { engine, seed, kills, fans: fans.into(), messages_per_minute: fans.into() };
    let report = group_sends::run(options).await?;
    if report.skipped {
        return Ok(0);
    }
    println!(
        "{engine:?}: {kills} kills while one message goes out to {fans} fans, in {:.0} s: sent to {} in the end, {}; violations {}",
        stopwatch.elapsed().as_secs_f64(),
        report.sent,
        report.found,
        report.violations.len()
    );
    println!("  sent to when killed            {:?}", report.sent_at_kills);
    print_violations(&report.violations);
    Ok(report.violations.len())
}

fn print_violations(violations: &[String]) {
    const MOST: usize = 20;
    for violation in violations.iter().take(MOST) {
        println!("    {violation}");
    }
}

async fn simulate(arguments: &Arguments, seed: u64) -> anyhow::Result<usize> {
    const MINUTE: Duration = Duration::from_secs(60);
    let mut violations = 0;
    for seed in (seed..).take(usize::try_from(arguments.simulations)?) {
        let stopwatch = Stopwatch::start();
        let options = simulation::Options { seed, length: MINUTE, callers: arguments.callers };
        let report = simulation::run(options).await?;
        violations += print(&format!("simulation with seed {seed}"), &report, stopwatch);
    }
    Ok(violations)
}

/// Prints what happened, and answers the number of violations.
fn print(what: &str, report: &Report, stopwatch: Stopwatch) -> usize {
    if report.skipped {
        return 0;
    }
    println!("{what}, in {:.0} s", stopwatch.elapsed().as_secs_f64());
    println!("  killed during the start        {}", report.kills_during_start);
    println!("  calls broken                   {}", report.broken_calls);
    println!("  batches acknowledged           {}", report.acknowledged_batches);
    println!("  stored before a lost answer    {}", report.stored_without_answer);
    println!("  batches given up by the caller {}", report.abandoned_batches);
    println!("  interactions acknowledged      {}", report.acknowledged);
    println!("  interactions stored            {}, of {} fans", report.stored, report.fans);
    println!("  violations                     {}", report.violations.len());
    print_violations(&report.violations);
    report.violations.len()
}
