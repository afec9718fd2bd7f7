//! Certification of accounts: one application at a time, a year, renewal without a gap, expiry told once.

use std::time::Duration;

use futures_util::future::join_all;
use prost::Name;
use prost_types::Timestamp;
use siyu_proto::{
    accounts::v1::{
        ApplyCertificationRequest, Certification, CertificationApproved, CertificationClass as Class,
        CertificationDecision as Decision, CertificationDocument, CertificationDocumentKind,
        CertificationExpired, CertificationRejected, CertificationState as State, CertificationTerm,
        GetAccountRequest, GetCertificationRequest, GetCertificationResponse, ListCertificationsRequest,
        ReviewCertificationRequest, certification_service_client::CertificationServiceClient,
    },
    common::v1::Event,
};
use siyu_rpc::time::from_proto;
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    events::events_after,
    support::{at, fields, reason},
};

const DAY: Duration = Duration::from_secs(86_400);

type Client = CertificationServiceClient<siyu::connect::Client>;

fn certifications(suite: &TestSuite) -> Client {
    CertificationServiceClient::new(suite.client())
}

fn application(account: &str) -> ApplyCertificationRequest {
    let document = CertificationDocument {
        kind: CertificationDocumentKind::BusinessLicence.into(),
        name: "files/licence".to_owned(),
        sha256: "0123456789abcdef".repeat(4),
    };
    let certification = Certification {
        company_name: "杭州露米化妆品有限公司".to_owned(),
        social_credit_code: "91330100799655058B".to_owned(),
        documents: vec![document],
        ..Certification::default()
    };
    ApplyCertificationRequest {
        parent: format!("accounts/{account}"),
        certification: Some(certification),
        ..ApplyCertificationRequest::default()
    }
}

pub(crate) async fn apply(suite: &TestSuite, account: &str) -> Result<Certification, Status> {
    let answer = certifications(suite).apply_certification(application(account)).await?;
    Ok(answer.into_inner().certification.unwrap())
}

async fn review(
    suite: &TestSuite,
    name: &str,
    decision: Decision,
    reject_reason: &str,
) -> Result<Certification, Status> {
    let request = ReviewCertificationRequest {
        name: name.to_owned(),
        decision: decision.into(),
        reject_reason: reject_reason.to_owned(),
        ..ReviewCertificationRequest::default()
    };
    let answer = certifications(suite).review_certification(request).await?;
    Ok(answer.into_inner().certification.unwrap())
}

pub(crate) async fn approve(suite: &TestSuite, name: &str) -> Certification {
    review(suite, name, Decision::Approve, "").await.unwrap()
}

async fn status(suite: &TestSuite, account: &str) -> GetCertificationResponse {
    let request = GetCertificationRequest { parent: format!("accounts/{account}") };
    certifications(suite).get_certification(request).await.unwrap().into_inner()
}

async fn term_of_account(suite: &TestSuite, account: &str) -> Option<CertificationTerm> {
    let request = GetAccountRequest { name: format!("accounts/{account}") };
    let account = suite.accounts().get_account(request).await.unwrap().into_inner().account;
    account.unwrap().certification_term
}

/// The names of the events about certification, in order.
async fn told(suite: &TestSuite) -> Vec<String> {
    suite.advance(Duration::from_millis(1)).await;
    let events = events_after(suite, Vec::new()).await.unwrap();
    let name = |event: Event| event.payload.unwrap().type_url.rsplit('.').next().unwrap().to_owned();
    events.into_iter().map(name).filter(|name| name.starts_with("Certification")).collect()
}

fn moves_to(suite: &TestSuite, time: &Timestamp) -> Duration {
    from_proto(time).unwrap().since(suite.clock.now())
}

fn wrong_state(status: &Status) -> &str {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::FailedPrecondition, "WRONG_STATE"),
        "{status}"
    );
    status.message()
}

async fn a_certification_lasts_a_year(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let before = status(&suite, "shop").await;
    assert_eq!((before.certification_class(), before.term, before.latest), (Class::Basic, None, None));

    let pending = apply(&suite, "shop").await.unwrap();
    assert_eq!((pending.name.as_str(), pending.state()), ("accounts/shop/certifications/1", State::Pending));
    let waiting = status(&suite, "shop").await;
    assert_eq!((waiting.certification_class(), waiting.latest), (Class::Basic, Some(pending.clone())));
    let second = apply(&suite, "shop").await.unwrap_err();
    assert!(wrong_state(&second).contains("accounts/shop/certifications/1 is pending"), "{second}");

    // The clock stands at 08:00 in Shanghai on 2026-03-01.
    let approved = approve(&suite, &pending.name).await;
    let term = CertificationTerm {
        start_time: Some(at("2026-03-01T00:00:00Z")),
        expire_time: Some(at("2027-03-02T00:00:00+08:00")),
    };
    assert_eq!((approved.state(), approved.term), (State::Approved, Some(term)));
    assert_eq!(approved.review_time, Some(at("2026-03-01T00:00:00Z")));
    assert_eq!(term_of_account(&suite, "shop").await, Some(term));
    assert_eq!(status(&suite, "shop").await.certification_class(), Class::Certified);
    let again = review(&suite, &pending.name, Decision::Reject, "late").await.unwrap_err();
    assert!(wrong_state(&again).contains("was approved before"), "{again}");
    let early = apply(&suite, "shop").await.unwrap_err();
    assert!(wrong_state(&early).contains("again from 2026-12-01T16:00:00Z"), "{early}");

    // What it is certified as depends on the time alone; that it is over is told once, by background work.
    let end = from_proto(&term.expire_time.unwrap()).unwrap();
    suite.clock.advance_to(siyu_clock::Micros(end.0 - 1));
    assert_eq!(status(&suite, "shop").await.certification_class(), Class::Certified);
    suite.clock.advance_to(end);
    assert_eq!(status(&suite, "shop").await.certification_class(), Class::Basic);
    assert_eq!(status(&suite, "shop").await.latest, Some(approved));
    for _ in 0..3 {
        suite.advance(DAY).await;
    }
    assert_eq!(told(&suite).await, ["CertificationApproved", "CertificationExpired"]);

    // Too late, it begins anew.
    let late = apply(&suite, "shop").await.unwrap();
    let late = approve(&suite, &late.name).await.term.unwrap();
    assert_eq!(late.expire_time, Some(at("2028-03-06T00:00:00+08:00")));
    assert_eq!(term_of_account(&suite, "shop").await, Some(late));
    suite.finish().await;
}

async fn a_renewal_leaves_no_gap(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let first = apply(&suite, "shop").await.unwrap();
    let first = approve(&suite, &first.name).await.term.unwrap();
    suite.advance(moves_to(&suite, &at("2026-12-02T00:00:00+08:00")) - Duration::from_micros(1)).await;
    wrong_state(&apply(&suite, "shop").await.unwrap_err());
    suite.advance(Duration::from_micros(1)).await;
    let renewal = apply(&suite, "shop").await.unwrap();
    assert_eq!(renewal.name, "accounts/shop/certifications/2");
    let renewed = approve(&suite, &renewal.name).await.term.unwrap();
    assert_eq!(renewed.start_time, first.expire_time);
    assert_eq!(renewed.expire_time, Some(at("2028-03-02T00:00:00+08:00")));
    let whole = CertificationTerm { start_time: first.start_time, expire_time: renewed.expire_time };
    assert_eq!(term_of_account(&suite, "shop").await, Some(whole));
    // Renewed once, and not twice.
    wrong_state(&apply(&suite, "shop").await.unwrap_err());

    suite.advance(moves_to(&suite, &first.expire_time.unwrap())).await;
    assert_eq!(status(&suite, "shop").await.certification_class(), Class::Certified);
    assert_eq!(told(&suite).await, ["CertificationApproved", "CertificationApproved"]);
    suite.advance(moves_to(&suite, &renewed.expire_time.unwrap())).await;
    assert_eq!(status(&suite, "shop").await.certification_class(), Class::Basic);
    assert_eq!(told(&suite).await.last().unwrap(), "CertificationExpired");
    assert_eq!(told(&suite).await.len(), 3);
    suite.finish().await;
}

async fn an_end_is_told_also_when_the_next_term_begins_before_background_work(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let first = apply(&suite, "shop").await.unwrap();
    let first = approve(&suite, &first.name).await.term.unwrap();
    suite.clock.advance_to(from_proto(&first.expire_time.unwrap()).unwrap());
    let late = apply(&suite, "shop").await.unwrap();
    approve(&suite, &late.name).await;
    assert_eq!(
        told(&suite).await,
        ["CertificationApproved", "CertificationExpired", "CertificationApproved"]
    );
    suite.finish().await;
}

/// Several processes find the same ends at the same time.
async fn an_end_is_told_once_whoever_finds_it(suite: TestSuite) {
    const COUNT: usize = 12;
    let ids: Vec<_> = (0..COUNT).map(|number| format!("shop-{number:02}")).collect();
    for id in &ids {
        suite.account("lumi", id).await;
        let pending = apply(&suite, id).await.unwrap();
        approve(&suite, &pending.name).await;
    }
    suite.clock.advance_to(suite.clock.now().plus(400 * DAY));
    join_all((0..8).map(|_| suite.advance(Duration::from_millis(1)))).await;
    let told = told(&suite).await;
    let count = |name: &str| told.iter().filter(|told| *told == name).count();
    assert_eq!((count("CertificationApproved"), count("CertificationExpired")), (COUNT, COUNT));
    suite.finish().await;
}

async fn who_is_rejected_may_apply_again(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let first = apply(&suite, "shop").await.unwrap();
    let rejected = review(&suite, &first.name, Decision::Reject, "The licence is blurred").await.unwrap();
    assert_eq!((rejected.state(), rejected.term), (State::Rejected, None));
    assert_eq!(rejected.reject_reason, "The licence is blurred");
    assert_eq!(status(&suite, "shop").await.certification_class(), Class::Basic);
    assert_eq!(apply(&suite, "shop").await.unwrap().name, "accounts/shop/certifications/2");
    suite.advance(Duration::from_millis(1)).await;
    let events = events_after(&suite, Vec::new()).await.unwrap();
    let payload = events
        .into_iter()
        .filter_map(|event| event.payload)
        .find(|payload| payload.type_url == CertificationRejected::type_url());
    let told: CertificationRejected = prost::Message::decode(payload.unwrap().value.as_slice()).unwrap();
    assert_eq!(told.certification, Some(rejected));
    suite.finish().await;
}

async fn events_carry_the_account_afterwards(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let pending = apply(&suite, "shop").await.unwrap();
    let approved = approve(&suite, &pending.name).await;
    suite.advance(400 * DAY).await;
    let events = events_after(&suite, Vec::new()).await.unwrap();
    assert!(events.iter().all(|event| event.key == "accounts/shop"));
    let payloads: Vec<_> = events.into_iter().filter_map(|event| event.payload).collect();
    let find = |type_url: String| payloads.iter().find(|payload| payload.type_url == type_url).unwrap();
    let of_approval = &find(CertificationApproved::type_url()).value;
    let of_approval: CertificationApproved = prost::Message::decode(of_approval.as_slice()).unwrap();
    assert_eq!(of_approval.account.unwrap().certification_term, approved.term);
    assert_eq!(of_approval.certification, Some(approved));
    let of_expiry = &find(CertificationExpired::type_url()).value;
    let of_expiry: CertificationExpired = prost::Message::decode(of_expiry.as_slice()).unwrap();
    assert_eq!(of_expiry.account.unwrap().name, "accounts/shop");
    suite.finish().await;
}

async fn of_many_applications_at_once_one_is_taken(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let mut client = certifications(&suite);
        calls.spawn(async move { client.apply_certification(application("shop")).await });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in answers.into_iter().filter_map(Result::err) {
        wrong_state(&status);
    }
    suite.finish().await;
}

async fn a_repeat_gets_the_first_answer(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let request = ApplyCertificationRequest { request_id: "r1".to_owned(), ..application("shop") };
    let first = certifications(&suite).apply_certification(request.clone()).await.unwrap().into_inner();
    let again = certifications(&suite).apply_certification(request).await.unwrap().into_inner();
    assert_eq!(first, again);
    let request = ReviewCertificationRequest {
        name: first.certification.unwrap().name,
        decision: Decision::Approve.into(),
        request_id: "r2".to_owned(),
        ..ReviewCertificationRequest::default()
    };
    let first = certifications(&suite).review_certification(request.clone()).await.unwrap().into_inner();
    let again = certifications(&suite).review_certification(request).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(told(&suite).await, ["CertificationApproved"]);
    suite.finish().await;
}

async fn the_queue_is_read_oldest_first_in_pages(suite: TestSuite) {
    for id in ["shop-c", "shop-a", "shop-b"] {
        suite.account("lumi", id).await;
        apply(&suite, id).await.unwrap();
        suite.advance(Duration::from_secs(1)).await;
    }
    approve(&suite, "accounts/shop-a/certifications/1").await;
    let list = async |state: State| {
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListCertificationsRequest { state: state.into(), page_size: 1, page_token };
            let page = certifications(&suite).list_certifications(request).await.unwrap().into_inner();
            names.extend(page.certifications.into_iter().map(|certification| certification.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return names;
            }
        }
    };
    let name = |id: &str| format!("accounts/{id}/certifications/1");
    assert_eq!(list(State::Unspecified).await, [name("shop-c"), name("shop-a"), name("shop-b")]);
    assert_eq!(list(State::Pending).await, [name("shop-c"), name("shop-b")]);
    assert_eq!(list(State::Approved).await, [name("shop-a")]);
    assert!(list(State::Rejected).await.is_empty());
    suite.finish().await;
}

async fn mistakes_are_named(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let with = |change: fn(&mut Certification)| {
        let mut request = application("shop");
        change(request.certification.as_mut().unwrap());
        request
    };
    let wrong = [
        (with(|it| it.company_name = " ".to_owned()), "certification.company_name", "empty"),
        (
            with(|it| it.social_credit_code = "91330100799655058A".to_owned()),
            "certification.social_credit_code",
            "GB 32100-2015",
        ),
        (
            with(|it| it.social_credit_code = "123".to_owned()),
            "certification.social_credit_code",
            "GB 32100-2015",
        ),
        (with(|it| it.documents.clear()), "certification.documents", "must not be empty"),
        (with(|it| it.documents[0].sha256 = "AB".to_owned()), "certification.documents[0].sha256", "match"),
        (with(|it| it.documents[0].kind = 0), "certification.documents[0].kind", "must"),
    ];
    for (request, field, rule) in wrong {
        let status = certifications(&suite).apply_certification(request).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
        assert!(status.message().contains(rule), "{status}");
    }
    assert_eq!(apply(&suite, "nobody").await.unwrap_err().code(), Code::NotFound);

    let name = apply(&suite, "shop").await.unwrap().name;
    for (decision, reject_reason) in [(Decision::Approve, "why"), (Decision::Reject, " ")] {
        let status = review(&suite, &name, decision, reject_reason).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec!["reject_reason".to_owned()])
        );
    }
    for missing in ["accounts/shop/certifications/2", "accounts/nobody/certifications/1"] {
        let status = review(&suite, missing, Decision::Approve, "").await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{missing}");
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_certification_lasts_a_year,
    a_renewal_leaves_no_gap,
    a_repeat_gets_the_first_answer,
    an_end_is_told_once_whoever_finds_it,
    an_end_is_told_also_when_the_next_term_begins_before_background_work,
    events_carry_the_account_afterwards,
    mistakes_are_named,
    of_many_applications_at_once_one_is_taken,
    the_queue_is_read_oldest_first_in_pages,
    who_is_rejected_may_apply_again,
);
