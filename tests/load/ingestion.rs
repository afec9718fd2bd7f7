//! How fast interactions are taken in, beside plain SQL that writes the same rows.

use anyhow::{Context, ensure};
use siyu_tests::{Engine, installation::Installation};

use crate::{
    Arguments, copy,
    machine::{Cores, median, print_table, syncs_per_second, whole},
    rows::{self, Rows, Writes},
    service::{self, Measured},
    set_based,
};

/// One round on one engine; rates are interactions per second.
#[derive(Debug)]
struct Round {
    syncs: f64,
    service: f64,
    p50: f64,
    p99: f64,
    /// Microseconds of the server's processor for one interaction.
    processor: f64,
    each_time: f64,
    once: f64,
    copy: Option<f64>,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    let Arguments { events, callers, accounts, rounds, .. } = arguments;
    println!(
        "\nIngestion: {} interactions, half of them about orders, 500 a call, {callers} callers on {accounts} \
         accounts; medians of {rounds} interleaved rounds.",
        whole(f64::from(*events))
    );
    let mut measured: Vec<(Engine, Vec<Round>)> =
        engines.iter().map(|engine| (*engine, Vec::new())).collect();
    for _ in 0..*rounds {
        for (engine, rounds) in &mut measured {
            rounds.push(round(arguments, *engine, cores).await?);
        }
    }
    print(&measured);
    Ok(())
}

async fn round(arguments: &Arguments, engine: Engine, cores: &Cores) -> anyhow::Result<Round> {
    let served = Installation::create(engine).await?.context("the engine is there")?;
    let syncs = syncs_per_second(served.folder())?;
    let Measured { events, took, calls, processor } = service::run(arguments, &served, cores).await?;
    let db = served.open_crm().await?;
    let written = rows::read(&db).await?;
    db.close().await;
    served.remove().await?;

    let rate = |took: std::time::Duration| events / took.as_secs_f64();
    let milliseconds =
        |quantile: f64| f64::from(u32::try_from(calls.value_at_quantile(quantile)).unwrap_or(u32::MAX)) / 1e3;
    Ok(Round {
        syncs,
        service: rate(took),
        p50: milliseconds(0.5),
        p99: milliseconds(0.99),
        processor: processor.as_secs_f64() * 1e6 / events,
        each_time: rate(write(engine, &written, Writes::EachTime).await?),
        once: rate(write(engine, &written, Writes::Once).await?),
        copy: if engine == Engine::Postgres { Some(rate(copied(&written).await?)) } else { None },
    })
}

/// Writes the rows into an empty database, and makes sure that they are there.
async fn write(engine: Engine, written: &[Rows], writes: Writes) -> anyhow::Result<std::time::Duration> {
    let empty = Installation::create(engine).await?.context("the engine is there")?;
    let db = empty.open_crm().await?;
    let mut transactions: Vec<Rows> =
        written.iter().flat_map(|account| rows::transactions(account, writes)).collect();
    // The service took the accounts in turn.
    transactions.sort_by_key(|rows| rows.interactions.first().map(|interaction| interaction.ingest_time));
    let took = set_based::write(&db, transactions).await?;
    ensure!(rows::same(&rows::read(&db).await?, written), "plain SQL wrote other rows than the service");
    db.close().await;
    empty.remove().await?;
    Ok(took)
}

async fn copied(written: &[Rows]) -> anyhow::Result<std::time::Duration> {
    let empty = Installation::create(Engine::Postgres).await?.context("the engine is there")?;
    let db = empty.open_crm().await?;
    let took = copy::interactions(&db, written).await?;
    db.close().await;
    empty.remove().await?;
    Ok(took)
}

fn print(measured: &[(Engine, Vec<Round>)]) {
    let heading = [
        "",
        "fsync/s",
        "service/s",
        "p50 ms",
        "p99 ms",
        "server µs each",
        "set-based/s",
        "ratio",
        "rows once/s",
        "ratio",
        "raw COPY/s",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for (engine, rounds) in measured {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
        let copy = median(rounds.iter().filter_map(|round| round.copy));
        lines.push(vec![
            format!("{engine:?}"),
            whole(of(|round| round.syncs)),
            whole(of(|round| round.service)),
            format!("{:.1}", of(|round| round.p50)),
            format!("{:.1}", of(|round| round.p99)),
            format!("{:.1}", of(|round| round.processor)),
            whole(of(|round| round.each_time)),
            format!("{:.2}", of(|round| round.service / round.each_time)),
            whole(of(|round| round.once)),
            format!("{:.2}", of(|round| round.service / round.once)),
            if copy.is_nan() { String::new() } else { whole(copy) },
        ]);
    }
    print_table(&lines);
    println!(
        "  set-based: the rows the service left, from plain SQL (json_each; UNNEST) in transactions of 500"
    );
    println!(
        "  interactions, each writing the fans and orders it touches; rows once: each fan and order written by one"
    );
    println!(
        "  transaction only; raw COPY: the interactions alone, in one transaction. The aim is a ratio of 0.5."
    );
}
