//! Each file format, and what can be wrong with a file.

use proptest::prelude::*;
use siyu_proto::crm::v1::{InteractionKind, SourceDomain};

use super::{Read, args, faults, now, read_all};
use crate::import::{
    csv_rows::Splitter, interpret::Interpreter, lines::MAX_ROW_BYTES, scan::scan, source::Source,
};

const CDNOW: &str = " customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n\
                     \r\n 00002 19970112  5    0.00\r\n 00002 19970112  5    0.00";

#[test]
fn cdnow_rows_are_orders_named_by_their_line() {
    let rows = read_all(&args("--format cdnow a/CDNOW.txt"), CDNOW);
    let lines: Vec<_> = rows.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 4, 5], "the header is line 1, and blank lines count");
    let orders: Vec<_> = rows.into_iter().map(|(_, read)| read.sent()).collect();
    assert_eq!(orders[0].event_id, "cdnow-CDNOW:0000000002");
    assert_eq!(orders[0].user, "users/00001");
    assert_eq!(orders[0].kind(), InteractionKind::Order);
    assert_eq!(orders[0].event_time.unwrap().seconds, 852_048_000, "midnight in Shanghai");
    let purchase = orders[0].purchase.as_ref().unwrap();
    assert_eq!((purchase.amount_minor, purchase.quantity, purchase.order_id.as_str()), (1_177, 1, ""));
    assert_eq!(orders[2].purchase.as_ref().unwrap().amount_minor, 0, "an order of nothing is an order");
    assert_ne!(orders[1].event_id, orders[2].event_id, "equal rows are different events");
}

#[test]
fn cdnow_needs_no_header_and_takes_other_line_ends() {
    let unix = CDNOW.replace("\r\n", "\n");
    assert_eq!(read_all(&args("--format cdnow f"), &unix), read_all(&args("--format cdnow f"), CDNOW));
    let bare = read_all(&args("--format cdnow f"), "00001 19970101 1 11.77\n");
    assert_eq!(bare[0].0, 1);
    assert_eq!(read_all(&args("--format cdnow f"), "").len(), 0);
}

#[test]
fn bad_rows_are_told_by_line_and_field_and_stop_nothing() {
    let mut file =
        b"00001 19970101 1 11.77\n00001 19970101 1\n00001 1997011 1 1\n00001 19970101 x 1\n".to_vec();
    file.extend_from_slice(b"00001 19970101 1 -1\n00001 19970101 1 1.234\n00001 19970101 1 99999999999\n");
    file.extend_from_slice(
        b"\xff\xfe 19970101 1 1\n00001 19500101 1 1\n00001 20770101 1 1\na/b 19970101 1 1\n",
    );
    file.extend_from_slice(&vec![b'z'; MAX_ROW_BYTES + 1]);
    file.extend_from_slice(b"\n00001 19970101 -1 1\n00001 19970101 1 11.77\n");
    let rows = read_all(&args("--format cdnow f"), &file);
    let expected = [
        (2, "row"),
        (3, "time"),
        (4, "quantity"),
        (5, "amount"),
        (6, "amount"),
        (7, "amount"),
        (8, "row"),
        (9, "time"),
        (10, "time"),
        (11, "user"),
        (12, "row"),
        (13, "quantity"),
    ];
    assert_eq!(faults(&rows), expected);
    assert_eq!(rows.len(), 14);
    assert_eq!(rows[13].0, 14, "a long line is still one line");
}

const ORDERS: &str = "--format csv --map user=客户,time=时间,amount=金额,order=单号,quantity=件数 orders.csv";

#[test]
fn csv_columns_are_mapped_and_quotes_span_lines() {
    let file = "\u{feff}单号,客户,\"备注\",时间,金额,件数\r\nA1,u1,\"two\r\nlines, \"\"and\"\" more\",2026-01-02 03:04:05,12.50,2\r\n\
                A2,u2,,2026-01-03,0,\r\n";
    let rows = read_all(&args(ORDERS), file);
    assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    let orders: Vec<_> = rows.into_iter().map(|(_, read)| read.sent()).collect();
    assert_eq!(orders[0].event_id, "csv-orders:0000000002");
    let purchase = orders[0].purchase.clone().unwrap();
    assert_eq!((purchase.order_id.as_str(), purchase.amount_minor, purchase.quantity), ("A1", 1_250, 2));
    assert_eq!(orders[1].purchase.as_ref().unwrap().quantity, 0);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_row() {
    let header = "单号,客户,时间,金额,件数\n";
    let good = "A1,u1,2026-01-02,1,1\n";
    let file = format!("{header}{good}A2,\"u1,2026-01-02,1,1\n{good}A3,u1,2026-01-02,1\n{good}");
    let rows = read_all(&args(ORDERS), &file);
    assert_eq!(faults(&rows), [(3, "row"), (5, "row")]);
    assert_eq!(rows.len(), 5);
    let far = format!("{header}\"{good}{}\"{good}", good.repeat(MAX_ROW_BYTES / good.len() + 1));
    let rows = read_all(&args(ORDERS), &far);
    assert_eq!(faults(&rows).len(), 2, "both quotes open a row");
    let long_next = format!("{header}\"{good}{}\n{good}", "z".repeat(MAX_ROW_BYTES + 1));
    assert_eq!(faults(&read_all(&args(ORDERS), &long_next)), [(2, "row"), (3, "row")]);
}

#[test]
fn csv_without_a_mapped_column_is_refused_at_once() {
    let refusal = |file: &str| Source::new(file.as_bytes(), &args(ORDERS)).unwrap_err().to_string();
    assert!(refusal("客户,时间,金额,件数\n").contains("no column is called 单号"));
    assert!(refusal("单号,客户,客户,时间,金额,件数\n").contains("two columns are called 客户"));
    assert!(refusal("").contains("empty"));
    let tabs = args("--format csv --delimiter tab --map user=u,time=t --default-kind view f");
    assert_eq!(
        read_all(&tabs, "u\tt\nu1\t2026-01-02\n").pop().unwrap().1.sent().kind(),
        InteractionKind::View
    );
}

const NDJSON: &str =
    "--format ndjson --map user=u,time=t,amount=a,kind=k,target=g,source=s,event=e,order=o f.ndjson";

#[test]
fn ndjson_numbers_and_texts_are_read() {
    let file = r#"{"u":17850,"t":"2026-01-02T03:04:05Z","a":11.77,"o":7,"e":"own:1","s":"private","extra":[1]}
{"u":"u2","t":1767323045,"k":"LIKE","g":"video/1","a":null}
{"u":"u2","t":1767323045,"a":100000000.25,"k":"order"}
{"u":"u2","t":1767323045,"a":12.0}"#;
    let rows: Vec<_> = read_all(&args(NDJSON), file).into_iter().map(|(_, read)| read.sent()).collect();
    assert_eq!((rows[0].event_id.as_str(), rows[0].user.as_str()), ("own:1", "users/17850"));
    assert_eq!(rows[0].source_domain(), SourceDomain::Private);
    assert_eq!(rows[0].purchase.as_ref().unwrap().amount_minor, 1_177);
    assert_eq!((rows[1].kind(), rows[1].target.as_str()), (InteractionKind::Like, "video/1"));
    assert_eq!(rows[1].purchase, None, "only orders, cancellations and refunds have a purchase");
    assert_eq!(rows[2].purchase.as_ref().unwrap().amount_minor, 10_000_000_025);
    assert_eq!(rows[3].purchase.as_ref().unwrap().amount_minor, 1_200);
}

#[test]
fn ndjson_of_the_wrong_shape_is_rejected_by_row() {
    let file = r#"{"u":"u1"
[1,2]
{"u":{"id":1},"t":1767323045,"a":1}
{"u":true,"t":1767323045,"a":1}
{"u":1e30,"t":1767323045,"a":1}
{"u":"u1","t":1767323045,"a":1234567890123.4567}
{"u":"u1","t":1767323045,"a":"1\u0000"}
{"u":"u1","t":1767323045,"a":1,"e":"no spaces"}
{"u":"u1","t":1767323045,"a":1,"g":"LONG"}
{"u":"u1","t":1767323045,"a":1,"o":"LONG"}
{"u":"u1","t":1767323045,"a":1,"s":"moon"}
{"u":"u1","t":1767323045,"k":"teleport"}
{"u":"u1","t":1767323045}
{"u":"u1","a":1}"#
        .replace("LONG", &"长".repeat(201));
    let rows = read_all(&args(NDJSON), file);
    let fields: Vec<_> = faults(&rows).into_iter().map(|(_, field)| field).collect();
    let expected = "row row user user user amount amount event target order source kind amount time";
    assert_eq!(fields, expected.split(' ').collect::<Vec<_>>());
}

#[test]
fn the_first_reading_knows_digest_latest_time_and_bad_rows() {
    let args = args("--format cdnow f");
    let look = |file: &str| {
        let source = Source::new(file.as_bytes(), &args).unwrap();
        scan(source, &Interpreter::new(&args), now(), 1).unwrap()
    };
    let one = look("customer_id\n1 19970101 1 1\n2 19980101 1 1\nbad\nworse\n3 20990101 1 1");
    let other = look("3 20990101 1 1\r\nworse\r\n1 19970101 1 1\r\nbad\r\n2 19980101 1 1\r\n");
    assert_eq!(one.digest, other.digest, "header, order and line ends do not matter");
    assert_ne!(one.lines.to_hex(), other.lines.to_hex(), "rows at other lines are other events");
    assert_eq!((one.rows, one.bad_rows, one.first_faults.len()), (5, 2, 1));
    assert_eq!(one.latest, other.latest);
    let latest = one.latest.unwrap().to_string();
    assert_eq!(latest, "1997-12-31T16:00:00Z", "the year 2099 is a mistake, not the latest time");
    assert_eq!(look("1 20990101 1 1").latest.unwrap().to_string(), "2098-12-31T16:00:00Z");
    assert_ne!(look("1 19970101 1 1").digest, look("1 19970101 1 1\n1 19970101 1 1").digest);
}

proptest! {
    #[test]
    fn csv_rows_are_split_as_the_csv_crate_splits_them(text in "[ab,\";\n]{0,60}") {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let expected: Vec<Vec<Vec<u8>>> =
            reader.byte_records().map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect()).collect();
        let mut found = Vec::new();
        let mut open: Option<Splitter> = None;
        for line in text.split('\n') {
            if open.is_none() && line.is_empty() {
                continue;
            }
            let mut splitter = open.take().unwrap_or_else(|| Splitter::new(b','));
            if splitter.take_line(line.as_bytes()) {
                found.push(splitter.finish());
            } else {
                open = Some(splitter);
            }
        }
        found.extend(open.map(Splitter::finish));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_file_stops_the_importer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&args("--format cdnow f"), &bytes);
        read_all(&args(NDJSON), &bytes);
        let csv = [b"u,t\n".as_slice(), &bytes].concat();
        for (line, read) in read_all(&args("--format csv --map user=u,time=t --default-kind view f"), csv) {
            prop_assert!(line > 1);
            prop_assert!(matches!(read, Read::Sent(_) | Read::Bad(..)));
        }
    }
}
