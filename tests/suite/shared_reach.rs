//! What all enterprises together send one user, and how they share it (C9).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use roaring::RoaringBitmap;
use siyu_proto::crm::v1::{
    Audience, CreateReachPolicyRequest, CreateSharedReachPolicyRequest, FreezeAudienceRequest,
    GetSharedReachPolicyRequest, ReachChannel, ReachPolicy, ReachVerdict as Verdict, ReleaseReachRequest,
    SharedCap, SharedReachPolicy, reach_service_client::ReachServiceClient,
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    packages::{make_in, of_users},
    reach::{counts, explain, freeze},
    reach_settings::{DAY, cap, hours, reach, write},
    support::{at, fields, follow, reason, seconds_ago, store},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// So many times in so many seconds.
pub(crate) fn shared_cap(count: i64, seconds: i64) -> SharedReachPolicy {
    let window = Some(prost_types::Duration { seconds, nanos: 0 });
    let cap = Some(SharedCap { count: Some(count), window });
    SharedReachPolicy { cap, ..SharedReachPolicy::default() }
}

/// Writes what the platform asks.
pub(crate) async fn share(suite: &TestSuite, policy: SharedReachPolicy) -> Result<SharedReachPolicy, Status> {
    let request = CreateSharedReachPolicyRequest { shared_reach_policy: Some(policy), ..Default::default() };
    Ok(reach(suite).create_shared_reach_policy(request).await?.into_inner().shared_reach_policy.unwrap())
}

async fn policy_at(suite: &TestSuite, time: Option<prost_types::Timestamp>) -> SharedReachPolicy {
    let request = GetSharedReachPolicyRequest { time };
    reach(suite).get_shared_reach_policy(request).await.unwrap().into_inner().shared_reach_policy.unwrap()
}

/// An account, with these users as its fans: the first has the ordinal 1.
async fn shop(suite: &TestSuite, enterprise: &str, id: &str, users: &[&str]) {
    suite.account(enterprise, id).await;
    let time = seconds_ago(suite, 60);
    let follow = |(place, user): (usize, &&str)| follow(&format!("f{place:03}"), user, time);
    let follows: Vec<_> = users.iter().enumerate().map(follow).collect();
    store(suite, id, &follows).await;
}

/// A push of the account to all its followers.
pub(crate) fn push(account: &str, id: &str) -> FreezeAudienceRequest {
    FreezeAudienceRequest {
        parent: format!("accounts/{account}"),
        message: format!("accounts/{account}/pushes/{id}"),
        channel: ReachChannel::Push.into(),
        ..FreezeAudienceRequest::default()
    }
}

fn eligible(count: u64) -> Vec<(Verdict, u64)> {
    vec![(Verdict::Eligible, count)]
}

fn refused(count: u64) -> Vec<(Verdict, u64)> {
    vec![(Verdict::SharedCapped, count)]
}

/// How many got each verdict; the preview says the same.
async fn told(suite: &TestSuite, request: FreezeAudienceRequest) -> Vec<(Verdict, u64)> {
    let preview = FreezeAudienceRequest { validate_only: true, ..request.clone() };
    let previewed = counts(suite, preview).await;
    let frozen = counts(suite, request).await;
    assert_eq!(previewed, frozen);
    frozen
}

async fn an_enterprise_leaves_the_others_their_part(suite: TestSuite) {
    shop(&suite, "one", "first", &["u1", "u2", "u3", "u4"]).await;
    shop(&suite, "two", "second", &["u6", "u5", "u4", "u3"]).await;
    shop(&suite, "three", "third", &["u5", "u1", "u3", "u6", "u2", "u4"]).await;
    share(&suite, shared_cap(3, 7 * DAY)).await.unwrap();
    assert_eq!(told(&suite, push("first", "p1")).await, eligible(4));
    suite.advance(HOUR).await;
    assert_eq!(told(&suite, push("first", "p2")).await, eligible(4));
    // One is left, and it is not for who has had two.
    assert_eq!(told(&suite, push("first", "p3")).await, refused(4));
    assert_eq!(told(&suite, push("second", "p1")).await, eligible(4));
    assert_eq!(
        told(&suite, push("second", "p2")).await,
        [(Verdict::Eligible, 2), (Verdict::SharedCapped, 2)]
    );
    // u3 and u4 were reached three times, the others twice.
    let (_, mut sets) = freeze(reach(&suite), push("third", "p1")).await.unwrap();
    assert_eq!(sets.remove(&Verdict::SharedCapped), Some([3, 6].into()));
    assert_eq!(sets.remove(&Verdict::Eligible), Some([1, 2, 4, 5].into()));

    let why = explain(&suite, "u3", push("third", "p1")).await;
    assert_eq!((why.verdict(), why.frozen, why.ordinal), (Verdict::SharedCapped, true, 3));
    assert_eq!(
        why.reason,
        "was reached too often by all enterprises together: shared reach policy 1 allows 3 in 604800 s, and what \
         this enterprise sent counts twice"
    );
    assert_eq!((why.policy_version, why.shared_policy_version), (0, 1));
    // An hour before now, and a week.
    assert_eq!(why.reset_time, Some(seconds_ago(&suite, 3_600 - 7 * DAY)));
    // Who has sent some waits until what it sent itself has left, for each counts twice.
    let why = explain(&suite, "u1", push("first", "p3")).await;
    assert_eq!((why.verdict(), why.frozen), (Verdict::SharedCapped, true));
    assert_eq!(why.reset_time, Some(seconds_ago(&suite, -7 * DAY)));
    let why = explain(&suite, "u1", push("third", "p2")).await;
    assert_eq!((why.verdict(), why.frozen, why.ordinal), (Verdict::SharedCapped, false, 2));
    let why = explain(&suite, "u1", push("third", "p1")).await;
    assert_eq!((why.verdict(), why.frozen, why.reset_time), (Verdict::Eligible, true, None));
    // Ten days later all is forgotten, and what was frozen stays so.
    suite.advance(240 * HOUR).await;
    assert_eq!(told(&suite, push("first", "p4")).await, eligible(4));
    assert_eq!(told(&suite, push("first", "p3")).await, refused(4));
    suite.finish().await;
}

async fn accounts_of_an_enterprise_count_as_one(suite: TestSuite) {
    for (enterprise, account) in [("lumi", "beijing"), ("lumi", "shanghai"), ("acme", "acme")] {
        shop(&suite, enterprise, account, &["u1", "u2"]).await;
    }
    share(&suite, shared_cap(4, DAY)).await.unwrap();
    assert_eq!(told(&suite, push("beijing", "p1")).await, eligible(2));
    assert_eq!(told(&suite, push("shanghai", "p1")).await, eligible(2));
    assert_eq!(told(&suite, push("beijing", "p2")).await, refused(2));
    assert_eq!(told(&suite, push("shanghai", "p2")).await, refused(2));
    assert_eq!(told(&suite, push("acme", "p1")).await, eligible(2));
    // Their own caps are looked at first.
    let once = ReachPolicy { frequency_caps: vec![cap(1, DAY)], ..Default::default() };
    let request = CreateReachPolicyRequest {
        parent: "accounts/acme".to_owned(),
        reach_policy: Some(once),
        ..Default::default()
    };
    reach(&suite).create_reach_policy(request).await.unwrap();
    assert_eq!(told(&suite, push("acme", "p2")).await, [(Verdict::Capped, 2)]);
    suite.finish().await;
}

async fn unset_is_no_cap_and_zero_is_never(suite: TestSuite) {
    shop(&suite, "one", "first", &["u1", "u2"]).await;
    shop(&suite, "two", "second", &["u2", "u1"]).await;
    let none = policy_at(&suite, None).await;
    assert_eq!((none.name.as_str(), none.version, none.cap), ("sharedReachPolicies/0", 0, None));
    assert_eq!(told(&suite, push("first", "p1")).await, eligible(2));
    assert_eq!(explain(&suite, "u1", push("first", "p1")).await.shared_policy_version, 0);

    // Without a cap it only counts from now on.
    let open = share(&suite, SharedReachPolicy::default()).await.unwrap();
    assert_eq!((open.name.as_str(), open.effective_time), ("sharedReachPolicies/1", open.create_time));
    assert_eq!(told(&suite, push("first", "p2")).await, eligible(2));
    let twice = share(&suite, shared_cap(2, DAY)).await.unwrap();
    assert_eq!(policy_at(&suite, None).await, twice);
    assert_eq!(told(&suite, push("second", "p1")).await, eligible(2));
    assert_eq!(told(&suite, push("second", "p2")).await, refused(2));
    // Service messages pass, and count for nothing.
    let service = |id| FreezeAudienceRequest { service_message: true, ..push("second", id) };
    assert_eq!(told(&suite, service("s1")).await, eligible(2));
    assert_eq!(explain(&suite, "u1", service("s1")).await.shared_policy_version, 0);

    let april = at("2026-04-01T00:00:00Z");
    let never = SharedReachPolicy { effective_time: Some(april), ..shared_cap(0, DAY) };
    let never = share(&suite, never).await.unwrap();
    assert_eq!(never.cap.unwrap().count, Some(0));
    assert_eq!(policy_at(&suite, Some(at("2026-03-31T23:59:59Z"))).await, twice);
    assert_eq!(policy_at(&suite, Some(april)).await, never);
    let in_march =
        FreezeAudienceRequest { send_time: Some(at("2026-03-20T00:00:00Z")), ..push("first", "p3") };
    assert_eq!(told(&suite, in_march).await, eligible(2));
    let in_april = FreezeAudienceRequest { send_time: Some(april), ..push("first", "p4") };
    assert_eq!(told(&suite, in_april.clone()).await, refused(2));
    let why = explain(&suite, "u1", in_april).await;
    assert_eq!((why.verdict(), why.shared_policy_version, why.reset_time), (Verdict::SharedCapped, 3, None));
    suite.finish().await;
}

async fn what_is_planned_counts_when_it_is_delivered(suite: TestSuite) {
    shop(&suite, "one", "shop", &["u1", "u2"]).await;
    shop(&suite, "two", "other", &["u2", "u1"]).await;
    let nightly = ReachPolicy { quiet_hours: hours(22, 8), ..Default::default() };
    write(&suite, nightly).await.unwrap();
    share(&suite, shared_cap(1, 3_600)).await.unwrap();
    // 23:30 in Shanghai: it is held until eight.
    let tonight = FreezeAudienceRequest { send_time: Some(at("2026-03-01T15:30:00Z")), ..push("shop", "p1") };
    assert_eq!(told(&suite, tonight).await, [(Verdict::Held, 2)]);
    let to = |id, time| FreezeAudienceRequest { send_time: Some(at(time)), ..push("other", id) };
    assert_eq!(told(&suite, to("p1", "2026-03-01T15:30:00Z")).await, eligible(2));
    assert_eq!(told(&suite, to("p2", "2026-03-01T23:30:00Z")).await, refused(2));
    assert_eq!(told(&suite, to("p3", "2026-03-02T00:30:00Z")).await, refused(2));
    assert_eq!(told(&suite, to("p4", "2026-03-02T01:00:00Z")).await, eligible(2));
    suite.finish().await;
}

async fn what_is_taken_back_is_free_for_others(suite: TestSuite) {
    shop(&suite, "one", "first", &["u1", "u2", "u3"]).await;
    shop(&suite, "two", "second", &["u3", "u2", "u1"]).await;
    share(&suite, shared_cap(1, DAY)).await.unwrap();
    assert_eq!(told(&suite, push("first", "p1")).await, eligible(3));
    assert_eq!(told(&suite, push("second", "p1")).await, refused(3));
    // u1 had seen it.
    let mut keep = Vec::new();
    RoaringBitmap::from([1]).serialize_into(&mut keep).unwrap();
    let FreezeAudienceRequest { parent, message, .. } = push("first", "p1");
    for _ in 0..2 {
        let request =
            ReleaseReachRequest { parent: parent.clone(), message: message.clone(), keep: keep.clone() };
        assert_eq!(reach(&suite).release_reach(request).await.unwrap().into_inner().released_count, 2);
    }
    let (_, sets) = freeze(reach(&suite), push("second", "p2")).await.unwrap();
    assert_eq!(sets.get(&Verdict::SharedCapped), Some(&[3].into()));
    assert_eq!(sets.get(&Verdict::Eligible), Some(&[1, 2].into()));
    assert_eq!(told(&suite, push("first", "p2")).await, refused(3));
    suite.finish().await;
}

/// Enterprises that freeze at once: the cap holds, and each has at least as much as it leaves.
async fn at_once_the_cap_holds_and_is_shared(suite: TestSuite) {
    const COUNT: i64 = 5;
    let users: Vec<String> = (1..=30).map(|number| format!("u{number}")).collect();
    let accounts = ["a", "b", "c", "d"];
    let mut fans: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, account) in accounts.into_iter().enumerate() {
        let mut own: Vec<&str> = users.iter().map(String::as_str).collect();
        own.rotate_left(place * 7);
        shop(&suite, &format!("enterprise-{account}"), &format!("shop-{account}"), &own).await;
        fans.insert(account, own);
    }
    share(&suite, shared_cap(COUNT, DAY)).await.unwrap();
    let calls = (0..16).map(|number| {
        let suite = &suite;
        async move {
            let account = accounts[number % 4];
            let request = push(&format!("shop-{account}"), &format!("p{number}"));
            let (_, mut sets) = freeze(reach(suite), request).await.unwrap();
            (account, sets.remove(&Verdict::Eligible).unwrap_or_default())
        }
    });
    let mut reached: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for (account, ordinals) in futures_util::future::join_all(calls).await {
        for ordinal in ordinals {
            let user = fans[account][usize::try_from(ordinal).unwrap() - 1];
            *reached.entry((user, account)).or_default() += 1;
        }
    }
    for user in &users {
        let own = |account: &str| reached.get(&(user.as_str(), account)).copied().unwrap_or_default();
        let all: i64 = accounts.into_iter().map(own).sum();
        assert!(all <= COUNT, "{user} was reached {all} times");
        for account in accounts {
            assert!(own(account) * 2 <= COUNT + 1, "{account} has taken too much of {user}");
            assert!(own(account) >= COUNT - all, "{account} was refused for nothing by {user}");
        }
    }
    let distinct: BTreeSet<&str> = reached.keys().map(|(_, account)| *account).collect();
    assert!(distinct.len() > 1, "{distinct:?}");
    suite.finish().await;
}

/// More fans than get their numbers at once: some in the background, the others when a message is frozen.
async fn large_accounts_get_their_numbers_in_steps(suite: TestSuite) {
    const FANS: usize = 10_050;
    let users: Vec<String> = (0..FANS).map(|number| format!("u{number:05}")).collect();
    let forwards: Vec<&str> = users.iter().map(String::as_str).collect();
    let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
    shop(&suite, "one", "first", &forwards).await;
    share(&suite, shared_cap(1, DAY)).await.unwrap();
    suite.advance(HOUR).await;
    shop(&suite, "two", "second", &backwards).await;
    make_in(&suite, "second", "vips", of_users(&forwards[..30])).await.unwrap();
    let packages = vec!["accounts/second/packages/vips".to_owned()];
    let audience = Some(Audience { packages, ..Audience::default() });
    assert_eq!(told(&suite, FreezeAudienceRequest { audience, ..push("second", "p1") }).await, eligible(30));
    let (_, sets) = freeze(reach(&suite), push("first", "p1")).await.unwrap();
    assert_eq!(sets.get(&Verdict::SharedCapped), Some(&(1..=30).collect()));
    assert_eq!(sets.get(&Verdict::Eligible).map(RoaringBitmap::len), Some(10_020));
    assert_eq!(told(&suite, push("second", "p2")).await, refused(10_050));
    suite.finish().await;
}

async fn mistakes_are_named_and_a_repeat_changes_nothing(suite: TestSuite) {
    let window = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let of = |cap| SharedReachPolicy { cap: Some(cap), ..SharedReachPolicy::default() };
    let cases = [
        ("cap.count", of(SharedCap { count: None, window: window(DAY) })),
        ("cap.count", shared_cap(-1, DAY)),
        ("cap.count", shared_cap(101, DAY)),
        ("cap.window", shared_cap(1, 59)),
        ("cap.window", shared_cap(1, 367 * DAY)),
        ("cap.window", of(SharedCap { count: Some(1), window: None })),
        (
            "effective_time",
            SharedReachPolicy { effective_time: Some(at("2026-02-01T00:00:00Z")), ..shared_cap(1, DAY) },
        ),
    ];
    for (field, policy) in cases {
        let status = share(&suite, policy).await.unwrap_err();
        let expected = vec![format!("shared_reach_policy.{field}")];
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, expected), "{status}");
    }
    let missing = reach(&suite).create_shared_reach_policy(CreateSharedReachPolicyRequest::default()).await;
    assert_eq!(fields(&missing.unwrap_err()), ["shared_reach_policy"]);
    assert_eq!(policy_at(&suite, None).await.version, 0);

    let request = CreateSharedReachPolicyRequest {
        shared_reach_policy: Some(shared_cap(1, DAY)),
        request_id: "once".to_owned(),
    };
    for _ in 0..2 {
        let answer = reach(&suite).create_shared_reach_policy(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.shared_reach_policy.unwrap().version, 1);
    }
    // Whoever has a token may read it, and the platform alone writes it.
    let user = suite.client_as(&Caller::user("users/u1")).await;
    let mut user = ReachServiceClient::new(user);
    let found = user.get_shared_reach_policy(GetSharedReachPolicyRequest::default()).await.unwrap();
    assert_eq!(found.into_inner().shared_reach_policy.unwrap().version, 1);
    let status = user.create_shared_reach_policy(request).await.unwrap_err();
    assert_eq!(reason(&status), "ROLE_TOO_LOW");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    an_enterprise_leaves_the_others_their_part,
    accounts_of_an_enterprise_count_as_one,
    unset_is_no_cap_and_zero_is_never,
    what_is_planned_counts_when_it_is_delivered,
    what_is_taken_back_is_free_for_others,
    large_accounts_get_their_numbers_in_steps,
    at_once_the_cap_holds_and_is_shared,
    mistakes_are_named_and_a_repeat_changes_nothing,
);
