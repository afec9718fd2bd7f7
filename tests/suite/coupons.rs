//! Coupons: claimed while there are any, redeemed once, and told to the CRM.

use std::time::Duration;

use siyu_proto::{
    accounts::v1::{
        Claim, ClaimCouponRequest, ClaimState, Conditions, CouponSettings, CreateCardRequest,
        GetClaimRequest, ListClaimsRequest, ListUserClaimsRequest, RedeemCouponRequest, RedeemCouponResponse,
        coupon_service_client::CouponServiceClient,
    },
    common::v1::Role,
    crm::v1::{InteractionKind as Kind, SourceDomain, Tier},
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    cards::{archive, cards, coupon, create, get, link, update, with},
    support::{at, event, fields, micros, reason, seconds_ago, store, timeline},
};

type Client = CouponServiceClient<siyu::connect::Client>;

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn coupons(suite: &TestSuite) -> Client {
    CouponServiceClient::new(suite.client())
}

/// The coupon `ten-off` of `accounts/{account}`, and a claim of `claimer` for each role, named like it.
pub(crate) async fn claim_for_roles(suite: &TestSuite, account: &str) {
    let request = CreateCardRequest {
        parent: format!("accounts/{account}"),
        card: Some(with(coupon(100), |it| it.per_fan_cap = Some(100))),
        card_id: "ten-off".to_owned(),
        ..CreateCardRequest::default()
    };
    cards(suite).create_card(request).await.unwrap();
    for role in ["analyst", "agent", "operator", "admin", "owner"] {
        let name = format!("accounts/{account}/cards/ten-off");
        let request = ClaimCouponRequest { name, ..claim("ten-off", "claimer", role) };
        coupons(suite).claim_coupon(request).await.unwrap();
    }
}

/// A claim of a coupon of `accounts/shop`, made on its homepage.
pub(crate) fn claim(card_id: &str, user: &str, claim_id: &str) -> ClaimCouponRequest {
    ClaimCouponRequest {
        name: format!("accounts/shop/cards/{card_id}"),
        user: format!("users/{user}"),
        claim_id: claim_id.to_owned(),
        mount: "accounts/shop/homepage".to_owned(),
        source_domain: SourceDomain::Private.into(),
        campaign: "spring".to_owned(),
    }
}

async fn claimed(suite: &TestSuite, user: &str, claim_id: &str) -> Result<Claim, Status> {
    let answer = coupons(suite).claim_coupon(claim("ten-off", user, claim_id)).await?;
    Ok(answer.into_inner().claim.unwrap())
}

fn till(claim: &Claim) -> RedeemCouponRequest {
    RedeemCouponRequest {
        parent: "accounts/shop".to_owned(),
        name: claim.name.clone(),
        ..RedeemCouponRequest::default()
    }
}

async fn redeem(suite: &TestSuite, request: RedeemCouponRequest) -> Result<RedeemCouponResponse, Status> {
    Ok(coupons(suite).redeem_coupon(request).await?.into_inner())
}

/// The shop with the coupon `ten-off`.
async fn shop(suite: &TestSuite, stock: i64, change: impl FnOnce(&mut CouponSettings)) {
    suite.account("lumi", "shop").await;
    create(suite, "ten-off", with(coupon(stock), change)).await.unwrap();
}

/// How many were claimed and redeemed.
async fn counts(suite: &TestSuite) -> (i64, i64) {
    let settings = get(suite, "ten-off").await.coupon.unwrap();
    (settings.claimed_count, settings.redeemed_count)
}

#[track_caller]
fn is_refused(answer: Result<impl std::fmt::Debug, Status>, code: Code, expected: &str) -> Status {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (code, expected), "{status}");
    status
}

fn metadata(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    details.error_info().and_then(|info| info.metadata.get(key).cloned()).unwrap_or_default()
}

async fn a_coupon_is_claimed_while_there_are_any(suite: TestSuite) {
    shop(&suite, 3, |it| it.per_fan_cap = Some(2)).await;
    let first = claimed(&suite, "u1", "c1").await.unwrap();
    assert_eq!(first.name, "accounts/shop/cards/ten-off/claims/c1");
    assert_eq!((first.user.as_str(), first.state()), ("users/u1", ClaimState::Claimed));
    assert_eq!((first.mount.as_str(), first.campaign.as_str()), ("accounts/shop/homepage", "spring"));
    assert_eq!(first.source_domain(), SourceDomain::Private);
    let valid = micros(first.expire_time.as_ref()) - micros(first.claim_time.as_ref());
    assert_eq!(valid, 30 * 86_400_000_000);
    assert_eq!(first.code.len(), 12);
    assert!(!first.code.contains(|letter: char| "ILOU".contains(letter) || letter.is_lowercase()));

    // The same id again is the same claim; of somebody else it is nobody's business.
    assert_eq!(claimed(&suite, "u1", "c1").await.unwrap(), first);
    is_refused(claimed(&suite, "u2", "c1").await, Code::AlreadyExists, "RESOURCE_EXISTS");
    let second = claimed(&suite, "u1", "c2").await.unwrap();
    assert_ne!(second.code, first.code);
    let capped = is_refused(claimed(&suite, "u1", "c3").await, Code::ResourceExhausted, "LIMIT_REACHED");
    assert_eq!(metadata(&capped, "limit"), "2");
    claimed(&suite, "u2", "c4").await.unwrap();
    is_refused(claimed(&suite, "u3", "c5").await, Code::ResourceExhausted, "SOLD_OUT");
    assert_eq!(counts(&suite).await, (3, 0));
    assert_eq!(claimed(&suite, "u1", "c1").await.unwrap(), first);

    // The stock grows, and shrinks to what is claimed.
    let stock = |stock| with(coupon(stock), |_| {});
    let named = |stock_: i64| siyu_proto::accounts::v1::Card {
        name: "accounts/shop/cards/ten-off".to_owned(),
        ..stock(stock_)
    };
    let too_few = update(&suite, &named(2), &["coupon.stock"]).await.unwrap_err();
    assert_eq!(fields(&too_few), ["card.coupon.stock"]);
    update(&suite, &named(4), &["coupon.stock"]).await.unwrap();
    claimed(&suite, "u3", "c5").await.unwrap();
    update(&suite, &named(4), &["coupon.stock"]).await.unwrap();
    is_refused(claimed(&suite, "u4", "c6").await, Code::ResourceExhausted, "SOLD_OUT");

    archive(&suite, "ten-off").await.unwrap();
    is_refused(claimed(&suite, "u4", "c6").await, Code::FailedPrecondition, "WRONG_STATE");
    assert_eq!(claimed(&suite, "u1", "c1").await.unwrap(), first);
    suite.finish().await;
}

async fn claims_have_their_time(suite: TestSuite) {
    shop(&suite, 10, |it| {
        it.claim_start_time = Some(at("2026-03-02T00:00:00Z"));
        it.claim_end_time = Some(at("2026-03-03T00:00:00Z"));
        it.valid_days = 0;
        it.valid_end_time = Some(at("2026-03-04T00:00:00Z"));
    })
    .await;
    let early = is_refused(claimed(&suite, "u1", "c1").await, Code::FailedPrecondition, "OUTSIDE_VALIDITY");
    assert_eq!(metadata(&early, "start_time"), "2026-03-02T00:00:00Z");
    suite.advance(DAY).await;
    let claim = claimed(&suite, "u1", "c1").await.unwrap();
    assert_eq!(claim.expire_time, Some(at("2026-03-04T00:00:00Z")));
    suite.advance(DAY).await;
    let late = is_refused(claimed(&suite, "u2", "c2").await, Code::FailedPrecondition, "OUTSIDE_VALIDITY");
    assert_eq!(metadata(&late, "end_time"), "2026-03-03T00:00:00Z");

    // It was claimed in time, and is shown too late.
    suite.advance(DAY).await;
    let expired = redeem(&suite, till(&claim)).await;
    let expired = is_refused(expired, Code::FailedPrecondition, "OUTSIDE_VALIDITY");
    assert_eq!(metadata(&expired, "end_time"), "2026-03-04T00:00:00Z");
    let read = coupons(&suite).get_claim(GetClaimRequest { name: claim.name.clone() }).await.unwrap();
    assert_eq!(read.into_inner().claim.unwrap().state(), ClaimState::Expired);
    assert_eq!(counts(&suite).await, (1, 0));
    suite.finish().await;
}

async fn conditions_are_met_first(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let conditions =
        Conditions { follow_first: true, min_tier: Tier::Favorable.into(), ..Conditions::default() };
    let card = siyu_proto::accounts::v1::Card { conditions: Some(conditions), ..coupon(10) };
    create(&suite, "ten-off", card).await.unwrap();
    let unmet = |answer, condition: &str| {
        let status = is_refused(answer, Code::FailedPrecondition, "CONDITION_NOT_MET");
        assert_eq!(metadata(&status, "condition"), condition);
        metadata(&status, "required")
    };
    assert_eq!(unmet(claimed(&suite, "u1", "c1").await, "follow_first"), "true");
    let follow = event("f1", "u1", Kind::Follow, seconds_ago(&suite, 60));
    store(&suite, "shop", &[follow]).await;
    assert_eq!(unmet(claimed(&suite, "u1", "c1").await, "min_tier"), "favorable");
    let orders: Vec<_> = (0..30)
        .map(|number| event(&format!("m{number}"), "u1", Kind::PrivateMessage, seconds_ago(&suite, 50)))
        .collect();
    store(&suite, "shop", &orders).await;
    let first = claimed(&suite, "u1", "c1").await.unwrap();

    // Who no longer follows keeps what was claimed.
    let unfollow = event("f2", "u1", Kind::Unfollow, seconds_ago(&suite, 40));
    store(&suite, "shop", &[unfollow]).await;
    assert_eq!(claimed(&suite, "u1", "c1").await.unwrap(), first);
    unmet(claimed(&suite, "u1", "c2").await, "follow_first");
    redeem(&suite, till(&first)).await.unwrap();
    suite.finish().await;
}

async fn a_claim_is_redeemed_once(suite: TestSuite) {
    shop(&suite, 10, |_| {}).await;
    let first = claimed(&suite, "u1", "c1").await.unwrap();
    let second = claimed(&suite, "u2", "c2").await.unwrap();
    let small = RedeemCouponRequest { order_amount_minor: Some(9_999), ..till(&first) };
    let small = is_refused(redeem(&suite, small).await, Code::FailedPrecondition, "CONDITION_NOT_MET");
    assert_eq!(
        (metadata(&small, "condition"), metadata(&small, "required")),
        ("threshold_minor".to_owned(), "10000".to_owned())
    );

    let order = RedeemCouponRequest {
        order_id: "o1".to_owned(),
        order_amount_minor: Some(10_000),
        request_id: "r1".to_owned(),
        ..till(&first)
    };
    let redeemed = redeem(&suite, order.clone()).await.unwrap();
    assert_eq!(redeemed.value.unwrap().amount_off_minor, 1_000);
    let of_first = redeemed.claim.clone().unwrap();
    assert_eq!((of_first.state(), of_first.order_id.as_str()), (ClaimState::Redeemed, "o1"));
    assert_eq!(redeem(&suite, order).await.unwrap(), redeemed);
    let again = is_refused(redeem(&suite, till(&first)).await, Code::FailedPrecondition, "WRONG_STATE");
    assert!(metadata(&again, "redeem_time").starts_with("2026-03-01T"), "{again:?}");

    // By the code, however it is typed.
    let code = second.code.to_lowercase();
    let by_code = RedeemCouponRequest {
        name: String::new(),
        code: format!("{}-{} ", &code[..4], &code[4..]),
        ..till(&second)
    };
    assert_eq!(redeem(&suite, by_code).await.unwrap().claim.unwrap().name, second.name);
    assert_eq!(counts(&suite).await, (2, 2));
    // What was claimed before the card was archived can still be redeemed.
    let third = claimed(&suite, "u3", "c3").await.unwrap();
    archive(&suite, "ten-off").await.unwrap();
    redeem(&suite, till(&third)).await.unwrap();

    let wrong =
        RedeemCouponRequest { name: String::new(), code: "0000-0000-0000".to_owned(), ..till(&first) };
    assert_eq!(redeem(&suite, wrong).await.unwrap_err().code(), Code::NotFound);
    let nobody = RedeemCouponRequest { name: format!("{}x", first.name), ..till(&first) };
    assert_eq!(redeem(&suite, nobody).await.unwrap_err().code(), Code::NotFound);
    let neither = RedeemCouponRequest { name: String::new(), ..till(&first) };
    assert_eq!(fields(&redeem(&suite, neither).await.unwrap_err()), ["name"]);
    let both = RedeemCouponRequest { code: second.code, ..till(&first) };
    assert_eq!(fields(&redeem(&suite, both).await.unwrap_err()), ["code"]);
    suite.finish().await;
}

async fn the_crm_learns_of_it_with_its_mount(suite: TestSuite) {
    shop(&suite, 10, |_| {}).await;
    let first = claimed(&suite, "u1", "c1").await.unwrap();
    claimed(&suite, "u1", "c1").await.unwrap();
    suite.advance(Duration::from_secs(60)).await;
    redeem(&suite, till(&first)).await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    let told = timeline(&suite, "shop", "u1").await;
    let kinds: Vec<_> = told.iter().map(|it| (it.event_id.as_str(), it.kind())).collect();
    assert_eq!(kinds, [("redeem:c1", Kind::CouponRedeem), ("claim:c1", Kind::CouponClaim)]);
    for it in &told {
        assert_eq!(it.target, "accounts/shop/cards/ten-off");
        assert_eq!((it.mount.as_str(), it.campaign.as_str()), ("accounts/shop/homepage", "spring"));
        assert_eq!(it.source_domain(), SourceDomain::Private);
    }
    assert_eq!(told[1].event_time, first.claim_time);
    suite.finish().await;
}

/// The ids of claims, in pages of two.
async fn ids_of_coupon(suite: &TestSuite) -> Vec<String> {
    let mut request = ListClaimsRequest {
        parent: "accounts/shop/cards/ten-off".to_owned(),
        page_size: 2,
        ..ListClaimsRequest::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = coupons(suite).list_claims(request.clone()).await.unwrap().into_inner();
        assert!(page.claims.len() <= 2 && page.claims.iter().all(|claim| claim.code.is_empty()));
        ids.extend(page.claims.iter().map(|claim| claim.name.rsplit('/').next().unwrap().to_owned()));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return ids;
        }
    }
}

async fn claims_are_listed_newest_first(suite: TestSuite) {
    shop(&suite, 10, |it| it.per_fan_cap = Some(10)).await;
    for (number, user) in ["u1", "u2", "u1", "u1", "u2"].iter().enumerate() {
        claimed(&suite, user, &format!("c{number}")).await.unwrap();
        suite.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(ids_of_coupon(&suite).await, ["c4", "c3", "c2", "c1", "c0"]);
    let request = ListUserClaimsRequest {
        parent: "accounts/shop".to_owned(),
        user: "users/u1".to_owned(),
        page_size: 2,
        ..ListUserClaimsRequest::default()
    };
    let page = coupons(&suite).list_user_claims(request.clone()).await.unwrap().into_inner();
    let names: Vec<_> = page.claims.iter().map(|claim| claim.name.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["c3", "c2"]);
    assert_eq!(page.claims[0].code.len(), 12);
    let rest = ListUserClaimsRequest { page_token: page.next_page_token.clone(), ..request.clone() };
    let rest = coupons(&suite).list_user_claims(rest).await.unwrap().into_inner();
    assert_eq!((rest.claims.len(), rest.next_page_token.as_str()), (1, ""));
    let of_other =
        ListUserClaimsRequest { user: "users/u2".to_owned(), page_token: page.next_page_token, ..request };
    assert_eq!(coupons(&suite).list_user_claims(of_other).await.unwrap_err().code(), Code::InvalidArgument);
    suite.finish().await;
}

async fn a_user_claims_for_nobody_else(suite: TestSuite) {
    shop(&suite, 10, |_| {}).await;
    let mut of_user = CouponServiceClient::new(suite.client_as(&Caller::user("users/u1")).await);
    let own = of_user.claim_coupon(claim("ten-off", "u1", "c1")).await.unwrap().into_inner().claim.unwrap();
    let for_other = of_user.claim_coupon(claim("ten-off", "u2", "c2")).await.map(|_| ());
    is_refused(for_other, Code::PermissionDenied, "ROLE_TOO_LOW");
    let mut listing = ListUserClaimsRequest {
        parent: "accounts/shop".to_owned(),
        user: "users/u1".to_owned(),
        ..ListUserClaimsRequest::default()
    };
    let mine = of_user.list_user_claims(listing.clone()).await.unwrap().into_inner().claims;
    assert_eq!((mine.len(), &mine[0]), (1, &own));
    listing.user = "users/u2".to_owned();
    is_refused(of_user.list_user_claims(listing).await.map(|_| ()), Code::PermissionDenied, "ROLE_TOO_LOW");
    is_refused(of_user.redeem_coupon(till(&own)).await.map(|_| ()), Code::PermissionDenied, "ROLE_TOO_LOW");

    let mut operator = CouponServiceClient::new(suite.operator("accounts/shop", Role::Owner).await);
    let claimed = operator.claim_coupon(claim("ten-off", "u3", "c3")).await.map(|_| ());
    is_refused(claimed, Code::PermissionDenied, "ROLE_TOO_LOW");
    assert_eq!(counts(&suite).await, (1, 0));
    suite.finish().await;
}

async fn mistakes_are_named(suite: TestSuite) {
    shop(&suite, 10, |_| {}).await;
    create(&suite, "shop-link", link()).await.unwrap();
    let good = || claim("ten-off", "u1", "c1");
    let wrong = [
        (ClaimCouponRequest { user: "u1".to_owned(), ..good() }, "user"),
        (ClaimCouponRequest { claim_id: String::new(), ..good() }, "claim_id"),
        (ClaimCouponRequest { claim_id: "a:b".to_owned(), ..good() }, "claim_id"),
        (ClaimCouponRequest { mount: "m".repeat(201), ..good() }, "mount"),
        (ClaimCouponRequest { campaign: "c".repeat(65), ..good() }, "campaign"),
        (ClaimCouponRequest { source_domain: 9, ..good() }, "source_domain"),
        (claim("shop-link", "u1", "c1"), "name"),
    ];
    for (request, field) in wrong {
        let status = coupons(&suite).claim_coupon(request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    let nothing = coupons(&suite).claim_coupon(claim("nothing", "u1", "c1")).await.unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    let of_link = ListClaimsRequest {
        parent: "accounts/shop/cards/shop-link".to_owned(),
        ..ListClaimsRequest::default()
    };
    assert_eq!(fields(&coupons(&suite).list_claims(of_link).await.unwrap_err()), ["parent"]);
    assert_eq!(counts(&suite).await, (0, 0));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_claim_is_redeemed_once,
    a_coupon_is_claimed_while_there_are_any,
    a_user_claims_for_nobody_else,
    claims_are_listed_newest_first,
    claims_have_their_time,
    conditions_are_met_first,
    mistakes_are_named,
    the_crm_learns_of_it_with_its_mount,
);
