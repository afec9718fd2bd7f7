//! The rights wallet: reserved, committed, given back, moved, granted, by dated policies, never too much.

use std::time::Duration;

use prost_types::Timestamp;
use siyu_proto::{
    accounts::v1::{
        AllowancePeriod, ApplyCertificationRequest, Certification, CertificationClass, CertificationDecision,
        CertificationDocument, CertificationDocumentKind, CommitReservationRequest, CreateRightPolicyRequest,
        GetWalletRequest, GrantRightRequest, LedgerEntry, LedgerEntryKind, ListLedgerEntriesRequest,
        ListRightPoliciesRequest, MoveReservationRequest, ReleaseReservationRequest, Reservation,
        ReservationState, ReserveRightRequest, ReviewCertificationRequest, Right, RightKind, RightPolicy,
        Wallet, certification_service_client::CertificationServiceClient,
        rights_service_client::RightsServiceClient,
    },
    common::v1::Role,
};
use siyu_tests::{TestSuite, pushes::fleet::right_policy};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{at, fields, micros, reason};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

type Rights = RightsServiceClient<siyu::connect::Client>;

pub(crate) fn rights(suite: &TestSuite) -> Rights {
    RightsServiceClient::new(suite.client())
}

pub(crate) fn policy(amount: i64, effective_time: Option<Timestamp>) -> CreateRightPolicyRequest {
    let mut request = right_policy(RightKind::Push, amount);
    request.right_policy.get_or_insert_default().effective_time = effective_time;
    request
}

pub(crate) fn ask(id: &str, amount: i64, use_time: Option<&str>) -> ReserveRightRequest {
    ReserveRightRequest {
        parent: "accounts/shop".to_owned(),
        reservation_id: id.to_owned(),
        kind: RightKind::Push.into(),
        amount,
        use_time: use_time.map(at),
        expire_time: None,
    }
}

pub(crate) async fn reserve(suite: &TestSuite, request: ReserveRightRequest) -> Result<Reservation, Status> {
    rights(suite).reserve_right(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

pub(crate) fn named(id: &str) -> String {
    format!("accounts/shop/rightReservations/{id}")
}

pub(crate) async fn commit(suite: &TestSuite, id: &str) -> Result<Reservation, Status> {
    let request = CommitReservationRequest { name: named(id) };
    rights(suite).commit_reservation(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

pub(crate) async fn release(suite: &TestSuite, id: &str) -> Result<Reservation, Status> {
    let request = ReleaseReservationRequest { name: named(id) };
    rights(suite).release_reservation(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

async fn moved(suite: &TestSuite, id: &str, use_time: &str) -> Result<Reservation, Status> {
    let request = MoveReservationRequest { name: named(id), use_time: Some(at(use_time)), expire_time: None };
    rights(suite).move_reservation(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

pub(crate) async fn grant(suite: &TestSuite, amount: i64, expire_time: Option<&str>) -> String {
    let request = GrantRightRequest {
        parent: "accounts/shop".to_owned(),
        kind: RightKind::Push.into(),
        amount,
        reason: "festival".to_owned(),
        expire_time: expire_time.map(at),
        request_id: String::new(),
    };
    rights(suite).grant_right(request).await.unwrap().into_inner().grant.unwrap().name
}

pub(crate) async fn wallet(suite: &TestSuite, time: Option<&str>) -> Wallet {
    let request = GetWalletRequest { parent: "accounts/shop".to_owned(), time: time.map(at) };
    rights(suite).get_wallet(request).await.unwrap().into_inner().wallet.unwrap()
}

pub(crate) async fn pushes(suite: &TestSuite, time: Option<&str>) -> Right {
    wallet(suite, time).await.rights.into_iter().find(|right| right.kind() == RightKind::Push).unwrap()
}

/// Limit, reserved and used of the allowance at a time.
pub(crate) async fn allowance(suite: &TestSuite, time: Option<&str>) -> (i64, i64, i64) {
    let allowance = pushes(suite, time).await.allowance.unwrap();
    (allowance.limit, allowance.reserved, allowance.used)
}

/// The whole ledger, oldest first. Checks that it has no gap and sums to the balance.
pub(crate) async fn ledger(mut rights: Rights) -> Vec<LedgerEntry> {
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListLedgerEntriesRequest {
            parent: "accounts/shop".to_owned(),
            kind: RightKind::Push.into(),
            page_size: 7,
            page_token,
        };
        let page = rights.list_ledger_entries(request).await.unwrap().into_inner();
        entries.extend(page.ledger_entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    entries.reverse();
    let request = GetWalletRequest { parent: "accounts/shop".to_owned(), time: None };
    let wallet = rights.get_wallet(request).await.unwrap().into_inner().wallet.unwrap();
    let right = wallet.rights.into_iter().find(|right| right.kind() == RightKind::Push).unwrap();
    let balance = right.balance.unwrap();
    let sum = |change: fn(&LedgerEntry) -> i64| entries.iter().map(change).sum::<i64>();
    assert_eq!(sum(|entry| entry.available_change), balance.available);
    assert_eq!(sum(|entry| entry.reserved_change), balance.reserved);
    assert_eq!(sum(|entry| entry.used_change), balance.used);
    let sequences: Vec<i64> = entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=balance.last_sequence).collect::<Vec<_>>());
    entries
}

async fn kinds(suite: &TestSuite) -> Vec<LedgerEntryKind> {
    ledger(rights(suite)).await.iter().map(LedgerEntry::entry_kind).collect()
}

/// An account that may send so many pushes a month.
pub(crate) async fn shop(suite: &TestSuite, amount: i64) {
    suite.account("lumi", "shop").await;
    rights(suite).create_right_policy(policy(amount, None)).await.unwrap();
}

async fn the_ninth_push_is_refused_and_told_why(suite: TestSuite) {
    shop(&suite, 8).await;
    for push in 0..8 {
        reserve(&suite, ask(&format!("p{push}"), 1, None)).await.unwrap();
    }
    for push in 0..3 {
        let committed = commit(&suite, &format!("p{push}")).await.unwrap();
        assert_eq!(committed.state(), ReservationState::Committed);
    }
    let status = reserve(&suite, ask("p8", 1, None)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::ResourceExhausted, "QUOTA_EXCEEDED".to_owned()));
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    let told = |key: &str| metadata.get(key).map(String::as_str);
    assert_eq!(told("rule"), Some("push: 8 a calendar month for basic accounts"));
    assert_eq!((told("limit"), told("used"), told("reserved")), (Some("8"), Some("3"), Some("5")));
    assert_eq!(told("reset_time"), Some("2026-03-31T16:00:00Z"));
    let violation = &details.quota_failure().unwrap().violations[0];
    assert_eq!(violation.subject, "accounts/shop");
    for part in ["push: 8", "3 used", "5 reserved", "2026-03-31T16:00:00Z"] {
        assert!(violation.description.contains(part), "{}", violation.description);
    }

    // What is given back can be taken again; what was used cannot.
    assert_eq!(release(&suite, "p7").await.unwrap().state(), ReservationState::Released);
    assert_eq!(allowance(&suite, None).await, (8, 4, 3));
    reserve(&suite, ask("p8", 1, None)).await.unwrap();
    let status = release(&suite, "p0").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "WRONG_STATE".to_owned()));
    let status = commit(&suite, "p7").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "WRONG_STATE".to_owned()));
    let entries = ledger(rights(&suite)).await;
    let reserved = entries.iter().find(|entry| entry.entry_kind() == LedgerEntryKind::Reserve).unwrap();
    assert_eq!((reserved.actor.as_str(), reserved.reservation.as_str()), ("service:test", &*named("p0")));
    suite.finish().await;
}

async fn repeats_change_nothing(suite: TestSuite) {
    shop(&suite, 8).await;
    let first = reserve(&suite, ask("p", 2, None)).await.unwrap();
    suite.advance(DAY).await;
    assert_eq!(reserve(&suite, ask("p", 2, None)).await.unwrap(), first);
    for other in [ask("p", 3, None), ask("p", 2, Some("2026-03-09T00:00:00Z"))] {
        let status = reserve(&suite, other).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned()));
    }
    let committed = commit(&suite, "p").await.unwrap();
    suite.advance(DAY).await;
    assert_eq!(commit(&suite, "p").await.unwrap(), committed);
    assert_eq!(reserve(&suite, ask("p", 2, None)).await.unwrap(), committed);
    reserve(&suite, ask("q", 1, None)).await.unwrap();
    let released = release(&suite, "q").await.unwrap();
    assert_eq!(release(&suite, "q").await.unwrap(), released);
    assert_eq!(allowance(&suite, None).await, (8, 0, 2));
    use LedgerEntryKind::{Allow, Commit, Release, Reserve};
    assert_eq!(kinds(&suite).await, [Allow, Reserve, Commit, Reserve, Release]);
    suite.finish().await;
}

/// The end of March in Shanghai, and the moment after it.
const MARCH: &str = "2026-03-31T15:59:59.999999Z";
const APRIL: &str = "2026-03-31T16:00:00Z";

async fn a_push_moves_its_reservation_over_the_edge_of_a_month(suite: TestSuite) {
    shop(&suite, 2).await;
    reserve(&suite, ask("a", 1, Some(MARCH))).await.unwrap();
    reserve(&suite, ask("b", 1, Some(MARCH))).await.unwrap();
    reserve(&suite, ask("c", 1, Some(APRIL))).await.unwrap();
    assert_eq!(allowance(&suite, Some(MARCH)).await, (2, 2, 0));
    assert_eq!(allowance(&suite, Some(APRIL)).await, (2, 1, 0));

    let there = moved(&suite, "b", APRIL).await.unwrap();
    assert_eq!(micros(there.use_time.as_ref()), micros(Some(&at(APRIL))));
    assert_eq!(allowance(&suite, Some(MARCH)).await, (2, 1, 0));
    assert_eq!(allowance(&suite, Some(APRIL)).await, (2, 2, 0));
    // A full month takes no more, and what was to be moved stays where it was.
    let status = moved(&suite, "a", APRIL).await.unwrap_err();
    assert_eq!(reason(&status), "QUOTA_EXCEEDED");
    assert_eq!(allowance(&suite, Some(MARCH)).await, (2, 1, 0));
    // Again, and within the month.
    assert_eq!(moved(&suite, "b", APRIL).await.unwrap(), there);
    moved(&suite, "b", "2026-04-09T00:00:00Z").await.unwrap();
    assert_eq!(allowance(&suite, Some(APRIL)).await, (2, 2, 0));

    // Committed late: still of its own month, which is over.
    suite.advance(31 * DAY).await;
    commit(&suite, "a").await.unwrap();
    let status = moved(&suite, "a", "2026-05-01T00:00:00Z").await.unwrap_err();
    assert_eq!(reason(&status), "WRONG_STATE");
    assert_eq!(allowance(&suite, Some(APRIL)).await, (2, 2, 0));
    // Nothing of March is left over.
    assert!(kinds(&suite).await.contains(&LedgerEntryKind::Expire));
    assert_eq!(pushes(&suite, None).await.balance.unwrap().available, 0);
    suite.finish().await;
}

async fn grants_come_after_the_allowance_those_that_end_first(suite: TestSuite) {
    shop(&suite, 1).await;
    let endless = grant(&suite, 2, None).await;
    let late = grant(&suite, 1, Some("2026-05-01T00:00:00Z")).await;
    let soon = grant(&suite, 1, Some("2026-03-10T00:00:00Z")).await;
    let right = pushes(&suite, None).await;
    assert_eq!(right.available, 5);
    let names: Vec<&str> = right.grants.iter().map(|grant| grant.name.as_str()).collect();
    assert_eq!(names, [&soon, &late, &endless]);
    // The one that ends on the 10th is not for the 20th.
    assert_eq!(pushes(&suite, Some("2026-03-20T00:00:00Z")).await.available, 4);
    let status = reserve(&suite, ask("a", 5, Some("2026-03-20T00:00:00Z"))).await.unwrap_err();
    assert_eq!(reason(&status), "QUOTA_EXCEEDED");
    reserve(&suite, ask("a", 4, Some("2026-03-09T00:00:00Z"))).await.unwrap();
    let entries = ledger(rights(&suite)).await;
    let taken: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.entry_kind() == LedgerEntryKind::Reserve)
        .map(|entry| entry.grant.as_str())
        .collect();
    assert_eq!(taken, ["", &soon, &late, &endless]);
    let granted = entries.iter().find(|entry| entry.entry_kind() == LedgerEntryKind::Grant).unwrap();
    assert_eq!((granted.reason.as_str(), granted.grant.as_str()), ("festival", endless.as_str()));

    // What goes back to a grant that has ended is gone.
    suite.advance(15 * DAY).await;
    release(&suite, "a").await.unwrap();
    let right = pushes(&suite, None).await;
    assert_eq!(right.available, 4);
    assert!(right.grants.iter().all(|grant| grant.name != soon));
    ledger(rights(&suite)).await;
    suite.finish().await;
}

async fn a_reservation_ends_at_its_time(suite: TestSuite) {
    shop(&suite, 2).await;
    let until =
        |id: &str, time: &str| ReserveRightRequest { expire_time: Some(at(time)), ..ask(id, 1, None) };
    let status = reserve(&suite, until("a", "2026-02-01T00:00:00Z")).await.unwrap_err();
    assert_eq!(fields(&status), ["expire_time"]);
    reserve(&suite, until("a", "2026-03-01T00:10:00Z")).await.unwrap();
    reserve(&suite, until("b", "2026-03-01T00:20:00Z")).await.unwrap();
    commit(&suite, "b").await.unwrap();
    assert_eq!(reason(&reserve(&suite, ask("c", 1, None)).await.unwrap_err()), "QUOTA_EXCEEDED");
    // By the clock alone, before any background work.
    suite.clock.advance_to(siyu_clock::Micros(suite.clock.now().0 + 600_000_000));
    let status = commit(&suite, "a").await.unwrap_err();
    assert_eq!(reason(&status), "WRONG_STATE");
    reserve(&suite, until("c", "2026-03-01T00:30:00Z")).await.unwrap();
    // And by background work.
    suite.advance(Duration::from_secs(3_600)).await;
    assert_eq!(allowance(&suite, None).await, (2, 0, 1));
    assert_eq!(release(&suite, "c").await.unwrap().state(), ReservationState::Expired);
    assert_eq!(kinds(&suite).await.iter().filter(|kind| **kind == LedgerEntryKind::Lapse).count(), 2);
    suite.finish().await;
}

async fn policies_are_dated(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut service = rights(&suite);
    // Without a policy there is no allowance, which is not an allowance of none.
    assert_eq!(pushes(&suite, None).await.allowance, None);
    let status = reserve(&suite, ask("a", 1, None)).await.unwrap_err();
    assert_eq!(reason(&status), "QUOTA_EXCEEDED");
    assert!(status.message().contains("push: no policy for basic accounts"), "{}", status.message());
    service.create_right_policy(policy(0, None)).await.unwrap();
    assert_eq!(allowance(&suite, None).await, (0, 0, 0));

    service.create_right_policy(policy(4, Some(at("2026-03-10T00:00:00Z")))).await.unwrap();
    service.create_right_policy(policy(2, Some(at("2026-03-20T00:00:00Z")))).await.unwrap();
    assert_eq!(reason(&reserve(&suite, ask("a", 1, None)).await.unwrap_err()), "QUOTA_EXCEEDED");
    reserve(&suite, ask("a", 3, Some("2026-03-10T00:00:00Z"))).await.unwrap();
    // More is taken of the month than the later policy allows: it stays, and there is no more.
    assert_eq!(allowance(&suite, Some("2026-03-20T00:00:00Z")).await, (2, 3, 0));
    assert_eq!(pushes(&suite, Some("2026-03-20T00:00:00Z")).await.available, 0);
    let late = reserve(&suite, ask("b", 1, Some("2026-03-20T00:00:00Z"))).await.unwrap_err();
    assert_eq!(reason(&late), "QUOTA_EXCEEDED");
    reserve(&suite, ask("b", 1, Some("2026-03-19T23:59:59Z"))).await.unwrap();

    let past = service.create_right_policy(policy(9, Some(at("2026-02-28T00:00:00Z")))).await.unwrap_err();
    assert_eq!(fields(&past), ["right_policy.effective_time"]);
    let again = service.create_right_policy(policy(9, Some(at("2026-03-20T00:00:00Z")))).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRightPoliciesRequest { page_size: 2, page_token };
        let page = service.list_right_policies(request).await.unwrap().into_inner();
        listed.extend(page.right_policies.iter().map(|policy| (policy.certification_class(), policy.amount)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    use CertificationClass::{Basic, Certified};
    assert_eq!(listed, [(Basic, 0), (Basic, 4), (Basic, 2), (Certified, 8)]);
    ledger(rights(&suite)).await;
    suite.finish().await;
}

async fn an_allowance_of_once_is_never_renewed(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let once = CreateRightPolicyRequest {
        right_policy: policy(3, None)
            .right_policy
            .map(|policy| RightPolicy { period: AllowancePeriod::Once.into(), ..policy }),
        ..CreateRightPolicyRequest::default()
    };
    rights(&suite).create_right_policy(once).await.unwrap();
    reserve(&suite, ask("a", 2, None)).await.unwrap();
    commit(&suite, "a").await.unwrap();
    suite.advance(400 * DAY).await;
    let allowance = pushes(&suite, None).await.allowance.unwrap();
    assert_eq!((allowance.limit, allowance.used, allowance.reset_time), (3, 2, None));
    let status = reserve(&suite, ask("b", 2, None)).await.unwrap_err();
    assert_eq!(reason(&status), "QUOTA_EXCEEDED");
    let details = status.get_error_details();
    assert!(!details.error_info().unwrap().metadata.contains_key("reset_time"));
    reserve(&suite, ask("b", 1, Some("2099-01-01T00:00:00Z"))).await.unwrap();
    ledger(rights(&suite)).await;
    suite.finish().await;
}

async fn an_id_that_two_kinds_want_at_once_goes_to_one(suite: TestSuite) {
    shop(&suite, 100).await;
    let mut service = rights(&suite);
    let request = CreateRightPolicyRequest {
        right_policy: policy(100, None)
            .right_policy
            .map(|policy| RightPolicy { kind: RightKind::TrafficCredit.into(), ..policy }),
        ..CreateRightPolicyRequest::default()
    };
    service.create_right_policy(request).await.unwrap();
    for round in 0..10 {
        let push = ask(&format!("r{round}"), 1, None);
        let credit = ReserveRightRequest { kind: RightKind::TrafficCredit.into(), ..push.clone() };
        let (push, credit) = tokio::join!(reserve(&suite, push), reserve(&suite, credit));
        let refused = match (push, credit) {
            (Ok(_), Err(status)) | (Err(status), Ok(_)) => status,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused.code(), Code::AlreadyExists);
    }
    suite.finish().await;
}

async fn certification_opens_the_allowance_and_its_end_closes_it(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut certifications = CertificationServiceClient::new(suite.client());
    let document = CertificationDocument {
        kind: CertificationDocumentKind::BusinessLicence.into(),
        name: "files/licence".to_owned(),
        sha256: "0".repeat(64),
    };
    let application = ApplyCertificationRequest {
        parent: "accounts/shop".to_owned(),
        certification: Some(Certification {
            company_name: "Lumi".to_owned(),
            social_credit_code: "91330100799655058B".to_owned(),
            documents: vec![document],
            ..Certification::default()
        }),
        ..ApplyCertificationRequest::default()
    };
    certifications.apply_certification(application).await.unwrap();
    assert_eq!(pushes(&suite, None).await.allowance, None);
    let review = ReviewCertificationRequest {
        name: "accounts/shop/certifications/1".to_owned(),
        decision: CertificationDecision::Approve.into(),
        ..ReviewCertificationRequest::default()
    };
    certifications.review_certification(review).await.unwrap();
    // The platform's rule.
    assert_eq!(wallet(&suite, None).await.certification_class(), CertificationClass::Certified);
    assert_eq!(allowance(&suite, None).await, (8, 0, 0));
    // On the last day of the term, which is the first of March; then in the same month, but after the term.
    reserve(&suite, ask("a", 7, Some("2027-03-01T00:00:00Z"))).await.unwrap();
    assert_eq!(allowance(&suite, Some("2027-03-01T15:59:59Z")).await, (8, 7, 0));
    let after = "2027-03-20T00:00:00Z";
    assert_eq!(pushes(&suite, Some(after)).await.allowance, None);
    let status = reserve(&suite, ask("b", 1, Some(after))).await.unwrap_err();
    assert!(status.message().contains("push: no policy for basic accounts"), "{}", status.message());
    suite.finish().await;
}

async fn who_may_do_what(suite: TestSuite) {
    shop(&suite, 8).await;
    let owner = suite.operator("accounts/shop", Role::Owner).await;
    let mut as_owner = RightsServiceClient::new(owner);
    let wallet = GetWalletRequest { parent: "accounts/shop".to_owned(), time: None };
    as_owner.get_wallet(wallet.clone()).await.unwrap();
    let status = as_owner.reserve_right(ask("a", 1, None)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let foreign = GetWalletRequest { parent: "accounts/nobody".to_owned(), ..wallet };
    assert_eq!(as_owner.get_wallet(foreign.clone()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(rights(&suite).get_wallet(foreign).await.unwrap_err().code(), Code::NotFound);
    let nobody = ReserveRightRequest { parent: "accounts/nobody".to_owned(), ..ask("a", 1, None) };
    assert_eq!(reserve(&suite, nobody).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(commit(&suite, "nothing").await.unwrap_err().code(), Code::NotFound);
    for (field, request) in [
        ("amount", ask("a", 0, None)),
        ("reservation_id", ask("a b", 1, None)),
        ("kind", ReserveRightRequest { kind: 0, ..ask("a", 1, None) }),
    ] {
        assert_eq!(fields(&reserve(&suite, request).await.unwrap_err()), [field]);
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_push_moves_its_reservation_over_the_edge_of_a_month,
    a_reservation_ends_at_its_time,
    an_allowance_of_once_is_never_renewed,
    an_id_that_two_kinds_want_at_once_goes_to_one,
    certification_opens_the_allowance_and_its_end_closes_it,
    grants_come_after_the_allowance_those_that_end_first,
    policies_are_dated,
    repeats_change_nothing,
    the_ninth_push_is_refused_and_told_why,
    who_may_do_what,
);
