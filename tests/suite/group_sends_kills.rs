//! One message to many while processes are killed: everybody is sent it, and nobody twice. `make chaos` does it with 50,000.

use siyu_tests::{
    Engine,
    group_sends::{self, Options},
};

const FANS: usize = 300;
const KILLS: usize = 6;

async fn kills_lose_and_double_nobody(engine: Engine) {
    let kills = u32::try_from(KILLS).unwrap();
    // It takes 15 seconds, and so long as it takes to start processes.
    let options = Options { engine, seed: 20_261_123, kills, fans: FANS, messages_per_minute: 1_200 };
    let report = group_sends::run(options).await.unwrap();
    if report.skipped {
        return;
    }
    println!("{report:?}");
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!(report.sent_at_kills.len(), KILLS);
    assert_eq!((report.sent, report.found.once), (i64::try_from(FANS).unwrap(), FANS));
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_sqlite() {
    kills_lose_and_double_nobody(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nobody_on_postgres() {
    kills_lose_and_double_nobody(Engine::Postgres).await;
}
