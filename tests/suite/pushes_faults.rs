//! Pushes under contention and kills: never more than the month has, and to everybody once.

use std::time::Duration;

use rand::RngExt;
use siyu_clock::{Clock, Micros};
use siyu_proto::subscriptions::v1::{Push, PushState};
use siyu_rpc::time::{from_proto, to_proto};
use siyu_tests::{
    Engine,
    pushes::{
        self, Options, create,
        fleet::{Fleet, SHOP, eventually},
        named, schedule,
    },
};
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::seeded;

/// Clients of each process.
const CLIENTS: usize = 16;
/// Attempts of each client.
const ATTEMPTS: usize = 45;
const DRAFTS: usize = 40;
const MONTH: i64 = 8;

/// The first moment of a month in Shanghai that is a month or more away.
fn month_edge() -> Micros {
    let now = jiff::Timestamp::from_microsecond(Clock::System.now().0).unwrap();
    let now = now.to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap());
    let first = now.date().first_of_month().checked_add(jiff::Span::new().months(2)).unwrap();
    let first = first.to_zoned(now.time_zone().clone()).unwrap();
    Micros(first.timestamp().as_microsecond())
}

/// 3 processes, 16 clients each, and a kill in between: at the edge of a month no month ever has nine.
async fn a_month_never_has_nine(engine: Engine) {
    // From a SQLite file one process alone may serve.
    let processes = if engine == Engine::Sqlite { 1 } else { 3 };
    let Some(mut fleet) = Fleet::start(engine, processes, 1, MONTH).await.unwrap() else { return };
    for number in 0..DRAFTS {
        create(fleet.client(number), &format!("p{number:03}")).await.unwrap();
    }
    let edge = month_edge();
    let minute = Duration::from_secs(60);
    let times =
        [edge.minus(minute), edge.minus(Duration::from_micros(1)), edge, edge.plus(minute)].map(to_proto);
    let mut attempts = JoinSet::new();
    for caller in 0..processes * CLIENTS {
        let client = fleet.client(caller);
        attempts.spawn(async move {
            let mut random = seeded(caller as u64);
            let mut refused = 0;
            for _ in 0..ATTEMPTS {
                let name = named(&format!("p{:03}", random.random_range(0..DRAFTS)));
                let time = times[random.random_range(0..times.len())];
                match schedule(client.clone(), name, Some(time)).await {
                    Err(status) if status.code() == Code::ResourceExhausted => {
                        let details = status.get_error_details();
                        assert_eq!(details.quota_failure().unwrap().violations[0].subject, SHOP);
                        refused += 1;
                    }
                    Err(status) => {
                        // The last three are what a caller sees of a process that is killed.
                        let passing = [
                            Code::Aborted,
                            Code::DeadlineExceeded,
                            Code::Unavailable,
                            Code::Cancelled,
                            Code::Unknown,
                        ];
                        assert!(passing.contains(&status.code()), "{status}");
                    }
                    Ok(()) => {}
                }
            }
            refused
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    fleet.replace(0).await.unwrap();
    let refused: usize = attempts.join_all().await.into_iter().sum();
    assert!(refused > 0);
    // Each month is filled up; what was begun is finished by somebody.
    let month_of = |push: &Push| from_proto(push.publish_time.as_ref().unwrap()).unwrap() >= edge;
    for (number, time) in [times[0], times[3]].into_iter().enumerate() {
        let full = async || {
            let drafts = fleet.pushes().await?.into_iter().filter(|push| push.state() == PushState::Draft);
            for push in drafts {
                match schedule(fleet.client(number), push.name, Some(time)).await {
                    Err(status) if status.code() == Code::ResourceExhausted => return Ok(true),
                    _ => {}
                }
            }
            Ok(false)
        };
        eventually(full, "the month is full").await.unwrap();
    }
    let settled = async || {
        let pushes = fleet.pushes().await?;
        let scheduled = |later: bool| {
            let of_month = |push: &&Push| push.state() == PushState::Scheduled && month_of(push) == later;
            i64::try_from(pushes.iter().filter(of_month).count()).unwrap()
        };
        let counts = (scheduled(false), scheduled(true));
        assert!(counts.0 <= MONTH && counts.1 <= MONTH, "{counts:?}");
        let reserved = (fleet.allowance(times[0]).await?.0, fleet.allowance(times[3]).await?.0);
        assert!(reserved.0 <= MONTH && reserved.1 <= MONTH, "{reserved:?}");
        Ok(counts == (MONTH, MONTH) && reserved == (MONTH, MONTH))
    };
    eventually(settled, "both months have eight").await.unwrap();
    fleet.remove().await.unwrap();
}

/// A process that is killed again and again while it publishes: everybody is reached by everything once. `make chaos` does
/// more of it.
async fn kills_lose_and_double_nobody(engine: Engine) {
    let options = Options { engine, seed: 20_261_122, kills: 20, fans: 50 };
    let report = pushes::run(options).await.unwrap();
    if report.skipped {
        return;
    }
    println!("{report:?}");
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!((report.pushes, report.delivered, report.found.once), (20, 1_000, 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_never_has_nine_on_sqlite() {
    a_month_never_has_nine(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_never_has_nine_on_postgres() {
    a_month_never_has_nine(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_sqlite() {
    kills_lose_and_double_nobody(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_postgres() {
    kills_lose_and_double_nobody(Engine::Postgres).await;
}
