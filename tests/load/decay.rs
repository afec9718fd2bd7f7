//! Finding the fans whose tier fell by decay: what it costs grows with their number, not with the number of all fans.

use anyhow::ensure;
use siyu_clock::{Clock, Ids, Micros, SimClock, Stopwatch};
use siyu_crm::Crm;
use siyu_db::{Db, Statement, on_db};
use siyu_outbox::{Outbox, Settings};
use siyu_rpc::peer::Switchboard;
use siyu_tests::{Engine, installation::Installation};

use crate::{
    Arguments,
    fans::{HALF_LIFE, NOW, load},
    machine::{median, print_table, syncs_per_second, whole},
};

/// What the service asks: the index answers it.
const FIND: &str = "SELECT COUNT(*) FROM fan WHERE next_change_at <= $1 AND $2 > 0";
/// All fans, one comparison each: `+ 0` keeps the index out of it. Nothing that reads every fan can be cheaper.
const SCAN: &str = "SELECT COUNT(*) FROM fan WHERE next_change_at + 0 <= $1 AND $2 > 0";
/// All fans, their scores computed anew: what a service without the column `next_change_at` would do. SQLite comes
/// without powers, so the power is a series there.
const RECOMPUTE: Statement = Statement {
    name: "RECOMPUTE",
    sqlite: "SELECT COUNT(*) FROM (SELECT tier, score / (1 << halvings) AS score, (halvings - age) * 0.6931471805599453 \
             AS t FROM (SELECT tier, score, age, CAST(age + 0.5 AS INTEGER) AS halvings FROM \
             (SELECT tier, score, ($1 - score_time) / $2 AS age FROM fan))) WHERE \
             score * (1 + t * (1 + t / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5 * (1 + t / 6 * (1 + t / 7))))))) \
             < CASE tier WHEN 'true_love' THEN 70 WHEN 'favorable' THEN 20 ELSE -1 END",
    postgres: "SELECT COUNT(*) FROM fan WHERE score * EXP(($1 - score_time) / $2 * -0.6931471805599453) \
               < CASE tier WHEN 'true_love' THEN 70 WHEN 'favorable' THEN 20 ELSE -1 END",
};
const CHANGES: &str = "SELECT CAST(SUM(last_change) AS BIGINT) FROM account WHERE $1 > 0 AND $2 > 0";

/// One database, and what was measured on it.
struct Subject {
    engine: Engine,
    fans: i64,
    installation: Installation,
    db: Db,
    crm: Crm,
    days: Vec<Day>,
}

/// A time step of the service.
#[derive(Debug)]
struct Step {
    changed: f64,
    millis: f64,
}

/// Accounts that the fans are of.
const ACCOUNTS: i64 = 10;

/// Times in milliseconds.
#[derive(Debug)]
struct Day {
    syncs: f64,
    /// A time in which about as many fans fall as in a day of the least fans there are.
    few: Step,
    whole: Step,
    idle: f64,
    find: f64,
    scan: f64,
    recompute: f64,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine]) -> anyhow::Result<()> {
    let mut subjects = Vec::new();
    for fans in &arguments.fans {
        for engine in engines {
            let stopwatch = Stopwatch::start();
            let (installation, db) = load(*engine, *fans, ACCOUNTS).await?;
            let clock = SimClock::starting_at(NOW);
            // Ticks ask no other service.
            let nobody = Switchboard::default().peer("bench");
            let clock = Clock::from(clock);
            let outbox = Outbox::new("crm", db.clone(), clock.clone(), Ids::random(), Settings::default());
            let settings = siyu_crm::Settings { max_calls_per_commit: 1, audience_cache_bytes: 1 };
            let crm = Crm::new(db.clone(), clock, outbox, nobody, Vec::new(), settings);
            eprintln!("{engine:?}: {fans} fans loaded in {:.0} s", stopwatch.elapsed().as_secs_f64());
            subjects.push(Subject { engine: *engine, fans: *fans, installation, db, crm, days: Vec::new() });
        }
    }
    println!(
        "\nTiers after a day: about one fan in a hundred falls by decay. Medians of {} days.",
        arguments.days
    );
    let least = arguments.fans.iter().min().copied().unwrap_or(1);
    for number in 0..arguments.days {
        let begin = Micros(NOW.0 + i64::from(number) * Micros::PER_DAY);
        for subject in &mut subjects {
            let few_until = Micros(begin.0 + Micros::PER_DAY / (subject.fans / least).max(2));
            let day = day(subject, few_until, Micros(begin.0 + Micros::PER_DAY)).await?;
            subject.days.push(day);
        }
    }
    print(&subjects);
    for subject in subjects {
        subject.db.close().await;
        subject.installation.remove().await?;
    }
    Ok(())
}

async fn day(subject: &Subject, few_until: Micros, end: Micros) -> anyhow::Result<Day> {
    let Subject { db, crm, .. } = subject;
    let syncs = syncs_per_second(subject.installation.folder())?;
    let few = step(db, crm, few_until).await?;
    let (found, find) = number(db, FIND, end).await?;
    let (scanned, scan) = number(db, SCAN, end).await?;
    let (recomputed, recompute) = number(db, RECOMPUTE.text(db.engine()), end).await?;
    let whole = step(db, crm, end).await?;
    let idle = tick(crm, end).await?;
    // Who falls in the very last microseconds may be counted by one and not by another.
    for counted in [found, scanned, recomputed] {
        let difference = (f64::from(i32::try_from(counted)?) - whole.changed).abs();
        let changed = whole.changed;
        ensure!(difference <= 1.0 + changed / 1e3, "{changed} fans changed, a query counts {counted}");
    }
    Ok(Day { syncs, few, whole, idle, find, scan, recompute })
}

/// Lets the service bring all fans to `now`.
async fn step(db: &Db, crm: &Crm, now: Micros) -> anyhow::Result<Step> {
    let (before, _) = number(db, CHANGES, now).await?;
    let millis = tick(crm, now).await?;
    let (after, _) = number(db, CHANGES, now).await?;
    Ok(Step { changed: f64::from(i32::try_from(after - before)?), millis })
}

/// Runs a statement that answers one number; how long that took, in milliseconds.
async fn number(db: &Db, statement: &'static str, now: Micros) -> anyhow::Result<(i64, f64)> {
    let stopwatch = Stopwatch::start();
    let mut tx = db.begin_read().await?;
    let number: i64 = on_db!(&mut tx, |conn| sqlx::query_scalar(statement)
        .bind(now.0)
        .bind(HALF_LIFE)
        .fetch_one(conn)
        .await)?;
    Ok((number, stopwatch.elapsed().as_secs_f64() * 1e3))
}

/// Lets the service do what is due; how long that took, in milliseconds.
async fn tick(crm: &Crm, now: Micros) -> anyhow::Result<f64> {
    let stopwatch = Stopwatch::start();
    crm.tick(now).await?;
    Ok(stopwatch.elapsed().as_secs_f64() * 1e3)
}

fn print(subjects: &[Subject]) {
    let finding =
        ["", "fans", "due", "index ms", "scan ms", "scan/index", "scan with powers ms", "scan/index"];
    let moving =
        ["", "fans", "fsync/s", "changed", "ms", "µs each", "in a day", "ms", "µs each", "nothing due ms"];
    let mut found = vec![finding.map(str::to_owned).to_vec()];
    let mut moved = vec![moving.map(str::to_owned).to_vec()];
    for Subject { engine, fans, days, .. } in subjects {
        let of = |value: fn(&Day) -> f64| median(days.iter().map(value));
        let subject = [format!("{engine:?}"), whole(f64::from(i32::try_from(*fans).unwrap_or(i32::MAX)))];
        let figures = [
            whole(of(|day| day.whole.changed)),
            format!("{:.2}", of(|day| day.find)),
            format!("{:.1}", of(|day| day.scan)),
            format!("{:.1}", of(|day| day.scan / day.find)),
            format!("{:.1}", of(|day| day.recompute)),
            format!("{:.1}", of(|day| day.recompute / day.find)),
        ];
        found.push([subject.to_vec(), figures.to_vec()].concat());
        let figures = [
            whole(of(|day| day.syncs)),
            whole(of(|day| day.few.changed)),
            whole(of(|day| day.few.millis)),
            whole(of(|day| day.few.millis * 1e3 / day.few.changed)),
            whole(of(|day| day.whole.changed)),
            whole(of(|day| day.whole.millis)),
            whole(of(|day| day.whole.millis * 1e3 / day.whole.changed)),
            format!("{:.2}", of(|day| day.idle)),
        ];
        moved.push([subject.to_vec(), figures.to_vec()].concat());
    }
    println!(" Finding who is due, by the index and by reading every fan:");
    print_table(&found);
    println!(" The service at work: it finds them, moves them, and stores fans and changes durably:");
    print_table(&moved);
}
