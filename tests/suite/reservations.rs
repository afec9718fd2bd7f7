//! Reservations at the edges: moves that are repeated, ids that come back, ends before their use, wallets full of crumbs.

use siyu_proto::accounts::v1::{
    GetWalletRequest, MoveReservationRequest, Reservation, ReservationState, ReserveRightRequest,
};
use siyu_rpc::time::to_proto;
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    rights::{
        DAY, allowance, ask, commit, grant, ledger, named, pushes, release, reserve, rights, shop, wallet,
    },
    support::{at, fields, on_accounts_db, reason},
};

async fn moved_until(
    suite: &TestSuite,
    id: &str,
    use_time: &str,
    expire_time: Option<&str>,
) -> Result<Reservation, Status> {
    let request = MoveReservationRequest {
        name: named(id),
        use_time: Some(at(use_time)),
        expire_time: expire_time.map(at),
    };
    rights(suite).move_reservation(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

fn until(id: &str, use_time: &str, expire_time: &str) -> ReserveRightRequest {
    ReserveRightRequest { expire_time: Some(at(expire_time)), ..ask(id, 1, Some(use_time)) }
}

fn wrong_state(answer: Result<Reservation, Status>) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "WRONG_STATE"));
}

async fn a_repeated_move_into_the_past_stays_in_its_month(suite: TestSuite) {
    shop(&suite, 1).await;
    reserve(&suite, ask("a", 1, Some("2026-03-20T00:00:00Z"))).await.unwrap();
    // It comes late: the use is now, in March.
    let now = to_proto(suite.clock.now());
    let first = moved_until(&suite, "a", "2026-02-01T00:00:00Z", None).await.unwrap();
    assert_eq!(first.use_time, Some(now));
    suite.advance(40 * DAY).await;
    assert_eq!(moved_until(&suite, "a", "2026-02-01T00:00:00Z", None).await.unwrap(), first);
    assert_eq!(allowance(&suite, None).await, (1, 0, 0));
    // Another move is one.
    moved_until(&suite, "a", "2026-02-02T00:00:00Z", None).await.unwrap();
    assert_eq!(allowance(&suite, None).await, (1, 1, 0));
    ledger(rights(&suite)).await;
    suite.finish().await;
}

async fn a_move_brings_its_own_end(suite: TestSuite) {
    shop(&suite, 2).await;
    let asked = until("a", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z");
    reserve(&suite, asked.clone()).await.unwrap();
    let (late, end) = ("2026-03-20T00:00:00Z", "2026-03-21T00:00:00Z");
    let status = moved_until(&suite, "a", late, Some(late)).await.unwrap_err();
    assert_eq!(fields(&status), ["expire_time"]);
    let there = moved_until(&suite, "a", late, Some(end)).await.unwrap();
    assert_eq!(there.expire_time, Some(at(end)));
    assert_eq!(moved_until(&suite, "a", late, Some(end)).await.unwrap(), there);
    // The first call is still known for what it was.
    assert_eq!(reserve(&suite, asked).await.unwrap(), there);
    suite.advance(5 * DAY).await;
    assert_eq!(allowance(&suite, None).await, (2, 1, 0));
    let endless = moved_until(&suite, "a", late, None).await.unwrap();
    assert_eq!(endless.expire_time, None);
    suite.advance(100 * DAY).await;
    assert_eq!(commit(&suite, "a").await.unwrap().state(), ReservationState::Committed);
    suite.finish().await;
}

async fn a_reservation_does_not_end_before_its_use(suite: TestSuite) {
    shop(&suite, 2).await;
    let use_time = "2026-03-02T00:00:00Z";
    for end in ["2026-03-01T12:00:00Z", use_time] {
        let status = reserve(&suite, until("a", use_time, end)).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["expire_time".to_owned()]));
    }
    reserve(&suite, until("a", use_time, "2026-03-02T00:00:01Z")).await.unwrap();
    suite.finish().await;
}

async fn an_id_that_was_given_back_holds_nothing(suite: TestSuite) {
    shop(&suite, 3).await;
    reserve(&suite, ask("gone", 1, None)).await.unwrap();
    release(&suite, "gone").await.unwrap();
    wrong_state(reserve(&suite, ask("gone", 1, None)).await);
    let asked = until("over", "2026-03-01T00:00:00Z", "2026-03-01T00:10:00Z");
    reserve(&suite, asked.clone()).await.unwrap();
    // By the clock alone, and by background work.
    suite.clock.advance_to(suite.clock.now().plus(DAY));
    wrong_state(reserve(&suite, asked.clone()).await);
    suite.advance(DAY).await;
    wrong_state(reserve(&suite, asked).await);
    let used = reserve(&suite, ask("used", 1, None)).await.unwrap();
    assert_eq!(reserve(&suite, ask("used", 1, None)).await.unwrap(), used);
    let used = commit(&suite, "used").await.unwrap();
    assert_eq!(reserve(&suite, ask("used", 1, None)).await.unwrap(), used);
    assert_eq!(allowance(&suite, None).await, (3, 0, 1));
    suite.finish().await;
}

async fn the_wallet_shows_what_can_be_reserved_before_background_work(suite: TestSuite) {
    shop(&suite, 2).await;
    let ends = "2026-03-01T00:10:00Z";
    grant(&suite, 3, Some(ends)).await;
    let mut asked = until("a", "2026-03-01T00:00:00Z", ends);
    asked.amount = 4;
    reserve(&suite, asked).await.unwrap();
    assert_eq!(pushes(&suite, None).await.available, 1);
    suite.clock.advance_to(suite.clock.now().plus(DAY));
    let right = pushes(&suite, None).await;
    assert_eq!((right.available, right.grants), (2, vec![]));
    assert_eq!(allowance(&suite, None).await, (2, 0, 0));
    reserve(&suite, ask("b", 2, None)).await.unwrap();
    assert_eq!(pushes(&suite, None).await.available, 0);
    ledger(rights(&suite)).await;
    suite.finish().await;
}

/// 1,100 grants of one push each.
const CRUMBS: &str = "WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1100) \
    INSERT INTO right_lot (account_id, kind, lot, origin, start_time, end_time, available, reserved, used, granted, \
    reason, create_time) \
    SELECT account_id, kind, n, origin, start_time, end_time, available, reserved, used, granted, reason, create_time \
    FROM right_lot CROSS JOIN numbers WHERE lot = 1";

async fn a_reservation_takes_from_so_many_grants(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    grant(&suite, 1, None).await;
    on_accounts_db(&suite, CRUMBS).await;
    on_accounts_db(&suite, "UPDATE right_wallet SET last_lot = 1100, available = 1100").await;
    let status = reserve(&suite, ask("a", 1_001, None)).await.unwrap_err();
    assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["amount".to_owned()]));
    assert!(status.message().contains("1001 grants"), "{status}");
    reserve(&suite, ask("a", 1_000, None)).await.unwrap();
    assert_eq!(pushes(&suite, None).await.available, 100);
    commit(&suite, "a").await.unwrap();
    // What is used up is no longer there to be looked at.
    let right = pushes(&suite, None).await;
    assert_eq!((right.available, right.grants.len()), (100, 100));
    reserve(&suite, ask("b", 100, None)).await.unwrap();
    release(&suite, "b").await.unwrap();
    assert_eq!(pushes(&suite, None).await.balance.unwrap().used, 1_000);
    suite.finish().await;
}

async fn what_did_not_change_is_not_written(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let (later, sooner) = ("2026-06-01T00:00:00Z", "2026-04-01T00:00:00Z");
    grant(&suite, 5, Some(later)).await;
    grant(&suite, 5, Some(sooner)).await;
    // Whoever writes the first grant now fails.
    let refuse_first = if suite.config.accounts_database_url().starts_with("sqlite") {
        "CREATE TRIGGER first BEFORE UPDATE ON right_lot WHEN OLD.lot = 1 BEGIN SELECT RAISE(ABORT, 'first'); END"
    } else {
        "ALTER TABLE right_lot ADD CHECK (lot <> 1) NOT VALID"
    };
    on_accounts_db(&suite, refuse_first).await;
    reserve(&suite, ask("a", 5, None)).await.unwrap();
    commit(&suite, "a").await.unwrap();
    assert_eq!(pushes(&suite, None).await.available, 5);
    assert_eq!(reserve(&suite, ask("b", 1, None)).await.unwrap_err().code(), Code::Internal);
    suite.finish().await;
}

async fn times_that_no_calendar_has_are_refused(suite: TestSuite) {
    shop(&suite, 2).await;
    reserve(&suite, ask("a", 1, None)).await.unwrap();
    let refused = |status: Status, field: &str| {
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    };
    for time in ["9000-01-01T00:00:00Z", "9999-12-15T00:00:00Z"] {
        refused(reserve(&suite, ask("b", 1, Some(time))).await.unwrap_err(), "use_time");
        refused(moved_until(&suite, "a", time, None).await.unwrap_err(), "use_time");
        let request = GetWalletRequest { parent: "accounts/shop".to_owned(), time: Some(at(time)) };
        refused(rights(&suite).get_wallet(request).await.unwrap_err(), "time");
    }
    let last = "8999-12-31T23:59:59Z";
    reserve(&suite, ask("b", 1, Some(last))).await.unwrap();
    assert_eq!(wallet(&suite, Some(last)).await.time, Some(at(last)));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_move_brings_its_own_end,
    a_repeated_move_into_the_past_stays_in_its_month,
    a_reservation_does_not_end_before_its_use,
    a_reservation_takes_from_so_many_grants,
    an_id_that_was_given_back_holds_nothing,
    the_wallet_shows_what_can_be_reserved_before_background_work,
    times_that_no_calendar_has_are_refused,
    what_did_not_change_is_not_written,
);
