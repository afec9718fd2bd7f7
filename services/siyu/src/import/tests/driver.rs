//! Whole imports, against a fake server.

use std::{fmt::Write, path::PathBuf};

use tempfile::TempDir;
use tonic::Status;

use super::{args, fake_server::Fake, now};
use crate::import::{ImportArgs, SkipReason, Summary, run};

/// A file and the flags to import it with.
struct Job {
    folder: TempDir,
    args: ImportArgs,
}

impl Job {
    fn new(flags: &str, content: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut args = args(&format!("{flags} --quiet shop.txt"));
        args.file = folder.path().join("shop.txt");
        std::fs::write(&args.file, content).unwrap();
        Self { folder, args }
    }

    fn rejects(&mut self) -> PathBuf {
        let path = self.folder.path().join("rejects.ndjson");
        self.args.rejects = Some(path.clone());
        path
    }

    async fn run(&self, fake: &Fake) -> anyhow::Result<Summary> {
        let (interactions, tiers) = fake.start().await;
        run(self.args.clone(), interactions, tiers, now()).await
    }
}

/// Rows of cdnow, with 10 orders each of as many customers as it takes.
fn many_rows(count: usize) -> String {
    let mut text = String::new();
    for index in 0..count {
        writeln!(text, "{:05} 199701{:02} 1 1.00", index / 10, 10 - index % 10).unwrap();
    }
    text
}

const CDNOW: &str = "--format cdnow --follow-on first-order --shift-to now";

#[tokio::test]
async fn an_import_is_complete_and_repeating_it_changes_nothing() {
    let fake = Fake::default();
    let job = Job::new(CDNOW, &many_rows(12_000));
    let first = job.run(&fake).await.unwrap();
    assert_eq!((first.rows, first.sent, first.accepted), (12_000, 13_200, 13_200));
    assert_eq!((first.follows, first.rejected, first.duplicates, first.created), (1_200, 0, 0, true));
    assert_eq!(fake.state().streams, 3, "two rounds of rows and one of follows");
    let again = job.run(&fake).await.unwrap();
    assert_eq!((again.accepted, again.duplicates, again.created), (0, 13_200, false));
    assert_eq!(again.shift_days, first.shift_days);
    assert_eq!(fake.stored_and_calls(), (13_200, 6, 2));
    assert!(again.to_string().contains("duplicates         13200"), "{again}");
    let state = fake.state();
    let follow = &state.stored["cdnow-shop:follow:00007"];
    let first_order = &state.stored["cdnow-shop:0000000080"];
    assert_eq!(follow.user, first_order.user);
    assert_eq!(follow.event_time, first_order.event_time, "the earliest, which stands last in the file");
    let latest = state.stored.values().filter_map(|stored| stored.event_time).map(|time| time.seconds).max();
    assert_eq!(latest, Some("2026-03-05T00:00:00+08:00".parse::<jiff::Timestamp>().unwrap().as_second()));
}

#[tokio::test]
async fn broken_streams_and_rebuilds_are_tried_again() {
    let fake = Fake::default();
    fake.state().broken_streams = 2;
    fake.state().broken_rebuilds = 1;
    let summary = Job::new(CDNOW, &many_rows(2_000)).run(&fake).await.unwrap();
    assert_eq!(summary.sent, 2_200);
    assert_eq!(
        summary.accepted + summary.duplicates,
        2_200,
        "what a broken stream stored counts as duplicate"
    );
    assert_eq!(fake.stored_and_calls(), (2_200, 4, 2), "two streams broken, one of rows, one of follows");
}

#[tokio::test]
async fn a_cut_connection_is_made_again() {
    for bytes in [30_000, 60_000, 90_000] {
        let fake = Fake::default();
        let (interactions, tiers) = fake.start_behind_bad_line(bytes).await;
        let job = Job::new(CDNOW, &many_rows(2_000));
        let summary = run(job.args, interactions, tiers, now()).await.unwrap();
        assert_eq!((summary.sent, summary.accepted + summary.duplicates), (2_200, 2_200));
        let state = fake.state();
        assert_eq!((state.stored.len(), state.bad_line_uses), (2_200, 2), "cut after {bytes} bytes");
    }
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let fake = Fake::default();
    fake.state().broken_streams = 1;
    fake.state().broken_with = Some(|| Status::permission_denied("no"));
    let error = Job::new(CDNOW, &many_rows(20)).run(&fake).await.unwrap_err();
    assert!(error.to_string().contains("before line 1"), "{error:#}");
    assert_eq!(fake.stored_and_calls(), (20, 1, 0));
}

#[tokio::test]
async fn the_shift_of_the_first_run_holds() {
    let fake = Fake::default();
    let mut job = Job::new("--format cdnow --shift-days 100", "1 19970101 1 1\n");
    assert_eq!(job.run(&fake).await.unwrap().shift_days, 100);
    job.args.shift_days = Some(300);
    let again = job.run(&fake).await.unwrap();
    assert_eq!((again.shift_days, again.duplicates), (100, 1));
    job.args.duplicate_rows = crate::import::DuplicateRows::Skip;
    assert!(format!("{:#}", job.run(&fake).await.unwrap_err()).contains("IMPORT_MISMATCH"));
}

#[tokio::test]
async fn a_sorted_copy_of_the_file_is_another_import() {
    let fake = Fake::default();
    let job = Job::new("--format cdnow", "1 19970101 1 1\nbad\n2 19970101 1 1\n");
    assert_eq!(job.run(&fake).await.unwrap().accepted, 2);
    std::fs::write(&job.args.file, "bad\n1 19970101 1 1\n2 19970101 1 1\n").unwrap();
    assert!(format!("{:#}", job.run(&fake).await.unwrap_err()).contains("IMPORT_MISMATCH"));
    assert_eq!(
        fake.stored_and_calls().0,
        2,
        "the row that moved to the line of the bad one is not stored twice"
    );
}

#[tokio::test]
async fn rejected_rows_are_written_with_their_lines_whoever_rejects_them() {
    let fake = Fake::default();
    fake.state().banned = vec!["users/bad".to_owned()];
    let rows = "good 19970101 1 1\nbad 19970102 1 1\n".repeat(5) + "good 19970101 x 1\n";
    let mut job = Job::new("--format cdnow --follow-on first-order", &rows);
    let path = job.rejects();
    let summary = job.run(&fake).await.unwrap();
    assert_eq!((summary.rows, summary.sent, summary.accepted, summary.follows), (11, 12, 6, 2));
    assert_eq!(
        (summary.rejected, summary.rejected_by_server),
        (7, 6),
        "five rows, the follow, the bad quantity"
    );
    assert!(!summary.is_clean());
    let written = std::fs::read_to_string(path).unwrap();
    let rejects: Vec<serde_json::Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<_> = rejects.iter().map(|reject| reject["line"].as_u64()).collect();
    assert_eq!(lines, [Some(11), Some(2), Some(4), Some(6), Some(8), Some(10), None]);
    assert_eq!(rejects[0]["field"], "quantity");
    assert_eq!(rejects[1]["field"], "event");
    assert_eq!(rejects[1]["reason"], "was used before (EVENT_ID_CONFLICT)");
    assert_eq!(rejects[1]["row"], "bad 19970102 1 1");
    assert_eq!(rejects[6]["row"], "cdnow-shop:follow:bad");
}

#[tokio::test]
async fn strict_imports_send_nothing_when_the_file_is_bad() {
    let fake = Fake::default();
    let error =
        Job::new("--format cdnow --strict", "1 19970101 1 1\n1 19970101 1\n").run(&fake).await.unwrap_err();
    assert!(error.to_string().contains("line 2: row has 3 columns"), "{error}");
    assert!(fake.state().import.is_none());
    fake.state().banned = vec!["users/2".to_owned()];
    let job = Job::new("--format cdnow --strict", "1 19970101 1 1\n2 19970101 1 1\n");
    assert!(job.run(&fake).await.unwrap_err().to_string().contains("1 rows were rejected"));
    assert_eq!(fake.state().stored.len(), 1);
}

#[tokio::test]
async fn a_file_without_a_good_row_opens_no_import() {
    for rows in ["", "customer_id date\n", "1 1997 1 1\n"] {
        let fake = Fake::default();
        let error = Job::new(CDNOW, rows).run(&fake).await.unwrap_err();
        assert!(error.to_string().contains("nothing was sent"), "{error}");
        assert!(fake.state().import.is_none(), "its settings would be fixed for ever");
    }
}

#[tokio::test]
async fn times_moved_out_of_range_are_rejected_and_give_no_follow() {
    let fake = Fake::default();
    let rows = "old 19600101 1 1\nold 19970101 1 1\nnew 20990101 1 1\n";
    let summary = Job::new("--format cdnow --follow-on first-order", rows).run(&fake).await.unwrap();
    assert_eq!((summary.rows, summary.rejected, summary.follows, summary.accepted), (3, 2, 1, 2));
    let state = fake.state();
    let follow = state.stored["cdnow-shop:follow:old"].event_time;
    assert_eq!(follow, state.stored["cdnow-shop:0000000002"].event_time);
}

#[tokio::test]
async fn duplicates_guests_and_skips_are_counted() {
    let fake = Fake::default();
    let flags = "--format csv --map user=u,time=t,amount=a --duplicate-rows skip --no-customer guest \
                 --follow-on first-order";
    let flags = flags.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows = "u,t,a\nu1,2026-01-01,1\nu1,2026-01-01,1\n,2026-01-01,1\n";
    let summary = Job::new(&flags, rows).run(&fake).await.unwrap();
    assert_eq!(summary.skipped_by_reason.into_iter().collect::<Vec<_>>(), [(SkipReason::DuplicateRow, 1)]);
    assert_eq!((summary.rows, summary.sent, summary.follows), (3, 3, 1), "guests do not follow");
    assert!(fake.state().stored.contains_key("csv-shop:0000000002"), "the first of equal rows is kept");
}
