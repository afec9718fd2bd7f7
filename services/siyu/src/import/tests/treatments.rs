//! Every row treatment, and the text that writes them down.

use clap::Parser;
use siyu_proto::crm::v1::InteractionKind;

use super::{CommandLine, Read, args, faults, read_all, try_args};
use crate::import::{SkipReason, treatment::treatment};

const HEADER: &str = "order,user,kind,time,amount,qty\n";
const MAP: &str = "--map user=user,time=time,kind=kind,amount=amount,order=order,quantity=qty";

/// What becomes of one row under some flags.
fn read(flags: &str, row: &str) -> Read {
    let words = format!("--format csv {MAP} {flags} shop.csv");
    let words = words.replace("  ", " ");
    read_all(&args(&words), format!("{HEADER}{row}\n")).pop().unwrap().1
}

fn purchase_of(read: Read) -> (InteractionKind, String, i64, i64) {
    let interaction = read.sent();
    let kind = interaction.kind();
    let purchase = interaction.purchase.unwrap();
    (kind, purchase.order_id, purchase.amount_minor, purchase.quantity)
}

fn field_of(read: Read) -> String {
    match read {
        Read::Bad(field, _) => field,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn negative_amounts() {
    let row = "A1,u1,,2026-01-02,-5.00,-2";
    assert_eq!(field_of(read("", row)), "amount");
    let refund = purchase_of(read("--negative-amounts refund", row));
    assert_eq!(refund, (InteractionKind::Refund, "A1".to_owned(), 500, 2));
    let refund_row = "A1,u1,refund,2026-01-02,-5.00,1";
    assert_eq!(field_of(read("", refund_row)), "amount");
    assert_eq!(purchase_of(read("--negative-amounts refund", refund_row)).2, 500);
    assert_eq!(field_of(read("--negative-amounts refund", ",u1,,2026-01-02,-5.00,1")), "order");
    let skipped = read("--negative-amounts refund --refunds ignore", ",u1,,2026-01-02,-5.00,1");
    assert_eq!(skipped, Read::Skipped(SkipReason::Refund));
}

#[test]
fn cancellations_and_refunds() {
    let cancel = "A1,u1,order_cancel,2026-01-02,99.00,1";
    assert_eq!(purchase_of(read("", cancel)), (InteractionKind::OrderCancel, "A1".to_owned(), 0, 1));
    assert_eq!(read("--cancellations ignore", cancel), Read::Skipped(SkipReason::Cancellation));
    assert_eq!(field_of(read("", ",u1,order_cancel,2026-01-02,,")), "order");
    let refund = "A1,u1,refund,2026-01-02,9.00,";
    assert_eq!(purchase_of(read("", refund)), (InteractionKind::Refund, "A1".to_owned(), 900, 0));
    assert_eq!(read("--refunds ignore", refund), Read::Skipped(SkipReason::Refund));
    assert_eq!(read("--refunds ignore", "A1,u1,refund,,nonsense,"), Read::Skipped(SkipReason::Refund));
}

#[test]
fn rows_without_a_customer() {
    let row = "A1, ,,2026-01-02,5.00,1";
    assert_eq!(field_of(read("", row)), "user");
    assert_eq!(read("--no-customer skip", row), Read::Skipped(SkipReason::NoCustomer));
    assert_eq!(read("--no-customer guest", row).sent().user, "users/guest-csv-shop-2");
}

#[test]
fn lines_of_an_order() {
    let row = "A1,u1,,2026-01-02,5.00,1";
    assert_eq!(purchase_of(read("", row)).1, "A1");
    assert_eq!(purchase_of(read("--order-lines separate", row)).1, "", "named after its event by the server");
    assert_eq!(field_of(read("--order-lines separate", "A1,u1,refund,2026-01-02,5.00,1")), "order");
}

#[test]
fn kinds_have_names_of_the_file_and_a_default() {
    let kind = |flags, name| read(flags, &format!("A1,u1,{name},2026-01-02,5.00,1")).sent().kind();
    assert_eq!(kind("--kind-names 购买=order,退款=refund", "退款"), InteractionKind::Refund);
    assert_eq!(kind("", "live_watch"), InteractionKind::LiveWatch);
    assert_eq!(kind("", "Unfollow"), InteractionKind::Unfollow);
    assert_eq!(kind("--default-kind share", ""), InteractionKind::Share);
    assert_eq!(field_of(read("", "A1,u1,unspecified,2026-01-02,5.00,1")), "kind");
    assert_eq!(field_of(read("", "A1,u1,退款,2026-01-02,5.00,1")), "kind");
}

#[test]
fn the_treatment_text_tells_settings_apart_and_nothing_else() {
    let text = |words: &str| treatment(&args(words)).unwrap();
    let base = text("--format csv --map user=u,time=t,amount=a f.csv");
    assert_eq!(base, text("--map amount=a,time=t --format csv --map user=u g.csv --strict --import-id i -q"));
    assert_eq!(
        base,
        text("--format csv --map user=u,time=t,amount=a f.csv --shift-to now"),
        "the shift is apart"
    );
    for flags in [
        "--negative-amounts refund",
        "--cancellations ignore",
        "--refunds ignore",
        "--no-customer guest",
        "--order-lines separate",
        "--duplicate-rows skip",
        "--follow-on first-order",
        "--default-kind view",
        "--kind-names a=order",
        "--minor-digits 0",
        "--time-zone Asia/Tokyo",
        "--time-format unix",
        "--delimiter ;",
        "--map order=o",
    ] {
        assert_ne!(
            base,
            text(&format!("--format csv --map user=u,time=t,amount=a f.csv {flags}")),
            "{flags}"
        );
    }
    assert!(serde_json::from_str::<serde_json::Value>(&base).is_ok());
    let long = format!("--format csv --map user={},time=t f", "长".repeat(2_000));
    assert!(treatment(&args(&long)).is_err());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for words in [
        "--format cdnow --map user=u f",
        "--format cdnow --default-kind view f",
        "--format cdnow --time-format unix f",
        "--format csv f",
        "--format csv --map user=u,amount=a f",
        "--format csv --map time=t,amount=a f",
        "--format csv --map user=u,time=t f",
        "--format csv --map user=u,user=v,time=t,amount=a f",
    ] {
        assert!(args(words).check().is_err(), "{words}");
    }
    for words in [
        "--format xml f",
        "--format cdnow --shift-to tomorrow f",
        "--format cdnow --shift-to now --shift-days 3 f",
        "--format cdnow --shift-days 40000 f",
        "--format cdnow --time-zone Mars/Base f",
        "--format cdnow --import-id a/b f",
        "--format csv --map colour=c f",
        "--format csv --map user f",
        "--format csv --delimiter ab f",
        "--format csv --kind-names a=b f",
    ] {
        assert!(try_args(words).is_err(), "{words}");
    }
    assert_eq!(args("--format cdnow --shift-days -3 f").shift_days, Some(-3));
    assert!(args("--format csv --map time=t,amount=a --no-customer guest f").check().is_ok());
    assert!(args("--format csv --map time=t,user=u --default-kind view f").check().is_ok());
    assert!(
        CommandLine::try_parse_from(["import", "--format", "cdnow", "f"]).is_err(),
        "the account is required"
    );
}

#[test]
fn equal_rows_are_different_events() {
    let row = "A1,u1,,2026-01-02,5.00,1\n";
    let rows = read_all(&args(&format!("--format csv {MAP} f")), format!("{HEADER}{row}{row}"));
    assert_eq!(faults(&rows), []);
    let ids: Vec<_> = rows.into_iter().map(|(_, read)| read.sent().event_id).collect();
    assert_ne!(ids[0], ids[1]);
}
