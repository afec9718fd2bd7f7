//! Freezing audiences: whom a message reaches, whom not, why, and how often (C9, S8).

use std::{collections::BTreeMap, time::Duration};

use prost_types::Timestamp;
use roaring::RoaringBitmap;
use siyu_proto::crm::v1::{
    Audience, ExplainReachRequest, ExplainReachResponse, FreezeAudienceRequest, FrequencyCap, FrozenAudience,
    InteractionKind, ReachChannel, ReachCount, ReachPolicy, ReachPreference, ReachPriority,
    ReachVerdict as Verdict, ReleaseReachRequest, Tier,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    packages::{make, of_filter},
    reach_settings::{Client, DAY, cap, hours, prefer, reach, write},
    segments::create_in,
    support::{at, event, fields, follow, seconds_ago, store},
    tags::{create, name as tag_name, tag},
};

/// A push of `accounts/shop` to all followers.
pub(crate) fn push(id: &str) -> FreezeAudienceRequest {
    FreezeAudienceRequest {
        parent: "accounts/shop".to_owned(),
        message: format!("accounts/shop/pushes/{id}"),
        channel: ReachChannel::Push.into(),
        ..FreezeAudienceRequest::default()
    }
}

/// An audience, and the ordinals of each verdict.
pub(crate) type Frozen = (FrozenAudience, BTreeMap<Verdict, RoaringBitmap>);

/// Freezes an audience; checks that everybody who is planned is in one set.
pub(crate) async fn freeze(mut client: Client, request: FreezeAudienceRequest) -> Result<Frozen, Status> {
    let mut answer = client.freeze_audience(request).await?.into_inner();
    let audience = answer.message().await?.unwrap().audience.unwrap();
    let mut sets: BTreeMap<Verdict, RoaringBitmap> = BTreeMap::new();
    let mut sizes: BTreeMap<(i32, Option<i64>), u64> = BTreeMap::new();
    while let Some(part) = answer.message().await? {
        let set = part.set.unwrap();
        let fans = RoaringBitmap::deserialize_from(set.ordinals.as_slice()).unwrap();
        assert!(sets.values().all(|others| others.is_disjoint(&fans)), "twice in {sets:?}");
        *sizes.entry((set.verdict, set.deliver_time.map(|time| time.seconds))).or_default() += fans.len();
        *sets.entry(set.verdict()).or_default() |= fans;
    }
    let counted: BTreeMap<_, _> = audience
        .counts
        .iter()
        .map(|ReachCount { verdict, deliver_time, count }| {
            ((*verdict, deliver_time.map(|time| time.seconds)), u64::try_from(*count).unwrap())
        })
        .collect();
    assert_eq!(counted, sizes);
    assert_eq!(sizes.values().sum::<u64>(), u64::try_from(audience.planned_count).unwrap());
    Ok((audience, sets))
}

/// How many got each verdict.
pub(crate) async fn counts(suite: &TestSuite, request: FreezeAudienceRequest) -> Vec<(Verdict, u64)> {
    let (_, sets) = freeze(reach(suite), request).await.unwrap();
    sets.into_iter().map(|(verdict, fans)| (verdict, fans.len())).collect()
}

async fn release(suite: &TestSuite, id: &str, keep: &[u32]) -> i64 {
    let mut bytes = Vec::new();
    if !keep.is_empty() {
        RoaringBitmap::from_iter(keep).serialize_into(&mut bytes).unwrap();
    }
    let request = ReleaseReachRequest {
        parent: "accounts/shop".to_owned(),
        message: format!("accounts/shop/pushes/{id}"),
        keep: bytes,
    };
    reach(suite).release_reach(request).await.unwrap().into_inner().released_count
}

pub(crate) async fn explain(
    suite: &TestSuite,
    user: &str,
    request: FreezeAudienceRequest,
) -> ExplainReachResponse {
    let request = ExplainReachRequest {
        parent: request.parent,
        user: format!("users/{user}"),
        message: request.message,
        channel: request.channel,
        audience: request.audience,
        topic: request.topic,
        send_time: request.send_time,
        service_message: request.service_message,
        priority: request.priority,
    };
    reach(suite).explain_reach(request).await.unwrap().into_inner()
}

/// Verdict, whether it is of when it was frozen, and when it changes by itself.
async fn verdict(
    suite: &TestSuite,
    user: &str,
    request: FreezeAudienceRequest,
) -> (Verdict, bool, Option<Timestamp>) {
    let explained = explain(suite, user, request).await;
    (explained.verdict(), explained.frozen, explained.reset_time)
}

/// The account with the fans `u1` to `u{count}`, who follow and have the ordinals 1 to `count`, and `visitor`, who does not.
async fn shop(suite: &TestSuite, count: usize) {
    suite.account("lumi", "shop").await;
    let time = seconds_ago(suite, 60);
    let mut sent: Vec<_> = (1..=count).map(|n| follow(&format!("f{n:06}"), &format!("u{n}"), time)).collect();
    sent.push(event("z", "visitor", InteractionKind::View, time));
    store(suite, "shop", &sent).await;
}

fn opted_out() -> ReachPreference {
    ReachPreference { opted_out: true, ..ReachPreference::default() }
}

fn to_tags(tags: &[&str]) -> Option<Audience> {
    let tags = tags.iter().map(|tag| tag_name(tag)).collect();
    Some(Audience { tags, ..Audience::default() })
}

async fn everybody_gets_one_verdict(suite: TestSuite) {
    shop(&suite, 6).await;
    prefer(&suite, "u1", opted_out(), &["opted_out"]).await.unwrap();
    prefer(&suite, "stranger", opted_out(), &["opted_out"]).await.unwrap();
    let no_ads = ReachPreference { opted_out_topics: vec!["ads".to_owned()], ..ReachPreference::default() };
    prefer(&suite, "u2", no_ads, &["opted_out_topics"]).await.unwrap();
    // 08:00 in Shanghai: until 10:00.
    let late_riser = ReachPreference { quiet_hours: hours(23, 10), ..ReachPreference::default() };
    prefer(&suite, "u3", late_riser, &["quiet_hours"]).await.unwrap();
    create(&suite, "shop", "vip").await.unwrap();
    create(&suite, "shop", "rude").await.unwrap();
    tag(&suite, "vip", &["u1", "u2", "u3", "u4", "u5", "visitor"]).await.unwrap();
    tag(&suite, "rude", &["u1", "u4", "visitor"]).await.unwrap();

    let excluding = Audience { excluded_tags: vec![tag_name("rude")], ..to_tags(&["vip"]).unwrap() };
    let request = FreezeAudienceRequest { topic: "ads".to_owned(), audience: Some(excluding), ..push("p1") };
    let preview = FreezeAudienceRequest { validate_only: true, ..request.clone() };
    let planned = freeze(reach(&suite), preview.clone()).await.unwrap();
    let (audience, sets) = freeze(reach(&suite), request.clone()).await.unwrap();
    assert_eq!((&audience, &sets), (&planned.0, &planned.1));
    assert_eq!((audience.planned_count, audience.as_of), (6, Some(seconds_ago(&suite, 0))));
    let expected = [
        (Verdict::NotFollowing, vec![7]),
        (Verdict::Excluded, vec![1, 4]),
        (Verdict::TopicOptedOut, vec![2]),
        (Verdict::Held, vec![3]),
        (Verdict::Eligible, vec![5]),
    ];
    let expected: BTreeMap<Verdict, RoaringBitmap> =
        expected.into_iter().map(|(verdict, fans)| (verdict, fans.into_iter().collect())).collect();
    assert_eq!(sets, expected);
    assert_eq!(audience.counts[3].deliver_time, Some(at("2026-03-01T02:00:00Z")));

    // Frozen is frozen, whatever changes since and whatever is asked for.
    prefer(&suite, "u5", opted_out(), &["opted_out"]).await.unwrap();
    let again =
        freeze(reach(&suite), FreezeAudienceRequest { audience: None, ..request.clone() }).await.unwrap();
    assert_eq!((&again.0, &again.1), (&audience, &sets));
    assert_eq!(freeze(reach(&suite), preview).await.unwrap().0, audience);

    // Each can be told why; who was not planned, how they stand now.
    let user = |user| verdict(&suite, user, request.clone());
    assert_eq!(user("visitor").await, (Verdict::NotFollowing, true, None));
    assert_eq!(user("u1").await, (Verdict::Excluded, true, None));
    assert_eq!(user("u2").await, (Verdict::TopicOptedOut, true, None));
    assert_eq!(user("u3").await, (Verdict::Held, true, Some(at("2026-03-01T02:00:00Z"))));
    assert_eq!(user("u5").await, (Verdict::Eligible, true, None));
    assert_eq!(user("u6").await, (Verdict::OutsideTags, false, None));
    assert_eq!(user("stranger").await, (Verdict::UnknownFan, false, None));
    let all = |id| FreezeAudienceRequest { topic: "ads".to_owned(), ..push(id) };
    assert_eq!(verdict(&suite, "u5", all("p2")).await, (Verdict::OptedOut, false, None));
    assert_eq!(verdict(&suite, "visitor", all("p2")).await, (Verdict::NotFollowing, false, None));
    let loving = Audience { tiers: vec![Tier::TrueLove.into()], ..Audience::default() };
    let loving = FreezeAudienceRequest { audience: Some(loving), ..push("p2") };
    assert_eq!(verdict(&suite, "u4", loving.clone()).await, (Verdict::OutsideTier, false, None));
    assert_eq!(counts(&suite, loving).await, []);
    suite.finish().await;
}

async fn audiences_are_made_of_filters_and_segments(suite: TestSuite) {
    shop(&suite, 4).await;
    create(&suite, "shop", "vip").await.unwrap();
    tag(&suite, "vip", &["u1", "u2", "u3", "visitor"]).await.unwrap();
    for (id, filter) in
        [("regular", "interaction_count >= 2"), ("second", "interaction_count = 1 AND tags:vip")]
    {
        create_in(&suite, "shop", id, filter).await.unwrap();
    }
    let liked = |id: &str, user: &str| event(id, user, InteractionKind::Like, seconds_ago(&suite, 30));
    store(&suite, "shop", &[liked("l1", "u1"), liked("l2", "u4")]).await;
    let segment = |id: &str| format!("accounts/shop/segments/{id}");
    let of = |audience: Audience| FreezeAudienceRequest { audience: Some(audience), ..push("p1") };
    let preview = async |audience: Audience| {
        let request = FreezeAudienceRequest { validate_only: true, ..of(audience) };
        let (_, sets) = freeze(reach(&suite), request).await.unwrap();
        sets.into_iter().map(|(verdict, fans)| (verdict, fans.iter().collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    let warm = Audience { filter: "tags:vip AND interaction_count >= 2".to_owned(), ..Audience::default() };
    assert_eq!(preview(warm.clone()).await, [(Verdict::Eligible, vec![1])]);
    let both = Audience { segments: vec![segment("regular"), segment("second")], ..Audience::default() };
    let everybody = [(Verdict::NotFollowing, vec![5]), (Verdict::Eligible, vec![1, 2, 3, 4])];
    assert_eq!(preview(both.clone()).await, everybody);
    let without = Audience { excluded_segments: vec![segment("regular")], ..both };
    let expected =
        [(Verdict::NotFollowing, vec![5]), (Verdict::Excluded, vec![1, 4]), (Verdict::Eligible, vec![2, 3])];
    assert_eq!(preview(without).await, expected);
    let all = Audience { segments: vec![segment("regular")], ..to_tags(&["vip"]).unwrap() };
    assert_eq!(preview(all.clone()).await, [(Verdict::Eligible, vec![1])]);
    assert_eq!(verdict(&suite, "u2", of(all.clone())).await, (Verdict::OutsideSegment, false, None));
    assert_eq!(verdict(&suite, "u4", of(all)).await, (Verdict::OutsideTags, false, None));

    let broken = Audience { filter: "tags:vip AND".to_owned(), ..Audience::default() };
    let status = freeze(reach(&suite), of(broken)).await.unwrap_err();
    assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["audience.filter".to_owned()]));
    let unknown = Audience { segments: vec![segment("nothing")], ..Audience::default() };
    assert_eq!(freeze(reach(&suite), of(unknown)).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn packages_are_met_and_excluded_as_they_were_frozen(suite: TestSuite) {
    shop(&suite, 3).await;
    create(&suite, "shop", "vip").await.unwrap();
    tag(&suite, "vip", &["u1", "u2", "visitor"]).await.unwrap();
    make(&suite, "vips", of_filter("tags:vip")).await.unwrap();
    tag(&suite, "vip", &["u3"]).await.unwrap();
    let vips = vec!["accounts/shop/packages/vips".to_owned()];
    let request = |audience| FreezeAudienceRequest { audience: Some(audience), ..push("p1") };
    let preview = |audience| FreezeAudienceRequest { validate_only: true, ..request(audience) };
    let of_package = Audience { packages: vips.clone(), ..Audience::default() };
    let expected = [(Verdict::NotFollowing, 1), (Verdict::Eligible, 2)];
    assert_eq!(counts(&suite, preview(of_package.clone())).await, expected);
    assert_eq!(verdict(&suite, "u3", request(of_package)).await, (Verdict::OutsidePackage, false, None));
    let without = Audience { excluded_packages: vips, ..Audience::default() };
    assert_eq!(counts(&suite, preview(without)).await, [(Verdict::Excluded, 2), (Verdict::Eligible, 1)]);
    let unknown =
        Audience { packages: vec!["accounts/shop/packages/none".to_owned()], ..Audience::default() };
    assert_eq!(freeze(reach(&suite), request(unknown)).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn caps_are_never_exceeded(suite: TestSuite) {
    shop(&suite, 3).await;
    let reserving = FrequencyCap { reserved_count: 1, ..cap(3, 7 * DAY) };
    let capping = ReachPolicy { frequency_caps: vec![cap(2, DAY), reserving], ..ReachPolicy::default() };
    write(&suite, capping).await.unwrap();
    let eligible = |fans| vec![(Verdict::Eligible, fans)];
    assert_eq!(counts(&suite, push("p1")).await, eligible(3));
    assert_eq!(counts(&suite, push("p1")).await, eligible(3));
    suite.advance(Duration::from_secs(3_600)).await;
    create(&suite, "shop", "vip").await.unwrap();
    tag(&suite, "vip", &["u1"]).await.unwrap();
    let to_vip = |id| FreezeAudienceRequest { audience: to_tags(&["vip"]), ..push(id) };
    assert_eq!(counts(&suite, to_vip("p2")).await, eligible(1));
    assert_eq!(counts(&suite, push("p3")).await, [(Verdict::Capped, 1), (Verdict::Eligible, 2)]);
    // In a day and an hour the first has left; the cap of the week remains.
    let (capped, frozen, reset) = verdict(&suite, "u1", push("p3")).await;
    assert_eq!((capped, frozen, reset), (Verdict::Capped, true, Some(at("2026-03-02T00:00:00Z"))));
    let explained = explain(&suite, "u1", push("p3")).await;
    assert_eq!(
        (explained.reason.as_str(), explained.policy_version, explained.ordinal),
        ("was reached as often as frequency cap 1 of reach policy 1 allows: 2 in 86400 s", 1, 1)
    );
    let tomorrow = FreezeAudienceRequest { send_time: Some(at("2026-03-02T02:00:00Z")), ..push("p4") };
    assert_eq!(counts(&suite, tomorrow.clone()).await, [(Verdict::Capped, 3)]);
    let high = FreezeAudienceRequest { priority: ReachPriority::High.into(), ..tomorrow.clone() };
    let high = FreezeAudienceRequest { message: "accounts/shop/pushes/p5".to_owned(), ..high };
    assert_eq!(counts(&suite, high).await, eligible(3));
    // What is planned counts like what was sent; other channels and service messages are free.
    let third = FreezeAudienceRequest { priority: ReachPriority::High.into(), ..push("p6") };
    assert_eq!(counts(&suite, third).await, [(Verdict::Capped, 3)]);
    let message = FreezeAudienceRequest { channel: ReachChannel::Message.into(), ..push("m1") };
    assert_eq!(counts(&suite, message).await, eligible(3));
    let service = FreezeAudienceRequest { service_message: true, ..push("p7") };
    assert_eq!(counts(&suite, service).await, eligible(3));
    suite.advance(Duration::from_secs(9 * 86_400)).await;
    assert_eq!(counts(&suite, push("p8")).await, eligible(3));
    suite.finish().await;
}

async fn what_is_taken_back_counts_no_more(suite: TestSuite) {
    shop(&suite, 4).await;
    let once = ReachPolicy { frequency_caps: vec![cap(1, DAY)], ..ReachPolicy::default() };
    write(&suite, once).await.unwrap();
    assert_eq!(release(&suite, "p1", &[]).await, 0);
    assert_eq!(counts(&suite, push("p1")).await, [(Verdict::Eligible, 4)]);
    assert_eq!(counts(&suite, push("p2")).await, [(Verdict::Capped, 4)]);
    // Two had seen it, one who is named was never reached.
    assert_eq!(release(&suite, "p1", &[1, 2, 99]).await, 2);
    assert_eq!(release(&suite, "p1", &[]).await, 2);
    assert_eq!(counts(&suite, push("p3")).await, [(Verdict::Capped, 2), (Verdict::Eligible, 2)]);
    assert_eq!(release(&suite, "p3", &[]).await, 2);
    assert_eq!(counts(&suite, push("p4")).await, [(Verdict::Capped, 2), (Verdict::Eligible, 2)]);
    // What was frozen stays as it was, and says that it was taken back.
    assert_eq!(counts(&suite, push("p1")).await, [(Verdict::Eligible, 4)]);
    let explained = explain(&suite, "u3", push("p1")).await;
    assert_eq!((explained.verdict(), explained.frozen), (Verdict::Eligible, true));
    assert!(explained.reason.contains("taken back"), "{}", explained.reason);
    let broken = ReleaseReachRequest {
        parent: "accounts/shop".to_owned(),
        message: "accounts/shop/pushes/p4".to_owned(),
        keep: vec![1, 2, 3],
    };
    assert_eq!(fields(&reach(&suite).release_reach(broken).await.unwrap_err()), ["keep"]);
    suite.finish().await;
}

async fn quiet_hours_hold_until_morning(suite: TestSuite) {
    shop(&suite, 3).await;
    let nightly = ReachPolicy {
        quiet_hours: hours(22, 8),
        frequency_caps: vec![cap(1, 3_600)],
        ..ReachPolicy::default()
    };
    write(&suite, nightly).await.unwrap();
    let sleeper = ReachPreference { quiet_hours: hours(6, 10), ..ReachPreference::default() };
    prefer(&suite, "u1", sleeper, &["quiet_hours"]).await.unwrap();
    // 23:30 in Shanghai.
    let tonight = Some(at("2026-03-01T15:30:00Z"));
    let request = FreezeAudienceRequest { send_time: tonight, ..push("p1") };
    let (audience, sets) = freeze(reach(&suite), request.clone()).await.unwrap();
    assert_eq!(sets.into_keys().collect::<Vec<_>>(), [Verdict::Held]);
    let held: Vec<_> =
        audience.counts.iter().map(|count| (count.deliver_time.unwrap(), count.count)).collect();
    let (eight, ten) = (at("2026-03-02T00:00:00Z"), at("2026-03-02T02:00:00Z"));
    assert_eq!(held, [(eight, 2), (ten, 1)]);
    assert_eq!(verdict(&suite, "u1", request).await, (Verdict::Held, true, Some(ten)));
    // Caps look at when it is delivered: at eight two have got one already, at ten the third.
    let at_nine = FreezeAudienceRequest { send_time: Some(at("2026-03-02T00:30:00Z")), ..push("p2") };
    assert_eq!(counts(&suite, at_nine).await, [(Verdict::Capped, 3)]);
    let at_noon = FreezeAudienceRequest { send_time: Some(at("2026-03-02T04:00:00Z")), ..push("p3") };
    assert_eq!(counts(&suite, at_noon).await, [(Verdict::Eligible, 3)]);
    let service = FreezeAudienceRequest { send_time: tonight, service_message: true, ..push("p4") };
    assert_eq!(counts(&suite, service).await, [(Verdict::Eligible, 3)]);
    suite.finish().await;
}

/// Of pushes that are frozen at once as many reach each fan as the cap allows.
async fn at_once_the_cap_holds_exactly(suite: TestSuite) {
    shop(&suite, 40).await;
    let twice = ReachPolicy { frequency_caps: vec![cap(2, DAY)], ..ReachPolicy::default() };
    write(&suite, twice).await.unwrap();
    let at_once = (0..16).map(|number| freeze(reach(&suite), push(&format!("p{}", number % 8))));
    let mut reached: BTreeMap<String, RoaringBitmap> = BTreeMap::new();
    for frozen in futures_util::future::join_all(at_once).await {
        let (audience, mut sets) = frozen.unwrap();
        let eligible = sets.remove(&Verdict::Eligible).unwrap_or_default();
        let first = reached.entry(audience.message).or_insert_with(|| eligible.clone());
        assert_eq!(*first, eligible, "a repeat is answered the same");
    }
    for fan in 1..=40 {
        assert_eq!(reached.values().filter(|fans| fans.contains(fan)).count(), 2, "{fan}");
    }
    suite.finish().await;
}

async fn what_is_wrong_is_named_and_counts_nothing(suite: TestSuite) {
    shop(&suite, 1).await;
    write(&suite, ReachPolicy { frequency_caps: vec![cap(1, DAY)], ..ReachPolicy::default() }).await.unwrap();
    let foreign = Audience { tags: vec!["accounts/other/tags/vip".to_owned()], ..Audience::default() };
    let cases = [
        ("channel", FreezeAudienceRequest { channel: 0, ..push("p1") }),
        ("message", FreezeAudienceRequest { message: "accounts/other/pushes/p1".to_owned(), ..push("p1") }),
        ("message", FreezeAudienceRequest { message: "p1".to_owned(), ..push("p1") }),
        ("topic", FreezeAudienceRequest { topic: "x".repeat(1_000_000), ..push("p1") }),
        ("audience.tags[0]", FreezeAudienceRequest { audience: Some(foreign), ..push("p1") }),
        (
            "send_time",
            FreezeAudienceRequest {
                send_time: Some(Timestamp { seconds: i64::MAX, nanos: 0 }),
                ..push("p1")
            },
        ),
    ];
    for (field, request) in cases {
        let status = freeze(reach(&suite), request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status:.200}"
        );
    }
    let unknown = FreezeAudienceRequest { audience: to_tags(&["nothing"]), ..push("p1") };
    assert_eq!(freeze(reach(&suite), unknown).await.unwrap_err().code(), Code::NotFound);
    let nobody = FreezeAudienceRequest {
        parent: "accounts/other".to_owned(),
        message: "accounts/other/pushes/p1".to_owned(),
        ..push("p1")
    };
    assert_eq!(freeze(reach(&suite), nobody).await.unwrap_err().code(), Code::NotFound);
    let untold = ExplainReachRequest {
        parent: "accounts/shop".to_owned(),
        user: "users/u1".to_owned(),
        message: "accounts/shop/pushes/p1".to_owned(),
        ..ExplainReachRequest::default()
    };
    assert_eq!(fields(&reach(&suite).explain_reach(untold).await.unwrap_err()), ["channel"]);
    assert_eq!(counts(&suite, push("p1")).await, [(Verdict::Eligible, 1)]);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    everybody_gets_one_verdict,
    audiences_are_made_of_filters_and_segments,
    packages_are_met_and_excluded_as_they_were_frozen,
    caps_are_never_exceeded,
    what_is_taken_back_counts_no_more,
    quiet_hours_hold_until_morning,
    at_once_the_cap_holds_exactly,
    what_is_wrong_is_named_and_counts_nothing,
);
