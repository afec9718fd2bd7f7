//! Events while processes die: nothing skipped, nothing doubled, every key in order; `make chaos` does it for longer.

use siyu_tests::{
    Engine,
    events::{Options, run},
};

async fn every_event_arrives_once_and_in_order(options: Options) {
    let report = run(options).await.unwrap();
    if report.skipped {
        return;
    }
    println!("{report:#?}");
    assert!(report.violations.is_empty(), "{report:#?}");
    assert!(report.written >= options.events && report.kills >= options.kills, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let options = Options { engine: Engine::Sqlite, seed: 20_261_122, events: 20_000, kills: 10 };
    every_event_arrives_once_and_in_order(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let options = Options { engine: Engine::Postgres, seed: 20_261_122, events: 100_000, kills: 20 };
    every_event_arrives_once_and_in_order(options).await;
}
