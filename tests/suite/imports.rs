//! `siyu import` against a running suite: files with bad rows, what is refused, what is kept.

use std::path::PathBuf;

use clap::Parser;
use siyu::{
    import::{ImportArgs, SkipReason, Summary},
    output::one_line,
};
use siyu_proto::crm::v1::{CreateImportRequest, Import, InteractionKind as Kind, SourceDomain};
use siyu_tests::TestSuite;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::support::{all_fans, at, fan, fields, reason, sales, seconds_ago, timeline};

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    import: ImportArgs,
}

/// Arguments as the command line takes them, separated by spaces.
pub(crate) fn import_args(words: &str, file: PathBuf) -> ImportArgs {
    let words = ["siyu", "--quiet", "placeholder"].into_iter().chain(words.split_whitespace());
    let mut args = CommandLine::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).import;
    args.file = file;
    args
}

pub(crate) async fn import(suite: &TestSuite, args: ImportArgs) -> anyhow::Result<Summary> {
    siyu::import::run(args, suite.interactions(), suite.tiers(), suite.clock.now().to_timestamp()).await
}

/// What an import that must fail says.
pub(crate) async fn import_error(suite: &TestSuite, args: ImportArgs) -> String {
    one_line(&import(suite, args).await.unwrap_err())
}

pub(crate) fn written(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

const CSV: &str = "\
order,customer,paid,when,what,from
A-1,anna,12.50,2026-01-05 10:00:00,order,public
A-2,,3.00,2026-01-06,order,
A-3,bert,1.234,2026-01-06,order,
A-4,bert,5.00,yesterday,order,
A-5,bert,5.00,2026-01-07,gift,
A-6,bert,5.00,2027-01-01,order,
A-7,bert,-5.00,2026-01-07,order,
A-1,bert,1.00,2026-01-08,order,
A-1,anna,0.50,2026-01-05 10:00:00,order,private
A-8,bert,7.00
A-1,anna,2.50,2026-01-09,退款,
,\"carl, jr\",,2026-01-10T08:00:00Z,like,
,carl,0,2026-01-10T08:00:00Z,order,
";

async fn a_csv_file_with_bad_rows_is_imported_without_them(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "shop.csv", CSV);
    let mut args = import_args(
        "--format csv --account shop --map order=order,user=customer,amount=paid,time=when,kind=what,source=from \
         --kind-names 退款=refund --follow-on first-order",
        file,
    );
    let rejects = folder.path().join("rejects.ndjson");
    args.rejects = Some(rejects.clone());
    let summary = import(&suite, args.clone()).await.unwrap();
    let expected = Summary {
        rows: 13,
        // Rows 2, 9, 10, 12, 14 and a row of bert that only the server can refuse, and follows of anna, bert and carl.
        sent: 8,
        accepted: 7,
        rejected: 9,
        rejected_by_server: 1,
        follows: 3,
        created: true,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    assert!(!summary.is_clean());

    let told: Vec<serde_json::Value> = std::fs::read_to_string(rejects)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|told| (told["line"].as_u64().unwrap(), told["field"].as_str().unwrap().to_owned()))
        .collect();
    let places = [
        (3, "user"),
        (4, "amount"),
        (5, "time"),
        (6, "kind"),
        (7, "time"),
        (8, "amount"),
        (11, "row"),
        (13, "user"),
        // The server judges last: the order is anna's.
        (9, "order"),
    ];
    assert_eq!(told, places.map(|(line, field)| (line, field.to_owned())));

    let anna = timeline(&suite, "shop", "anna").await;
    let brief: Vec<_> = anna.iter().map(|e| (e.event_id.as_str(), e.kind(), e.source_domain())).collect();
    let nowhere = SourceDomain::Unspecified;
    assert_eq!(
        brief,
        [
            ("csv-shop:0000000012", Kind::Refund, nowhere),
            ("csv-shop:follow:anna", Kind::Follow, nowhere),
            ("csv-shop:0000000010", Kind::Order, SourceDomain::Private),
            ("csv-shop:0000000002", Kind::Order, SourceDomain::Public),
        ]
    );
    // Local time of Asia/Shanghai.
    assert_eq!(anna[3].event_time, Some(at("2026-01-05T02:00:00Z")));
    let bought = fan(&suite, "shop", "anna").await.purchases.unwrap();
    assert_eq!((bought.order_count, bought.gmv_minor, bought.refunded_minor), (1, 1_300, 250));
    assert_eq!(all_fans(&suite, "shop").await.len(), 3);

    // Again, and nothing changes; bert follows although his order was refused, since the importer could not know.
    let again = import(&suite, args).await.unwrap();
    assert_eq!((again.accepted, again.duplicates, again.rejected, again.created), (0, 7, 9, false));
    suite.finish().await;
}

async fn strictness_sends_nothing_of_a_bad_file(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "shop.csv", CSV);
    let words = "--format csv --account accounts/shop --map order=order,user=customer,amount=paid,time=when,kind=what";
    let mut args = import_args(&format!("{words} --kind-names 退款=refund --strict"), file);
    let error = import_error(&suite, args.clone()).await;
    assert!(error.starts_with("nothing was sent: 7 of 13 rows are bad (--strict)"), "{error}");
    assert_eq!(all_fans(&suite, "shop").await, []);

    args.account = "accounts/nowhere".to_owned();
    args.strict = false;
    let error = import_error(&suite, args).await;
    assert!(error.ends_with("accounts/nowhere does not exist (RESOURCE_NOT_FOUND)"), "{error}");
    suite.finish().await;
}

const NDJSON: &str = r#"{"id": "x-1", "who": "anna", "at": 1767225600, "price": 12.5}
{"id": "x-2", "who": "anna", "at": 1767225601, "price": "0"}
{"id": "x-2", "who": "anna", "at": 1767225602, "price": "0"}

{"id": "x-3", "who": 7, "at": "2026-01-01T00:00:03Z", "price": "1.00", "more": {"is": "ignored"}}
{"id": "x-4", "at": 1767225604, "price": 1}
{"id": "x-5", "who": ["anna"], "at": 1767225605, "price": 1}
{"id": "x 6", "who": "anna", "at": 1767225606, "price": 1}
not json
{"id": "x-7", "who": null, "at": 1767225607, "price": 1}
"#;

async fn a_file_of_json_lines_may_name_its_own_events(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "shop.ndjson", NDJSON);
    let words =
        "--format ndjson --account shop --map event=id,user=who,time=at,amount=price --no-customer skip";
    let args = import_args(words, file);
    let summary = import(&suite, args).await.unwrap();
    let expected = Summary {
        rows: 9,
        sent: 4,
        accepted: 3,
        // Three bad rows, and x-2 with another content, which the server refuses.
        rejected: 4,
        rejected_by_server: 1,
        skipped_by_reason: [(SkipReason::NoCustomer, 2)].into(),
        created: true,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    let stored: Vec<_> =
        timeline(&suite, "shop", "anna").await.into_iter().map(|event| event.event_id).collect();
    assert_eq!(stored, ["x-2", "x-1"]);
    assert_eq!(sales(&suite, "shop").await.gmv_minor, 1_350);
    assert_eq!(fan(&suite, "shop", "7").await.first_interaction_time, Some(at("2026-01-01T00:00:03Z")));

    suite.finish().await;
}

async fn an_import_keeps_what_its_first_call_fixed(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "store").await;
    let open = async |account: &str, import_id: &str, shift_days, treatment: &str, digests: (&str, &str)| {
        let request = CreateImportRequest {
            parent: format!("accounts/{account}"),
            import: Some(Import {
                shift_days,
                treatment: treatment.to_owned(),
                content_digest: digests.0.to_owned(),
                order_digest: digests.1.to_owned(),
                ..Import::default()
            }),
            import_id: import_id.to_owned(),
        };
        let answer = suite.interactions().create_import(request).await?.into_inner();
        let import = answer.import.unwrap();
        assert_eq!(import.name, format!("accounts/{account}/imports/{import_id}"));
        Ok::<_, Status>((answer.created, import.shift_days, import.create_time))
    };
    let now = Some(seconds_ago(&suite, 0));
    assert_eq!(open("shop", "one", 5, "csv", ("aa", "01")).await.unwrap(), (true, 5, now));
    suite.advance(std::time::Duration::from_secs(60)).await;
    // Opened before: whatever shift is asked for, it is the first.
    assert_eq!(open("shop", "one", 9, "csv", ("aa", "01")).await.unwrap(), (false, 5, now));
    for (import_id, treatment, digests, field) in [
        ("one", "ndjson", ("aa", "01"), "import.treatment"),
        ("one", "csv", ("aa", "02"), "import.order_digest"),
        ("two", "csv", ("aa", "02"), "import.content_digest"),
    ] {
        let status = open("shop", import_id, 5, treatment, digests).await.unwrap_err();
        let expected = (Code::FailedPrecondition, "IMPORT_MISMATCH".to_owned());
        assert_eq!((status.code(), reason(&status)), expected);
        assert!(status.message().starts_with(field), "{}", status.message());
    }
    // The file has grown: from now on its new rows are those that no other import may bring.
    assert_eq!(open("shop", "one", 5, "csv", ("bb", "03")).await.unwrap(), (false, 5, now));
    assert_eq!(
        open("shop", "two", 5, "csv", ("bb", "03")).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let later = Some(seconds_ago(&suite, 0));
    assert_eq!(open("shop", "two", 0, "csv", ("", "")).await.unwrap(), (true, 0, later));
    assert_eq!(open("shop", "three", 0, "csv", ("", "")).await.unwrap(), (true, 0, later));
    assert_eq!(open("store", "one", 0, "ndjson", ("bb", "03")).await.unwrap(), (true, 0, later));
    for (import_id, shift_days, digest) in [("a b", 0, ""), ("", 0, ""), ("ok", 36_501, ""), ("ok", 0, "xy")]
    {
        let status = open("shop", import_id, shift_days, "", (digest, "")).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status).len()),
            (Code::InvalidArgument, 1),
            "{}",
            status.message()
        );
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_csv_file_with_bad_rows_is_imported_without_them,
    strictness_sends_nothing_of_a_bad_file,
    a_file_of_json_lines_may_name_its_own_events,
    an_import_keeps_what_its_first_call_fixed,
);
