//! `siyu import` when the line or the file is bad.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use siyu::{connect::connect, import::SkipReason};
use siyu_proto::crm::v1::{
    interaction_service_client::InteractionServiceClient, tier_service_client::TierServiceClient,
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

use crate::{
    imports::{import, import_args, import_error, written},
    support::{all_fans, at, follow, sales, send, timeline},
};

/// Rows of cdnow, ten orders of each customer, the latest first.
fn many_rows(count: usize) -> String {
    let mut text = String::new();
    for index in 0..count {
        writeln!(text, "{:05} 199701{:02} 1 1.00", index / 10, 10 - index % 10).unwrap();
    }
    text
}

/// A line to the suite that breaks once, after so many bytes of the client. Answers its URL and how often it was used.
async fn bad_line(suite: &TestSuite, bytes: u64) -> (String, Arc<AtomicUsize>) {
    let far = suite.url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let uses = Arc::new(AtomicUsize::new(0));
    let counter = uses.clone();
    tokio::spawn(async move {
        for most in [bytes, u64::MAX] {
            let (near, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let (mut near_read, mut near_write) = near.into_split();
            let (mut far_read, mut far_write) = TcpStream::connect(&far).await.unwrap().into_split();
            let mut sent = (&mut near_read).take(most);
            tokio::select! {
                _ = tokio::io::copy(&mut sent, &mut far_write) => {}
                _ = tokio::io::copy(&mut far_read, &mut near_write) => {}
            }
        }
    });
    (url, uses)
}

async fn a_cut_connection_is_made_again(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "shop.txt", &many_rows(2_000));
    let args = import_args("--format cdnow --account shop --follow-on first-order --shift-to now", file);
    let (url, uses) = bad_line(&suite, 60_000).await;
    let client = connect(&url, &suite.token(&Caller::service("importer"))).await.unwrap();
    let now = suite.clock.now().to_timestamp();
    let (interactions, tiers) =
        (InteractionServiceClient::new(client.clone()), TierServiceClient::new(client));
    let summary = siyu::import::run(args, interactions, tiers, now).await.unwrap();

    assert_eq!(uses.load(Ordering::SeqCst), 2, "the line broke");
    assert_eq!((summary.sent, summary.accepted + summary.duplicates), (2_200, 2_200));
    assert_eq!(sales(&suite, "shop").await.order_count, 2_000);
    suite.finish().await;
}

async fn rejected_rows_are_written_with_their_lines_whoever_rejects_them(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    // Two event ids of the import are taken: that of line 2, and that of the follow of `bad`.
    let taken = ["cdnow-shop:0000000002", "cdnow-shop:follow:bad"];
    let others = taken.map(|event_id| follow(event_id, "somebody", at("2026-01-01T00:00:00Z")));
    send(&suite, "shop", others.to_vec()).await.unwrap();

    let folder = TempDir::new().unwrap();
    let rows = "good 19970101 1 1\nbad 19970102 1 1\ngood 19970101 x 1\ngood 19970103 1 1\n";
    let mut args = import_args(
        "--format cdnow --account shop --follow-on first-order",
        written(&folder, "shop.txt", rows),
    );
    let rejects = folder.path().join("rejects.ndjson");
    args.rejects = Some(rejects.clone());
    let summary = import(&suite, args).await.unwrap();

    assert_eq!((summary.rows, summary.sent, summary.accepted, summary.follows), (4, 5, 3, 2));
    assert_eq!((summary.rejected, summary.rejected_by_server), (3, 2));
    let written = std::fs::read_to_string(rejects).unwrap();
    let lines: Vec<serde_json::Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|reject| {
            (reject["line"].as_u64(), reject["field"].as_str().unwrap(), reject["row"].as_str().unwrap())
        })
        .collect();
    assert_eq!(told[0], (Some(3), "quantity", "good 19970101 x 1"));
    assert_eq!(told[1].0, Some(2));
    assert_eq!(told[1].2, "bad 19970102 1 1");
    assert_eq!((told[2].0, told[2].2), (None, "cdnow-shop:follow:bad"));
    suite.finish().await;
}

async fn a_mended_row_is_stored_where_it_stands(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "shop.txt", "1 19970101 1 1\n2 19970199 1 1\n");
    let args = import_args("--format cdnow --account shop", file);
    let first = import(&suite, args.clone()).await.unwrap();
    assert_eq!((first.accepted, first.rejected), (1, 1));
    written(&folder, "shop.txt", "1 19970101 1 1\n2 19970109 1 1\n3 19970110 1 1\n");
    let mended = import(&suite, args.clone()).await.unwrap();
    assert_eq!((mended.accepted, mended.duplicates, mended.rejected), (2, 1, 0));
    // The same rows in another order would be other events.
    written(&folder, "shop.txt", "3 19970110 1 1\n1 19970101 1 1\n2 19970109 1 1\n");
    let error = import_error(&suite, args.clone()).await;
    assert!(error.contains("has the same rows in another order"), "{error}");
    assert!(error.ends_with("(IMPORT_MISMATCH)"), "{error}");
    // A row that came in at the top moves all others from their lines: nothing of it is stored.
    written(&folder, "shop.txt", "4 19970111 1 1\n1 19970101 1 1\n2 19970109 1 1\n3 19970110 1 1\n");
    let error = import_error(&suite, args).await;
    assert!(error.contains("the file was sorted, or grew at the top"), "{error}");
    assert_eq!(sales(&suite, "shop").await.order_count, 3);
    suite.finish().await;
}

async fn a_file_without_a_good_row_opens_no_import(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let folder = TempDir::new().unwrap();
    let args = |rows: &str| import_args("--format cdnow --account shop", written(&folder, "shop.txt", rows));
    for rows in ["", "customer_id date\n", "1 1997 1 1\n"] {
        let error = import_error(&suite, args(rows)).await;
        assert!(error.contains("nothing was sent"), "{error}");
    }
    // Its settings would have been fixed for ever.
    assert!(import(&suite, args("1 19970101 1 1\n")).await.unwrap().created);
    suite.finish().await;
}

async fn times_out_of_range_equal_rows_and_guests_are_told_apart(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let folder = TempDir::new().unwrap();
    let rows = "old 19600101 1 1\nold 19970101 1 1\nnew 20990101 1 1\n";
    let args = import_args(
        "--format cdnow --account shop --follow-on first-order",
        written(&folder, "times.txt", rows),
    );
    let summary = import(&suite, args).await.unwrap();
    assert_eq!((summary.rows, summary.rejected, summary.follows, summary.accepted), (3, 2, 1, 2));
    let of_old = timeline(&suite, "shop", "old").await;
    assert_eq!(of_old[0].event_time, of_old[1].event_time, "the follow is dated like the first good order");

    let rows = "u,t,a\nu1,2026-01-01,1\nu1,2026-01-01,1\n,2026-01-01,1\n";
    let words = "--format csv --account shop --map user=u,time=t,amount=a --duplicate-rows skip \
                 --no-customer guest --follow-on first-order";
    let summary = import(&suite, import_args(words, written(&folder, "guests.csv", rows))).await.unwrap();
    assert_eq!(summary.skipped_by_reason.into_iter().collect::<Vec<_>>(), [(SkipReason::DuplicateRow, 1)]);
    assert_eq!((summary.rows, summary.sent, summary.follows), (3, 3, 1), "guests do not follow");
    assert_eq!(all_fans(&suite, "shop").await.len(), 3);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_cut_connection_is_made_again,
    rejected_rows_are_written_with_their_lines_whoever_rejects_them,
    a_mended_row_is_stored_where_it_stands,
    a_file_without_a_good_row_opens_no_import,
    times_out_of_range_equal_rows_and_guests_are_told_apart,
);
