//! Both services on a simulated network, with a printed seed; `make chaos` does the same for longer and for more seeds.

use std::time::Duration;

use siyu_tests::simulation::{self, Options};

async fn nothing_acknowledged_is_lost(seed: u64) {
    println!("seed {seed}");
    let options = Options { seed, length: Duration::from_secs(8), callers: 3 };
    let report = simulation::run(options).await.unwrap();
    assert!(report.violations.is_empty(), "seed {seed}: {report:#?}");
    assert!(report.acknowledged > 0 && report.broken_calls > 0, "seed {seed}: {report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_seed_1() {
    nothing_acknowledged_is_lost(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_seed_2() {
    nothing_acknowledged_is_lost(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_seed_3() {
    nothing_acknowledged_is_lost(3).await;
}
