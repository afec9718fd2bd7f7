//! Money, times, shifts, ids, digests.

use std::{collections::HashSet, path::Path};

use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use crate::import::{
    args::ShiftTo,
    digest::{ContentDigest, row_digest},
    ids::{default_import_id, follow_event_id, parse_account, parse_import_id, row_event_id},
    money::{MAX_MINOR, parse_minor},
    shift::{days_to, shifted},
    time::TimeFormat,
};

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn money_is_read_exactly() {
    for (text, digits, minor) in [
        ("11.77", 2, 1_177),
        ("0", 2, 0),
        ("-0.00", 2, 0),
        ("+3.5", 2, 350),
        (".5", 2, 50),
        ("7.", 2, 700),
        ("-12.00", 2, -1_200),
        ("1200", 0, 1_200),
        ("0.001", 3, 1),
        ("0000000000000000000000000000000000000001", 2, 100),
        ("10000000000.00", 2, MAX_MINOR),
    ] {
        assert_eq!(parse_minor(text, digits), Ok(minor), "{text}");
    }
}

#[test]
fn money_that_would_need_a_guess_is_refused() {
    for text in
        ["", "-", ".", "1,234.50", "¥12", "1e3", "12.345", "1.000", "--1", "1.-5", "１２", "NaN", "1.2.3"]
    {
        assert!(parse_minor(text, 2).is_err(), "{text}");
    }
    assert!(parse_minor("12.0", 0).is_err());
    assert!(parse_minor("10000000000.01", 2).unwrap_err().contains("1000000000000"));
    assert!(parse_minor(&"9".repeat(60_000), 2).is_err());
}

proptest! {
    #[test]
    fn money_written_is_money_read(minor in -MAX_MINOR..=MAX_MINOR, digits in 0_u8..=4) {
        let unit = 10_i64.pow(u32::from(digits));
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, rest) = (minor.abs() / unit, minor.abs() % unit);
        let text = if digits == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{rest:0width$}", width = usize::from(digits))
        };
        prop_assert_eq!(parse_minor(&text, digits), Ok(minor));
    }

    #[test]
    fn money_never_panics(text in ".{0,40}", digits in 0_u8..=4) {
        let _ = parse_minor(&text, digits);
    }

    #[test]
    fn digests_do_not_depend_on_order(rows in prop::collection::vec(".{0,8}", 0..20).prop_shuffle()) {
        let digest_of = |rows: &[String]| {
            let mut digest = ContentDigest::default();
            rows.iter().for_each(|row| digest.add(row_digest(row.as_bytes())));
            digest
        };
        let mut sorted = rows.clone();
        sorted.sort();
        prop_assert_eq!(digest_of(&rows), digest_of(&sorted));
        sorted.push("one more".to_owned());
        prop_assert_ne!(digest_of(&rows), digest_of(&sorted));
    }

    #[test]
    fn follows_of_different_customers_have_different_ids(a in "[a-z.:% é客-]{1,130}", b in "[a-z.:% é客-]{1,130}") {
        let import_id = "i".repeat(64);
        let (id_a, id_b) = (follow_event_id(&import_id, &a), follow_event_id(&import_id, &b));
        prop_assert_eq!(a == b, id_a == id_b);
        prop_assert!(id_a.len() <= 128);
        prop_assert!(id_a.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)));
    }

    #[test]
    fn moving_to_now_is_the_largest_whole_number_of_days(seconds in 0_i64..1_700_000_000) {
        let (latest, now) = (Timestamp::from_second(seconds).unwrap(), at("2026-03-05T12:00:00+08:00"));
        let days = days_to(ShiftTo::Now, latest, now, &shanghai()).unwrap();
        prop_assert!(shifted(latest, days, &shanghai()).unwrap() <= now);
        prop_assert!(shifted(latest, days + 1, &shanghai()).unwrap() > now);
    }
}

#[test]
fn equal_rows_do_not_cancel_out() {
    let mut twice = ContentDigest::default();
    twice.add(row_digest(b"x"));
    twice.add(row_digest(b"x"));
    assert_ne!(twice, ContentDigest::default());
    assert_eq!(twice.to_hex().len(), 32);
}

#[test]
fn times_of_all_usual_forms_are_read() {
    let local = "1997-01-02T03:04:05+08:00";
    for (format, text, moment) in [
        ("auto", "1997-01-01T19:04:05Z", local),
        ("auto", "1997-01-02T03:04:05+08:00", local),
        ("auto", "1997-01-02 03:04:05", local),
        ("auto", "1997-01-02T03:04:05.25", "1997-01-02T03:04:05.25+08:00"),
        ("auto", "19970102", "1997-01-02T00:00:00+08:00"),
        ("auto", "1997-01-02", "1997-01-02T00:00:00+08:00"),
        ("auto", "852145445", local),
        ("unix", "0", "1970-01-01T00:00:00Z"),
        ("unix-ms", "852145445000", local),
        ("%d/%m/%Y %H:%M:%S", "02/01/1997 03:04:05", local),
        ("%Y年%m月%d日", "1997年01月02日", "1997-01-02T00:00:00+08:00"),
        ("%Y-%m-%d %H:%M", "1997-01-02 03:04", "1997-01-02T03:04:00+08:00"),
        ("%Y-%m-%d %H:%M:%S %z", "1997-01-01 19:04:05 +0000", local),
        ("%s", "852145445", local),
    ] {
        let read = TimeFormat::parse(format).unwrap().read(text, &shanghai());
        assert_eq!(read, Ok(at(moment)), "{format} {text}");
    }
}

#[test]
fn times_that_would_need_a_guess_are_refused() {
    let wrong = ["", "1997", "19971301", "19970230", "1997-02-30", "01/02/1997", "852145445000", "yesterday"];
    for text in wrong.into_iter().chain(["1997-01-02T03:04:05[Asia/Tokyo]", "1997-01-02 25:00:00", "３"]) {
        assert!(TimeFormat::Auto.read(text, &shanghai()).is_err(), "{text}");
    }
    assert!(TimeFormat::parse("iso").is_err());
    assert!(TimeFormat::Unix.read("99999999999999", &shanghai()).is_err());
}

#[test]
fn shifts_keep_the_time_of_day_and_never_reach_the_future() {
    let now = at("2026-03-05T12:00:00+08:00");
    let days = |target, latest| days_to(target, at(latest), now, &shanghai());
    let midnight = "1998-06-30T00:00:00+08:00";
    let moved = shifted(at(midnight), days(ShiftTo::Now, midnight).unwrap(), &shanghai());
    assert_eq!(moved, Some(at("2026-03-05T00:00:00+08:00")));
    let evening = "2026-03-01T23:00:00+08:00";
    assert_eq!(days(ShiftTo::Now, evening).unwrap(), 3, "the evening of today is still to come");
    let day = |text: &str| ShiftTo::Day(text.parse().unwrap());
    assert_eq!(days(day("2026-03-05"), evening).unwrap(), 3);
    assert_eq!(days(day("2026-02-27"), evening).unwrap(), -2);
    assert!(days(day("2026-03-06"), evening).is_err());
    assert!(days(day("1930-01-01"), evening).is_ok());
    assert!(days(day("1800-01-01"), evening).is_err());
    assert_eq!(days(ShiftTo::None, evening).unwrap(), 0);
    // New York: the clock went forward on 2026-03-08; midnight stays midnight.
    let new_york = TimeZone::get("America/New_York").unwrap();
    assert_eq!(shifted(at("2026-03-01T05:00:00Z"), 10, &new_york), Some(at("2026-03-11T04:00:00Z")));
    assert_eq!(shifted(Timestamp::MAX, 1, &shanghai()), None);
}

#[test]
fn ids_are_what_the_server_takes() {
    assert_eq!(default_import_id("cdnow", Path::new("/a/CDNOW master(1).txt")), "cdnow-CDNOW-master-1-");
    assert_eq!(default_import_id("csv", Path::new(&"长".repeat(90))).len(), 64);
    assert_eq!(row_event_id("cdnow-x", 2), "cdnow-x:0000000002");
    assert_eq!(follow_event_id("i", "00001"), "i:follow:00001");
    assert_eq!(follow_event_id("i", "a.b%客"), "i:follow:a.2eb.25.e5.ae.a2");
    assert_eq!(parse_account("accounts/lumi").unwrap(), parse_account("lumi").unwrap());
    assert!(
        parse_account("accounts/").is_err() && parse_account("A").is_err() && parse_account("a/b").is_err()
    );
    assert!(
        parse_import_id("a:b").is_err() && parse_import_id("").is_err() && parse_import_id("a.B_1-").is_ok()
    );
    let customers = ["a.b", "a.2eb", "a:b", "A.b", "ab"];
    let ids: HashSet<_> = customers.iter().map(|customer| follow_event_id("i", customer)).collect();
    assert_eq!(ids.len(), customers.len());
}
