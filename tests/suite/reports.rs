//! The tables that `siyu report`, `import` and `demo` print, from real answers.

use siyu_tests::TestSuite;

use crate::support::{at, follow, order, send};

async fn the_tables_hold_the_figures(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "store").await;
    let rows = vec![
        follow("f1", "u1", at("2026-02-01T00:00:00Z")),
        order("o1", "u1", at("2026-01-31T15:59:59Z"), 1_234_567),
        order("o2", "u1", at("2026-01-31T16:00:00Z"), 100),
        order("o3", "u2", at("2026-02-01T00:00:00Z"), 0),
    ];
    send(&suite, "shop", rows).await.unwrap();
    send(&suite, "store", vec![follow("f1", "u1", at("2026-02-01T00:00:00Z"))]).await.unwrap();

    let text = siyu::report::account(&mut suite.analytics(), "accounts/shop", "Shop").await.unwrap();
    for figure in [
        "Shop (accounts/shop), as of 2026-03-01T00:00:00Z",
        "12,346.67 CNY",
        "50.00 % (1 / 2)",
        "2026-01 ┆      1 ┆         1 ┆ 12,345.67 CNY",
        "2026-02 ┆      2 ┆         2 ┆      1.00 CNY",
    ] {
        assert!(text.contains(figure), "{figure} is not in\n{text}");
    }
    let text = siyu::report::matrix(&mut suite.analytics(), "enterprises/lumi").await.unwrap();
    assert!(text.contains("50.00 % (1 / 2)"), "one of two followers is the same person:\n{text}");
    suite.finish().await;
}

siyu_tests::on_both_engines!(the_tables_hold_the_figures);
