//! A process that is killed again and again; `make chaos` does the same for longer.

use siyu_tests::{
    Engine,
    chaos::{self, Options},
};

async fn nothing_acknowledged_is_lost(engine: Engine) {
    let options = Options { engine, seed: 20_261_122, kills: 10, callers: 4 };
    let report = chaos::run(options).await.unwrap();
    assert!(report.violations.is_empty(), "{report:#?}");
    assert!(report.skipped || (report.acknowledged > 0 && report.broken_calls > 0), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    nothing_acknowledged_is_lost(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    nothing_acknowledged_is_lost(Engine::Postgres).await;
}
