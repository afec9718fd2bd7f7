//! A process that is killed again and again, and processes of their own that are restarted; `make chaos` does the same
//! for longer.

use siyu_tests::{
    Engine,
    chaos::{Options, kills, restarts},
};

async fn nothing_acknowledged_is_lost(engine: Engine) {
    let options = Options { engine, seed: 20_261_122, faults: 20, callers: 4 };
    let report = kills::run(options).await.unwrap();
    assert!(report.violations.is_empty(), "{report:#?}");
    assert!(report.skipped || (report.acknowledged > 0 && report.broken_calls > 0), "{report:#?}");
}

async fn restarts_lose_nothing(engine: Engine) {
    let options = Options { engine, seed: 20_261_122, faults: 8, callers: 4 };
    let report = restarts::run(options).await.unwrap();
    assert!(report.violations.is_empty(), "{report:#?}");
    assert!(report.skipped || report.acknowledged > 0, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_on_sqlite() {
    restarts_lose_nothing(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_on_postgres() {
    restarts_lose_nothing(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    nothing_acknowledged_is_lost(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    nothing_acknowledged_is_lost(Engine::Postgres).await;
}
