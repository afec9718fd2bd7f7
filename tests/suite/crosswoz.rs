//! Keyword replies on Chinese dialogues that others have labelled.

use siyu_tests::{
    TestSuite,
    crosswoz::{KEYWORDS, measure, turns},
};

async fn what_is_found_is_what_a_plain_search_finds(suite: TestSuite) {
    let Some(turns) = turns().unwrap() else {
        eprintln!("SKIP crosswoz: ../shared/data/crosswoz/val.json.zip is not there");
        suite.finish().await;
        return;
    };
    assert_eq!(turns.len(), 8_458);
    suite.account("mine", "shop").await;
    let measured = measure(&suite, "shop", &turns).await.unwrap();
    assert_eq!(measured.len(), KEYWORDS.len());
    for one in measured {
        assert_eq!(one.hits, one.substrings, "{one:?}");
        assert!(one.hits > 50 && one.right > 10, "{one:?}");
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(what_is_found_is_what_a_plain_search_finds);
