//! Red envelopes: grabbed until they are empty or over, and their money.

use std::time::Duration;

use sha2::{Digest, Sha256};
use siyu_proto::{
    common::v1::Role,
    crm::v1::{InteractionKind, Tier},
    groups::v1::{
        CompareEnvelopeLedgerRequest, CompareEnvelopeLedgerResponse, CreateEnvelopeRequest,
        CreateGroupRequest, Envelope, EnvelopeBudget, EnvelopeCaps, EnvelopeGrab, EnvelopeKind,
        EnvelopeState, FundEnvelopeBudgetRequest, GetEnvelopeBudgetRequest, GetEnvelopeRequest,
        GrabEnvelopeRequest, Group, GroupPurpose, JoinGroupRequest, ListEnvelopeGrabsRequest,
        ListEnvelopesRequest, ListHostMessagesRequest, MessageContentKind, SetEnvelopeCapsRequest,
        envelope_budget_service_client::EnvelopeBudgetServiceClient,
        envelope_service_client::EnvelopeServiceClient, group_service_client::GroupServiceClient,
        host_service_client::HostServiceClient, membership_service_client::MembershipServiceClient,
    },
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    follows::{SHOP, follow},
    support::{fan, fields, micros, reason, timeline},
};

type Client = siyu::connect::Client;

/// The group of the shop.
pub(crate) const VIP: &str = "accounts/shop/groups/vip";
const DAY: Duration = Duration::from_secs(86_400);

/// `accounts/shop/groups/vip` with so many members, `u1` and so on, and money for envelopes.
async fn shop(suite: &TestSuite, members: usize, budget: i64) {
    suite.account("lumi", "shop").await;
    vip_group(&suite.client(), SHOP).await;
    for number in 1..=members {
        join(&suite.client(), VIP, &format!("u{number}")).await;
    }
    if budget > 0 {
        fund(&suite.client(), budget).await;
    }
}

/// The group `vip` of an account.
pub(crate) async fn vip_group(client: &Client, account: &str) {
    let group = Group {
        display_name: "VIP".to_owned(),
        purpose: GroupPurpose::Interactive.into(),
        ..Group::default()
    };
    let request = CreateGroupRequest {
        parent: account.to_owned(),
        group_id: "vip".to_owned(),
        group: Some(group),
        ..Default::default()
    };
    GroupServiceClient::new(client.clone()).create_group(request).await.unwrap();
}

pub(crate) async fn join(client: &Client, group: &str, user: &str) {
    let request =
        JoinGroupRequest { name: group.to_owned(), user: format!("users/{user}"), ..Default::default() };
    MembershipServiceClient::new(client.clone()).join_group(request).await.unwrap();
}

pub(crate) async fn fund(client: &Client, amount_minor: i64) -> EnvelopeBudget {
    let request = FundEnvelopeBudgetRequest { parent: SHOP.to_owned(), amount_minor, ..Default::default() };
    let mut budgets = EnvelopeBudgetServiceClient::new(client.clone());
    budgets.fund_envelope_budget(request).await.unwrap().into_inner().budget.unwrap()
}

/// An envelope for the group of the shop.
pub(crate) fn new_envelope(
    id: &str,
    kind: EnvelopeKind,
    total_minor: i64,
    share_count: i32,
) -> CreateEnvelopeRequest {
    CreateEnvelopeRequest {
        parent: VIP.to_owned(),
        envelope: Some(Envelope {
            kind: kind.into(),
            total_minor,
            share_count,
            greeting: "Spring is here".to_owned(),
            ..Envelope::default()
        }),
        envelope_id: id.to_owned(),
        request_id: String::new(),
    }
}

pub(crate) async fn create(client: &Client, request: CreateEnvelopeRequest) -> Result<Envelope, Status> {
    let mut envelopes = EnvelopeServiceClient::new(client.clone());
    Ok(envelopes.create_envelope(request).await?.into_inner().envelope.unwrap())
}

/// Grabs from an envelope of the group of the shop.
pub(crate) async fn grab(client: &Client, id: &str, user: &str) -> Result<EnvelopeGrab, Status> {
    let request =
        GrabEnvelopeRequest { name: format!("{VIP}/envelopes/{id}"), user: format!("users/{user}") };
    let mut envelopes = EnvelopeServiceClient::new(client.clone());
    Ok(envelopes.grab_envelope(request).await?.into_inner().grab.unwrap())
}

pub(crate) async fn get(client: &Client, id: &str) -> Envelope {
    let request = GetEnvelopeRequest { name: format!("{VIP}/envelopes/{id}") };
    let answer = EnvelopeServiceClient::new(client.clone()).get_envelope(request).await.unwrap();
    answer.into_inner().envelope.unwrap()
}

/// The first 1,000 grabs of an envelope.
pub(crate) async fn grabs(client: &Client, id: &str) -> Vec<EnvelopeGrab> {
    let parent = format!("{VIP}/envelopes/{id}");
    let request = ListEnvelopeGrabsRequest { parent, page_size: 1_000, ..Default::default() };
    let answer = EnvelopeServiceClient::new(client.clone()).list_envelope_grabs(request).await.unwrap();
    answer.into_inner().grabs
}

pub(crate) async fn budget(client: &Client) -> EnvelopeBudget {
    let request = GetEnvelopeBudgetRequest { parent: SHOP.to_owned() };
    let answer = EnvelopeBudgetServiceClient::new(client.clone()).get_envelope_budget(request).await;
    answer.unwrap().into_inner().budget.unwrap()
}

/// The ledger of the shop, in which nothing may differ.
pub(crate) async fn ledger(client: &Client) -> CompareEnvelopeLedgerResponse {
    let request = CompareEnvelopeLedgerRequest { parent: SHOP.to_owned() };
    let answer = EnvelopeBudgetServiceClient::new(client.clone()).compare_envelope_ledger(request).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!((answer.difference_minor, answer.differences.len()), (0, 0), "{answer:?}");
    answer
}

async fn set_caps(suite: &TestSuite, daily_minor: Option<i64>, fan_daily_minor: Option<i64>) {
    let request = SetEnvelopeCapsRequest {
        parent: SHOP.to_owned(),
        caps: Some(EnvelopeCaps { daily_minor, fan_daily_minor }),
        ..Default::default()
    };
    EnvelopeBudgetServiceClient::new(suite.client()).set_envelope_caps(request).await.unwrap();
}

#[track_caller]
fn is_refused(answer: Result<impl std::fmt::Debug, Status>, code: Code, expected: &str) -> Status {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (code, expected), "{status}");
    status
}

async fn an_envelope_is_grabbed_until_it_is_empty(suite: TestSuite) {
    shop(&suite, 7, 10_000).await;
    let client = suite.client();
    let made = create(&client, new_envelope("spring", EnvelopeKind::Lucky, 1_000, 5)).await.unwrap();
    assert_eq!(made.name, format!("{VIP}/envelopes/spring"));
    assert_eq!((made.state(), made.escrow_minor, made.seed.as_str()), (EnvelopeState::Open, 1_000, ""));
    assert_eq!(micros(made.expire_time.as_ref()) - micros(made.create_time.as_ref()), 86_400_000_000);
    assert_eq!(budget(&client).await.balance_minor, 9_000);
    // The group hears of it, once.
    let request = ListHostMessagesRequest { parent: VIP.to_owned(), ..Default::default() };
    let said = HostServiceClient::new(client.clone()).list_host_messages(request).await.unwrap().into_inner();
    assert_eq!(said.messages.len(), 1);
    let content = said.messages[0].content.clone().unwrap();
    assert_eq!(
        (content.kind(), content.envelope.as_str()),
        (MessageContentKind::Envelope, made.name.as_str())
    );
    assert_eq!(
        (said.messages[0].name.as_str(), content.text.as_str()),
        (made.message.as_str(), "Spring is here")
    );

    is_refused(grab(&client, "spring", "stranger").await, Code::FailedPrecondition, "CONDITION_NOT_MET");
    let first = grab(&client, "spring", "u1").await.unwrap();
    assert_eq!((first.user.as_str(), first.place), ("users/u1", 1));
    assert_eq!(grab(&client, "spring", "u1").await.unwrap(), first);
    let mut got = vec![first.clone()];
    for user in ["u2", "u3", "u4", "u5"] {
        got.push(grab(&client, "spring", user).await.unwrap());
    }
    is_refused(grab(&client, "spring", "u6").await, Code::ResourceExhausted, "SOLD_OUT");
    // Also from memory.
    is_refused(grab(&client, "spring", "u7").await, Code::ResourceExhausted, "SOLD_OUT");
    assert_eq!(grab(&client, "spring", "u1").await.unwrap(), first);

    assert_eq!(grabs(&client, "spring").await, got);
    assert_eq!(got.iter().map(|grab| grab.amount_minor).sum::<i64>(), 1_000);
    assert!(got.iter().all(|grab| grab.amount_minor >= 1));
    let empty = get(&client, "spring").await;
    assert_eq!((empty.state(), empty.grabbed_count, empty.grabbed_minor), (EnvelopeState::Empty, 5, 1_000));
    // What was told before binds: it is the digest of what is told now.
    let seed = const_hex::decode(&empty.seed).unwrap();
    assert_eq!(const_hex::encode(Sha256::digest(seed)), made.seed_digest);
    let balances: Vec<_> = ledger(&client).await.balances.iter().map(|it| it.posted_minor).collect();
    assert_eq!(balances, [-10_000, 9_000, 0, 1_000]);

    // The CRM hears of each once.
    suite.advance(Duration::from_secs(10)).await;
    for number in 1..=5 {
        let known = timeline(&suite, "shop", &format!("u{number}")).await;
        let clicks = known.iter().filter(|it| it.kind() == InteractionKind::Click);
        let targets: Vec<_> = clicks.map(|it| (it.target.clone(), it.mount.clone())).collect();
        assert_eq!(targets, [(made.name.clone(), VIP.to_owned())], "u{number}");
    }
    suite.finish().await;
}

async fn what_is_left_comes_back_once(suite: TestSuite) {
    shop(&suite, 3, 1_000).await;
    let client = suite.client();
    create(&client, new_envelope("spring", EnvelopeKind::Fixed, 300, 3)).await.unwrap();
    let first = grab(&client, "spring", "u1").await.unwrap();
    assert_eq!(first.amount_minor, 100);
    suite.advance(DAY - Duration::from_micros(1)).await;
    grab(&client, "spring", "u2").await.unwrap();

    // Refused by the clock, before and after the tick has taken back what is left.
    suite.clock.advance_to(siyu_clock::Micros(suite.clock.now().0 + 1));
    is_refused(grab(&client, "spring", "u3").await, Code::FailedPrecondition, "OUTSIDE_VALIDITY");
    assert_eq!(get(&client, "spring").await.state(), EnvelopeState::Expired);
    for _ in 0..3 {
        suite.advance(Duration::from_secs(60)).await;
        is_refused(grab(&client, "spring", "u3").await, Code::FailedPrecondition, "OUTSIDE_VALIDITY");
        let over = get(&client, "spring").await;
        assert_eq!((over.state(), over.refunded_minor, over.escrow_minor), (EnvelopeState::Expired, 100, 0));
        assert_eq!(budget(&client).await.balance_minor, 800);
        ledger(&client).await;
    }
    // Who has a share has it.
    assert_eq!(grab(&client, "spring", "u1").await.unwrap(), first);
    suite.finish().await;
}

async fn bad_envelopes_are_refused_and_leave_nothing(suite: TestSuite) {
    shop(&suite, 1, 1_000).await;
    let client = suite.client();
    let lucky = |total, count| new_envelope("spring", EnvelopeKind::Lucky, total, count);
    for (request, field) in [
        (lucky(10, 100), "envelope.total_minor"),
        (new_envelope("spring", EnvelopeKind::Fixed, 101, 100), "envelope.total_minor"),
        (lucky(0, 1), "envelope.total_minor"),
        (lucky(-5, 1), "envelope.total_minor"),
        (lucky(1_000_000_000_001, 1), "envelope.total_minor"),
        (lucky(10, 0), "envelope.share_count"),
        (lucky(10, -1), "envelope.share_count"),
        (lucky(1_000_000, 10_001), "envelope.share_count"),
        (lucky(1_000_000, i32::MAX), "envelope.share_count"),
        (new_envelope("spring", EnvelopeKind::Unspecified, 10, 1), "envelope.kind"),
        (CreateEnvelopeRequest { envelope: None, ..lucky(10, 1) }, "envelope"),
        (CreateEnvelopeRequest { envelope_id: "A B".to_owned(), ..lucky(10, 1) }, "envelope_id"),
    ] {
        let status = is_refused(create(&client, request).await, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(fields(&status), [field], "{status}");
    }
    let over = is_refused(create(&client, lucky(1_001, 10)).await, Code::ResourceExhausted, "QUOTA_EXCEEDED");
    let details = over.get_error_details();
    let quota = details.quota_failure().unwrap();
    assert_eq!(quota.violations[0].subject, SHOP);
    let elsewhere = CreateEnvelopeRequest { parent: format!("{SHOP}/groups/none"), ..lucky(10, 1) };
    is_refused(create(&client, elsewhere).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    is_refused(grab(&client, "spring", "u1").await, Code::NotFound, "RESOURCE_NOT_FOUND");

    let request = ListEnvelopesRequest { parent: VIP.to_owned(), ..Default::default() };
    let mut envelopes = EnvelopeServiceClient::new(client.clone());
    assert_eq!(envelopes.list_envelopes(request).await.unwrap().into_inner().envelopes, []);
    let untouched = budget(&client).await;
    assert_eq!((untouched.balance_minor, untouched.spent_today_minor), (1_000, 0));
    ledger(&client).await;

    // The same call again is the same envelope, and its id names no other.
    let request = CreateEnvelopeRequest { request_id: "r1".to_owned(), ..lucky(100, 10) };
    let made = create(&client, request.clone()).await.unwrap();
    assert_eq!(create(&client, request).await.unwrap(), made);
    is_refused(create(&client, lucky(100, 10)).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_eq!(budget(&client).await.balance_minor, 900);
    ledger(&client).await;
    suite.finish().await;
}

async fn caps_hold_for_a_day_of_the_account(suite: TestSuite) {
    shop(&suite, 2, 10_000).await;
    let client = suite.client();
    // It is 8 in the morning in Shanghai.
    set_caps(&suite, Some(500), Some(150)).await;
    create(&client, new_envelope("one", EnvelopeKind::Fixed, 300, 3)).await.unwrap();
    let fixed = |id: &str, total| new_envelope(id, EnvelopeKind::Fixed, total, 2);
    is_refused(create(&client, fixed("two", 202)).await, Code::ResourceExhausted, "QUOTA_EXCEEDED");
    create(&client, fixed("two", 200)).await.unwrap();
    assert_eq!(budget(&client).await.spent_today_minor, 500);

    assert_eq!(grab(&client, "one", "u1").await.unwrap().amount_minor, 100);
    is_refused(grab(&client, "two", "u1").await, Code::ResourceExhausted, "QUOTA_EXCEEDED");
    // The share is left for others, and nothing was counted.
    assert_eq!(grab(&client, "two", "u2").await.unwrap().place, 1);
    assert_eq!(grab(&client, "one", "u1").await.unwrap().place, 1);

    // At midnight of the account, which is 16:00 in Greenwich, a new day begins.
    suite.advance(Duration::from_secs(16 * 3_600)).await;
    assert_eq!(budget(&client).await.spent_today_minor, 0);
    assert_eq!(grab(&client, "two", "u1").await.unwrap().place, 2);
    create(&client, fixed("three", 500)).await.unwrap();

    // 0 is nothing at all, and no cap is no limit.
    set_caps(&suite, Some(0), Some(0)).await;
    is_refused(create(&client, fixed("four", 2)).await, Code::ResourceExhausted, "QUOTA_EXCEEDED");
    is_refused(grab(&client, "three", "u2").await, Code::ResourceExhausted, "QUOTA_EXCEEDED");
    set_caps(&suite, None, None).await;
    create(&client, fixed("four", 2_000)).await.unwrap();
    assert_eq!(grab(&client, "four", "u1").await.unwrap().amount_minor, 1_000);
    ledger(&client).await;
    suite.finish().await;
}

async fn an_envelope_for_a_tier_is_for_nobody_below_it(suite: TestSuite) {
    shop(&suite, 2, 1_000).await;
    let client = suite.client();
    let mut request = new_envelope("fans", EnvelopeKind::Fixed, 20, 2);
    request.envelope.as_mut().unwrap().min_tier = Tier::Passerby.into();
    create(&client, request).await.unwrap();
    let refused =
        is_refused(grab(&client, "fans", "u1").await, Code::FailedPrecondition, "CONDITION_NOT_MET");
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["required"], "PASSERBY");
    follow(&suite, SHOP, "u1").await.unwrap();
    suite.advance(Duration::from_secs(10)).await;
    assert_eq!(fan(&suite, "shop", "u1").await.tier(), Tier::Passerby);
    let first = grab(&client, "fans", "u1").await.unwrap();
    // Whoever has a share keeps it, whatever becomes of the tier.
    crate::follows::unfollow(&suite, SHOP, "u1").await;
    suite.advance(Duration::from_secs(10)).await;
    assert_eq!(grab(&client, "fans", "u1").await.unwrap(), first);
    is_refused(grab(&client, "fans", "u2").await, Code::FailedPrecondition, "CONDITION_NOT_MET");
    suite.finish().await;
}

async fn two_hot_envelopes_do_not_mix(suite: TestSuite) {
    const USERS: usize = 40;
    shop(&suite, USERS, 10_000).await;
    let client = suite.client();
    create(&client, new_envelope("one", EnvelopeKind::Lucky, 1_000, 30)).await.unwrap();
    create(&client, new_envelope("two", EnvelopeKind::Lucky, 777, 7)).await.unwrap();
    set_caps(&suite, None, Some(1_000_000)).await;
    let mut calls = JoinSet::new();
    for number in 0..4 * USERS {
        let client = client.clone();
        let (id, user) = (["one", "two"][number % 2], format!("u{}", 1 + number / 4));
        calls.spawn(async move { (id, grab(&client, id, &user).await) });
    }
    for (id, answer) in calls.join_all().await {
        match answer {
            Ok(got) => assert!(grabs(&client, id).await.contains(&got), "{id} {got:?}"),
            Err(status) => assert_eq!(reason(&status), "SOLD_OUT"),
        }
    }
    for (id, total, count) in [("one", 1_000, 30), ("two", 777, 7)] {
        let given = grabs(&client, id).await;
        assert_eq!((given.len(), given.iter().map(|it| it.amount_minor).sum::<i64>()), (count, total));
        assert!(given.iter().enumerate().all(|(index, it)| it.place == i32::try_from(index + 1).unwrap()));
    }
    ledger(&client).await;
    suite.finish().await;
}

async fn pages_and_rights(suite: TestSuite) {
    shop(&suite, 3, 1_000).await;
    let client = suite.client();
    for id in ["a-1", "b-2", "c-3"] {
        create(&client, new_envelope(id, EnvelopeKind::Fixed, 3, 3)).await.unwrap();
        suite.advance(Duration::from_secs(1)).await;
    }
    let mut envelopes = EnvelopeServiceClient::new(client.clone());
    let mut request = ListEnvelopesRequest { parent: VIP.to_owned(), page_size: 2, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = envelopes.list_envelopes(request.clone()).await.unwrap().into_inner();
        names.extend(page.envelopes.into_iter().map(|it| it.name.rsplit('/').next().unwrap().to_owned()));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["c-3", "b-2", "a-1"]);

    // A user grabs for nobody else; an operator pays nothing in.
    let user = suite.client_as(&Caller::user("u1")).await;
    grab(&user, "a-1", "u1").await.unwrap();
    assert!(grab(&user, "a-1", "u2").await.is_err());
    let owner = suite.operator(SHOP, Role::Owner).await;
    let request =
        FundEnvelopeBudgetRequest { parent: SHOP.to_owned(), amount_minor: 1, ..Default::default() };
    let paid = EnvelopeBudgetServiceClient::new(owner).fund_envelope_budget(request).await;
    is_refused(paid, Code::PermissionDenied, "ROLE_TOO_LOW");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    an_envelope_is_grabbed_until_it_is_empty,
    what_is_left_comes_back_once,
    bad_envelopes_are_refused_and_leave_nothing,
    caps_hold_for_a_day_of_the_account,
    an_envelope_for_a_tier_is_for_nobody_below_it,
    two_hot_envelopes_do_not_mix,
    pages_and_rights,
);
