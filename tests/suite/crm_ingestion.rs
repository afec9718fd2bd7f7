//! Ingestion (C1): batches and streams, repeats, conflicts, bad events among good ones.

use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{
        IngestInteractionsResponse, Interaction, InteractionKind as Kind, Purchase, Rejection, SourceDomain,
        StreamInteractionsRequest, StreamInteractionsResponse,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::support::{
    all_fans, at, event, fan, fields, follow, order, purchase, reason, seconds_ago, send, store, timeline,
    try_fan,
};

fn counts(answer: &IngestInteractionsResponse) -> (i64, i64, usize) {
    (answer.accepted_count, answer.duplicate_count, answer.rejections.len())
}

/// Place, reason and field of each rejection.
fn reported(rejections: &[Rejection]) -> Vec<(i64, ErrorReason, &str)> {
    rejections
        .iter()
        .map(|rejection| (rejection.index, rejection.reason(), rejection.field.as_str()))
        .collect()
}

async fn send_stream(
    suite: &TestSuite,
    batches: Vec<(&str, Vec<Interaction>)>,
) -> Result<StreamInteractionsResponse, Status> {
    let message = |(account, interactions): (&str, Vec<Interaction>)| StreamInteractionsRequest {
        parent: format!("accounts/{account}"),
        interactions,
    };
    let messages: Vec<_> = batches.into_iter().map(message).collect();
    suite
        .interactions()
        .stream_interactions(tokio_stream::iter(messages))
        .await
        .map(tonic::Response::into_inner)
}

async fn a_batch_is_stored_whole_and_its_repeat_changes_nothing(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let liked = Interaction {
        target: "videos/新品".to_owned(),
        source_domain: SourceDomain::Commercial.into(),
        ..event("e-2", "u1", Kind::Like, at("2026-02-02T00:00:00.000001Z"))
    };
    let bought = order("e-3", "u1", at("2026-02-03T00:00:00Z"), 1_990);
    let batch = vec![follow("e-1", "u1", at("2026-02-01T00:00:00Z")), liked.clone(), bought.clone()];
    assert_eq!(counts(&send(&suite, "shop", batch.clone()).await.unwrap()), (3, 0, 0));

    let named = Purchase { order_id: "e-3".to_owned(), ..bought.purchase.clone().unwrap() };
    let stored = vec![Interaction { purchase: Some(named), ..bought }, liked, batch[0].clone()];
    assert_eq!(timeline(&suite, "shop", "u1").await, stored);
    let first = fan(&suite, "shop", "u1").await;
    assert_eq!((first.ordinal, first.interaction_count, first.following), (1, 3, true));
    assert_eq!(first.user, "users/u1");
    assert_eq!(first.follow_change_time, Some(at("2026-02-01T00:00:00Z")));
    assert_eq!(first.first_interaction_time, Some(at("2026-02-01T00:00:00Z")));
    assert_eq!(first.last_interaction_time, Some(at("2026-02-03T00:00:00Z")));

    assert_eq!(counts(&send(&suite, "shop", batch).await.unwrap()), (0, 3, 0));
    assert_eq!(timeline(&suite, "shop", "u1").await, stored);
    assert_eq!(fan(&suite, "shop", "u1").await, first);
    suite.finish().await;
}

async fn another_content_under_a_known_event_id_is_refused_and_the_first_stays(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let viewed = event("viewed", "u1", Kind::View, at("2026-02-01T00:00:00Z"));
    let bought = order("bought", "u1", at("2026-02-01T00:00:00Z"), 500);
    store(&suite, "shop", &[viewed.clone(), bought.clone()]).await;
    let before = (fan(&suite, "shop", "u1").await, timeline(&suite, "shop", "u1").await);

    let other_amount = Purchase { amount_minor: 501, ..bought.purchase.clone().unwrap() };
    let changed = vec![
        Interaction { user: "users/u2".to_owned(), ..viewed.clone() },
        Interaction { kind: Kind::Like.into(), ..viewed.clone() },
        Interaction { event_time: Some(at("2026-02-01T00:00:00.000001Z")), ..viewed.clone() },
        Interaction { target: "videos/1".to_owned(), ..viewed.clone() },
        Interaction { source_domain: SourceDomain::Private.into(), ..viewed.clone() },
        Interaction { purchase: Some(other_amount), ..bought.clone() },
    ];
    let answer = send(&suite, "shop", changed).await.unwrap();
    let named: Vec<_> = answer.rejections.iter().map(|rejection| rejection.field.as_str()).collect();
    assert_eq!(named, ["user", "kind", "event_time", "target", "source_domain", "purchase"]);
    for (place, rejection) in (0_i64..).zip(&answer.rejections) {
        assert_eq!((rejection.index, rejection.reason()), (place, ErrorReason::EventIdConflict));
        assert!(rejection.message.contains(&rejection.event_id), "{}", rejection.message);
    }
    assert_eq!((answer.accepted_count, answer.duplicate_count), (0, 0));
    assert_eq!((fan(&suite, "shop", "u1").await, timeline(&suite, "shop", "u1").await), before);
    assert_eq!(try_fan(&suite, "shop", "u2").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn within_a_batch_the_first_of_an_event_id_counts(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let first = event("e-1", "u1", Kind::View, at("2026-02-01T00:00:00Z"));
    let changed = event("e-1", "u1", Kind::Share, at("2026-02-01T00:00:00Z"));
    let other = event("e-2", "u1", Kind::View, at("2026-01-01T00:00:00Z"));
    let batch = vec![first.clone(), changed, first.clone(), other.clone(), first.clone()];
    let answer = send(&suite, "shop", batch).await.unwrap();
    assert_eq!((answer.accepted_count, answer.duplicate_count), (2, 2));
    assert_eq!(reported(&answer.rejections), [(1, ErrorReason::EventIdConflict, "kind")]);
    assert_eq!(timeline(&suite, "shop", "u1").await, [first, other]);
    suite.finish().await;
}

async fn the_same_event_id_in_two_accounts_are_two_events(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "store").await;
    store(&suite, "shop", &[event("e-1", "u1", Kind::View, at("2026-02-01T00:00:00Z"))]).await;
    store(&suite, "store", &[event("e-1", "u1", Kind::Share, at("2026-02-02T00:00:00Z"))]).await;
    assert_eq!(timeline(&suite, "shop", "u1").await[0].kind(), Kind::View);
    assert_eq!(timeline(&suite, "store", "u1").await[0].kind(), Kind::Share);
    suite.finish().await;
}

/// Every way an interaction can be wrong: the field that is named, and the interaction.
fn bad_events(suite: &TestSuite) -> Vec<(&'static str, Interaction)> {
    let good = || event("bad", "u1", Kind::View, at("2026-02-01T00:00:00Z"));
    let bought = || order("bad", "u1", at("2026-02-01T00:00:00Z"), 100);
    let with = |change: &dyn Fn(&mut Purchase)| {
        let mut interaction = bought();
        change(interaction.purchase.as_mut().unwrap());
        interaction
    };
    let named = |event_id: &str| Interaction { event_id: event_id.to_owned(), ..good() };
    let by = |user: &str| Interaction { user: user.to_owned(), ..good() };
    let on = |time| Interaction { event_time: time, ..good() };
    let second = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let without = |kind: Kind| Interaction { kind: kind.into(), purchase: None, ..bought() };
    vec![
        ("event_id", named("")),
        ("event_id", named("has space")),
        ("event_id", named(&"x".repeat(129))),
        ("user", by("u1")),
        ("user", by("users/")),
        ("user", by("users/a/b")),
        ("user", by("users/a b")),
        ("user", by("users/a\0b")),
        ("user", by(&format!("users/{}", "x".repeat(129)))),
        ("kind", Interaction { kind: 0, ..good() }),
        ("kind", Interaction { kind: 99, ..good() }),
        ("event_time", on(None)),
        ("event_time", on(second(-1))),
        ("event_time", on(second(i64::MAX))),
        ("event_time", on(Some(prost_types::Timestamp { seconds: 1, nanos: -1 }))),
        ("event_time", on(Some(seconds_ago(suite, -601)))),
        ("target", Interaction { target: "字".repeat(201), ..good() }),
        ("target", Interaction { target: "a\0b".to_owned(), ..good() }),
        ("source_domain", Interaction { source_domain: 5, ..good() }),
        ("purchase", without(Kind::Order)),
        ("purchase", without(Kind::OrderCancel)),
        ("purchase", without(Kind::Refund)),
        ("purchase", Interaction { kind: Kind::Follow.into(), ..bought() }),
        ("purchase.order_id", with(&|purchase| purchase.order_id = "x".repeat(129))),
        ("purchase.order_id", with(&|purchase| purchase.order_id = "a\0b".to_owned())),
        ("purchase.amount_minor", with(&|purchase| purchase.amount_minor = -1)),
        ("purchase.amount_minor", with(&|purchase| purchase.amount_minor = 1_000_000_000_001)),
        ("purchase.amount_minor", Interaction { kind: Kind::OrderCancel.into(), ..bought() }),
        ("purchase.quantity", with(&|purchase| purchase.quantity = -1)),
        ("purchase.quantity", with(&|purchase| purchase.quantity = 1_000_000_001)),
    ]
}

async fn each_bad_event_is_rejected_alone_and_the_good_ones_are_kept(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let bad = bad_events(&suite);
    let mut batch = Vec::new();
    let mut expected = Vec::new();
    for (place, (field, interaction)) in bad.iter().enumerate() {
        batch.push(event(&format!("good-{place}"), "u1", Kind::View, at("2026-02-01T00:00:00Z")));
        let missing = interaction.event_time.is_none();
        let reason = if *field == "event_time" && !missing {
            ErrorReason::EventTimeOutOfRange
        } else {
            ErrorReason::InvalidField
        };
        expected.push((i64::try_from(batch.len()).unwrap(), reason, *field));
        batch.push(interaction.clone());
    }
    let answer = send(&suite, "shop", batch).await.unwrap();
    assert_eq!(reported(&answer.rejections), expected);
    assert_eq!(counts(&answer), (i64::try_from(bad.len()).unwrap(), 0, bad.len()));
    for (rejection, (_, sent)) in answer.rejections.iter().zip(&bad) {
        assert_eq!(rejection.event_id, sent.event_id.chars().take(128).collect::<String>());
        assert_ne!(rejection.message, "");
    }
    assert_eq!(timeline(&suite, "shop", "u1").await.len(), bad.len());
    assert_eq!(all_fans(&suite, "shop").await.len(), 1);
    suite.finish().await;
}

async fn events_at_the_very_edge_of_the_rules_are_good(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let user = "户".repeat(128);
    let edges = [
        event(&"e".repeat(128), &user, Kind::Unfollow, at("1970-01-01T00:00:00Z")),
        Interaction {
            target: "字".repeat(200),
            ..event("A-z.0_9:-", &user, Kind::Click, seconds_ago(&suite, -600))
        },
        purchase("free", &user, Kind::Order, at("2026-01-01T00:00:00Z"), (&"单".repeat(128), 0)),
        purchase("dear", &user, Kind::Order, at("2026-01-02T00:00:00Z"), ("o-2", 1_000_000_000_000)),
        Interaction {
            purchase: Some(Purchase { order_id: "o-3".to_owned(), amount_minor: 1, quantity: 1_000_000_000 }),
            ..order("many", &user, at("2026-01-03T00:00:00Z"), 1)
        },
    ];
    store(&suite, "shop", &edges).await;
    let mut stored = timeline(&suite, "shop", &user).await;
    stored.reverse();
    let [oldest, newest, free, dear, many] = edges;
    assert_eq!(stored, [oldest, free, dear, many, newest]);
    suite.finish().await;
}

async fn over_a_stream_places_and_counts_go_on_from_batch_to_batch(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let good = |id: &str| event(id, "u1", Kind::View, at("2026-02-01T00:00:00Z"));
    let bad = |id: &str| Interaction { kind: 0, ..good(id) };
    let batches = vec![
        ("shop", vec![good("a"), bad("b"), good("c")]),
        ("shop", vec![bad("d"), good("a")]),
        ("shop", vec![good("e"), Interaction { kind: Kind::Like.into(), ..good("c") }]),
    ];
    let answer = send_stream(&suite, batches.clone()).await.unwrap();
    assert_eq!((answer.accepted_count, answer.duplicate_count, answer.rejected_count), (3, 1, 3));
    let invalid = ErrorReason::InvalidField;
    let conflict = (6, ErrorReason::EventIdConflict, "kind");
    assert_eq!(reported(&answer.rejections), [(1, invalid, "kind"), (3, invalid, "kind"), conflict]);
    let again = send_stream(&suite, batches).await.unwrap();
    assert_eq!((again.accepted_count, again.duplicate_count, again.rejected_count), (0, 4, 3));
    let nothing = send_stream(&suite, Vec::new()).await.unwrap();
    assert_eq!(nothing, StreamInteractionsResponse::default());
    suite.finish().await;
}

async fn a_stream_lists_its_first_1000_rejections_and_counts_them_all(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let sent: Vec<Interaction> = (0..1_800)
        .map(|place| {
            let good = event(&format!("e{place}"), "u1", Kind::View, at("2026-02-01T00:00:00Z"));
            // Of every six, five are bad.
            if place % 6 == 0 { good } else { Interaction { user: String::new(), ..good } }
        })
        .collect();
    let batches = sent.chunks(700).map(|batch| ("shop", batch.to_vec())).collect();
    let answer = send_stream(&suite, batches).await.unwrap();
    assert_eq!((answer.accepted_count, answer.duplicate_count, answer.rejected_count), (300, 0, 1_500));
    let listed: Vec<i64> = answer.rejections.iter().map(|rejection| rejection.index).collect();
    let first_bad: Vec<i64> = (0..1_800).filter(|place| place % 6 != 0).take(1_000).collect();
    assert_eq!(listed, first_bad);
    // One call that is not a stream names them all.
    let answer = send(&suite, "shop", sent[..1_000].to_vec()).await.unwrap();
    assert_eq!(counts(&answer), (0, 167, 833));
    suite.finish().await;
}

async fn a_stream_keeps_to_its_account(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "store").await;
    let good = |id: &str| vec![event(id, "u1", Kind::View, at("2026-02-01T00:00:00Z"))];
    let batches = vec![("shop", good("a")), ("store", good("b")), ("shop", good("c"))];
    let status = send_stream(&suite, batches).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    assert_eq!(fields(&status), ["parent"]);
    // Each batch is a transaction of its own: what came before the mistake is stored, nothing after it.
    let stored: Vec<_> =
        timeline(&suite, "shop", "u1").await.into_iter().map(|stored| stored.event_id).collect();
    assert_eq!(stored, ["a"]);
    assert_eq!(all_fans(&suite, "store").await, []);
    suite.finish().await;
}

async fn a_batch_has_1_to_1000_interactions(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let events: Vec<Interaction> = (0..1_001)
        .map(|place| event(&format!("e{place:04}"), "u1", Kind::View, at("2026-02-01T00:00:00Z")))
        .collect();
    for wrong in [Vec::new(), events.clone()] {
        let unary = send(&suite, "shop", wrong.clone()).await.unwrap_err();
        let stream = send_stream(&suite, vec![("shop", wrong)]).await.unwrap_err();
        for status in [unary, stream] {
            assert_eq!(
                (status.code(), fields(&status)),
                (Code::InvalidArgument, vec!["interactions".to_owned()])
            );
        }
    }
    assert_eq!(all_fans(&suite, "shop").await, []);
    assert_eq!(counts(&send(&suite, "shop", events[..1_000].to_vec()).await.unwrap()), (1_000, 0, 0));
    suite.finish().await;
}

async fn an_unknown_account_is_not_found_and_nothing_is_stored(suite: TestSuite) {
    let batch = vec![follow("e-1", "u1", at("2026-02-01T00:00:00Z"))];
    let unary = send(&suite, "nowhere", batch.clone()).await.unwrap_err();
    let stream = send_stream(&suite, vec![("nowhere", batch.clone())]).await.unwrap_err();
    let only_bad = vec![Interaction { kind: 0, ..batch[0].clone() }];
    let only_bad = send(&suite, "nowhere", only_bad).await.unwrap_err();
    for status in [unary, stream, only_bad] {
        assert_eq!((status.code(), reason(&status)), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
        assert_eq!(status.message(), "accounts/nowhere does not exist");
    }
    suite.account("lumi", "nowhere").await;
    assert_eq!(all_fans(&suite, "nowhere").await, []);
    assert_eq!(counts(&send(&suite, "nowhere", batch).await.unwrap()), (1, 0, 0));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_batch_is_stored_whole_and_its_repeat_changes_nothing,
    another_content_under_a_known_event_id_is_refused_and_the_first_stays,
    within_a_batch_the_first_of_an_event_id_counts,
    the_same_event_id_in_two_accounts_are_two_events,
    each_bad_event_is_rejected_alone_and_the_good_ones_are_kept,
    events_at_the_very_edge_of_the_rules_are_good,
    over_a_stream_places_and_counts_go_on_from_batch_to_batch,
    a_stream_lists_its_first_1000_rejections_and_counts_them_all,
    a_stream_keeps_to_its_account,
    a_batch_has_1_to_1000_interactions,
    an_unknown_account_is_not_found_and_nothing_is_stored,
);
