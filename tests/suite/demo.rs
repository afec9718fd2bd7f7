//! The demo as a process: what it prints, and that it is the same whenever the seed is.

use std::process::Stdio;

use siyu_tests::process::siyu_binary;
use tempfile::TempDir;
use tokio::process::Command;

/// The figures of ten days, without the times at which they were asked for.
async fn ten_days() -> String {
    let folder = TempDir::new().unwrap();
    let output = Command::new(siyu_binary().unwrap())
        .args(["--set", &format!("storage.data_dir={}", folder.path().display())])
        .args(["--set", "server.listen=127.0.0.1:0"])
        .args(["demo", "--exit", "--days", "10", "--last-day", "2026-03-31"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let is_timed = |line: &&str| line.contains("as of 20") || line.starts_with("Tier flow by event time");
    text.lines().filter(|line| !is_timed(line)).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_figures() {
    let (one, other) = tokio::join!(ten_days(), ten_days());
    assert_eq!(one, other);
    // Its first push is planned, sent and read in ten days; those after it are not.
    let (plan, outcome) = one.split_once("\nOutcome\n").unwrap();
    let number = |text: &str, cell: usize| -> i64 {
        let line = text.lines().find(|line| line.starts_with("│ new-serum ")).unwrap();
        line.split('┆').nth(cell).unwrap().trim().parse().unwrap()
    };
    let (planned, delivered, seen) = (number(plan, 2), number(outcome, 2), number(outcome, 3));
    assert!(planned > 50 && (planned - delivered).abs() * 5 < planned, "{planned}, {delivered}");
    assert!(0 < seen && seen < delivered, "{seen} of {delivered}");
    // Users write, rules answer at once, people within their hours.
    let figure = |name: &str| -> i64 {
        let line = one.lines().find(|line| line.starts_with(&format!("│ {name} "))).unwrap();
        line.split('┆').nth(1).unwrap().trim_matches([' ', '│']).replace(',', "").parse().unwrap()
    };
    let [written, automatic, answered] =
        ["messages of users", "automatic replies", "answers of people"].map(figure);
    assert!(0 < answered && answered <= written && 0 < automatic, "{one}");
    assert!(0 < figure("targets missed") && figure("targets missed") < answered, "{one}");
    let of_bots = one.lines().find(|line| line.starts_with("│ first answer of a bot ")).unwrap();
    assert!(of_bots.contains(" half within 0 s, "), "{of_bots}");
    assert!(plan.contains("1 of 8"), "{plan}");
    assert!(!outcome.contains("│ fans-coupon "), "{outcome}");
}
