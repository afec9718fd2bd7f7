//! How well keyword replies find what users ask for, on Chinese dialogues: precision and recall against their labels.

use anyhow::Context;
use siyu_tests::{Engine, TestSuite, crosswoz};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Some(turns) = crosswoz::turns()? else {
        println!("SKIP crosswoz: ../shared/data/crosswoz/val.json.zip is not there");
        return Ok(());
    };
    let suite = TestSuite::start(Engine::Sqlite).await?.context("SQLite is always there")?;
    suite.account("crosswoz", "crosswoz").await;
    let measured = crosswoz::measure(&suite, "crosswoz", &turns).await?;
    println!("{} turns, of which {} by users", turns.len(), turns.iter().filter(|turn| turn.by_user).count());
    println!("keyword\thits\tsubstrings\tby users\tasked for\tright\tprecision\trecall");
    for one in measured {
        println!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{:.3}\t{:.3}",
            one.keyword,
            one.hits,
            one.substrings,
            one.found,
            one.requested,
            one.right,
            one.precision(),
            one.recall()
        );
    }
    suite.finish().await;
    Ok(())
}
