//! What arrival must not change (C1, C2): late events, orders in pieces, calendar days, timelines, many writers at once.

use std::collections::BTreeMap;

use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{
        Fan, InteractionKind as Kind, ListInteractionsRequest, ListMonthlySalesRequest, PurchaseSummary, Tier,
    },
};
use siyu_tests::TestSuite;
use tonic::Code;

use crate::support::{
    all_fans, at, event, fan, follow, micros, order, purchase, reason, sales, send, shuffled, store, timeline,
};

async fn bought(suite: &TestSuite, user: &str) -> PurchaseSummary {
    fan(suite, "shop", user).await.purchases.unwrap()
}

/// Without what may differ by the rounding of sums.
fn exact(fan: &Fan) -> Fan {
    Fan { name: String::new(), intimacy: 0.0, next_tier_change_time: None, ..fan.clone() }
}

async fn arrival_out_of_order_makes_the_same_fan(suite: TestSuite) {
    let history = [
        event("a", "u1", Kind::View, at("2026-01-01T00:00:00Z")),
        follow("b", "u1", at("2026-01-05T00:00:00Z")),
        event("c", "u1", Kind::Unfollow, at("2026-01-10T00:00:00Z")),
        follow("d", "u1", at("2026-01-20T00:00:00Z")),
        purchase("e", "u1", Kind::Order, at("2026-02-01T00:00:00Z"), ("o-1", 700)),
        purchase("f", "u1", Kind::Order, at("2026-02-02T00:00:00Z"), ("o-2", 300)),
        purchase("g", "u1", Kind::Refund, at("2026-02-20T00:00:00Z"), ("o-1", 100)),
        event("h", "u1", Kind::Share, at("2026-02-25T00:00:00Z")),
    ];
    suite.account("lumi", "in-order").await;
    store(&suite, "in-order", &history).await;
    let expected = fan(&suite, "in-order", "u1").await;
    assert_eq!((expected.tier(), expected.interaction_count), (Tier::Favorable, 8));
    for seed in 0..6 {
        let account = format!("shuffled-{seed}");
        suite.account("lumi", &account).await;
        // One event a batch, so that every one meets what came before it in storage.
        for late in shuffled(&history, seed) {
            store(&suite, &account, &[late]).await;
        }
        let found = fan(&suite, &account, "u1").await;
        assert_eq!(exact(&found), exact(&expected));
        assert!(
            (found.intimacy - expected.intimacy).abs() < 1e-9,
            "{} {}",
            found.intimacy,
            expected.intimacy
        );
        let due = |fan: &Fan| micros(fan.next_tier_change_time.as_ref());
        assert!((due(&found) - due(&expected)).abs() < 10, "{found:?}");
        assert_eq!(timeline(&suite, &account, "u1").await, timeline(&suite, "in-order", "u1").await);
    }
    suite.finish().await;
}

async fn lines_of_an_order_add_up_and_take_the_time_of_the_first(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let line = |id: &str, time: &str, amount| purchase(id, "u1", Kind::Order, at(time), ("o-1", amount));
    store(&suite, "shop", &[line("a", "2026-02-02T00:00:00Z", 500)]).await;
    store(&suite, "shop", &[line("b", "2026-02-05T00:00:00Z", 30), line("c", "2026-02-01T00:00:00Z", 7)])
        .await;
    store(&suite, "shop", &[order("d", "u1", at("2026-02-04T00:00:00Z"), 1_000)]).await;
    let expected = PurchaseSummary {
        order_count: 2,
        order_day_count: 2,
        gmv_minor: 1_537,
        refunded_minor: 0,
        first_order_time: Some(at("2026-02-01T00:00:00Z")),
        last_order_time: Some(at("2026-02-04T00:00:00Z")),
    };
    assert_eq!(bought(&suite, "u1").await, expected);
    suite.finish().await;
}

async fn refunds_and_cancellations_may_come_before_their_order(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let refund = |id: &str, time: &str, order_id, amount| {
        purchase(id, "u1", Kind::Refund, at(time), (order_id, amount))
    };
    store(&suite, "shop", &[refund("a", "2026-01-20T00:00:00Z", "kept", 40)]).await;
    store(&suite, "shop", &[purchase("b", "u1", Kind::OrderCancel, at("2026-02-10T00:00:00Z"), ("gone", 0))])
        .await;
    // A refund of nothing that was placed is no order.
    assert_eq!(bought(&suite, "u1").await, PurchaseSummary::default());
    assert_eq!(sales(&suite, "shop").await.order_count, 0);

    store(
        &suite,
        "shop",
        &[
            purchase("c", "u1", Kind::Order, at("2026-02-01T00:00:00Z"), ("kept", 100)),
            purchase("d", "u1", Kind::Order, at("2026-02-09T00:00:00Z"), ("gone", 999)),
            refund("e", "2026-02-21T00:00:00Z", "kept", 5),
        ],
    )
    .await;
    let kept = PurchaseSummary {
        order_count: 1,
        order_day_count: 1,
        gmv_minor: 100,
        refunded_minor: 45,
        first_order_time: Some(at("2026-02-01T00:00:00Z")),
        last_order_time: Some(at("2026-02-01T00:00:00Z")),
    };
    assert_eq!(bought(&suite, "u1").await, kept);
    // A line that comes after the cancellation does not bring the order back.
    store(&suite, "shop", &[purchase("f", "u1", Kind::Order, at("2026-02-08T00:00:00Z"), ("gone", 1))]).await;
    assert_eq!(bought(&suite, "u1").await, kept);
    suite.finish().await;
}

async fn an_order_belongs_to_whoever_named_it_first(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let named = |id: &str, user: &str, order_id: &str| {
        purchase(id, user, Kind::Order, at("2026-02-01T00:00:00Z"), (order_id, 100))
    };
    let answer =
        send(&suite, "shop", vec![named("a", "u1", "o-1"), named("b", "u2", "o-1"), named("c", "u2", "o-2")]);
    let answer = answer.await.unwrap();
    assert_eq!(answer.accepted_count, 2);
    let rejection = &answer.rejections[0];
    assert_eq!((rejection.index, rejection.event_id.as_str()), (1, "b"));
    assert_eq!(
        (rejection.reason(), rejection.field.as_str()),
        (ErrorReason::InvalidField, "purchase.order_id")
    );

    let refund = purchase("d", "u1", Kind::Refund, at("2026-02-02T00:00:00Z"), ("o-2", 100));
    let answer = send(&suite, "shop", vec![refund.clone(), named("e", "u3", "o-1")]).await.unwrap();
    let places: Vec<_> =
        answer.rejections.iter().map(|rejection| (rejection.index, rejection.reason())).collect();
    assert_eq!(places, [(0, ErrorReason::InvalidField), (1, ErrorReason::InvalidField)]);
    assert_eq!((bought(&suite, "u1").await.gmv_minor, bought(&suite, "u2").await.refunded_minor), (100, 0));
    assert_eq!(all_fans(&suite, "shop").await.len(), 2);
    // In another account the same number is another order.
    suite.account("lumi", "store").await;
    store(&suite, "store", &[named("a", "u2", "o-1"), refund]).await;
    suite.finish().await;
}

async fn days_and_months_are_those_of_the_account(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    // In Asia/Shanghai: the last microsecond of January 31st, midnight, and the evening of February 1st.
    store(
        &suite,
        "shop",
        &[
            order("a", "u1", at("2026-01-31T15:59:59.999999Z"), 1),
            order("b", "u1", at("2026-01-31T16:00:00Z"), 20),
            order("c", "u1", at("2026-02-01T15:59:59.999999Z"), 300),
        ],
    )
    .await;
    let summary = bought(&suite, "u1").await;
    assert_eq!((summary.order_count, summary.order_day_count), (3, 2));
    let request =
        ListMonthlySalesRequest { parent: "accounts/shop".to_owned(), ..ListMonthlySalesRequest::default() };
    let months = suite.analytics().list_monthly_sales(request).await.unwrap().into_inner().months;
    let months: Vec<_> = months.iter().map(|m| (m.month.as_str(), m.order_count, m.gmv_minor)).collect();
    assert_eq!(months, [("2026-01", 1, 1), ("2026-02", 2, 320)]);
    // An earlier line moves the whole order to its own day and month.
    let line = |id: &str, time: &str| purchase(id, "u2", Kind::Order, at(time), ("o-1", 5));
    store(&suite, "shop", &[line("d", "2026-01-31T16:00:00Z")]).await;
    store(&suite, "shop", &[line("e", "2026-01-31T15:00:00Z")]).await;
    let request =
        ListMonthlySalesRequest { parent: "accounts/shop".to_owned(), ..ListMonthlySalesRequest::default() };
    let months = suite.analytics().list_monthly_sales(request).await.unwrap().into_inner().months;
    let months: Vec<_> = months.iter().map(|m| (m.month.as_str(), m.order_count, m.gmv_minor)).collect();
    assert_eq!(months, [("2026-01", 2, 11), ("2026-02", 2, 320)]);
    suite.finish().await;
}

async fn a_timeline_goes_on_page_by_page_also_among_equal_times(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut sent = Vec::new();
    for second in 0..3 {
        for letter in ["a", "B", "c", "-"] {
            let id = format!("{letter}{second}");
            sent.push(event(&id, "u1", Kind::View, at(&format!("2026-02-01T00:00:0{second}Z"))));
        }
    }
    store(&suite, "shop", &shuffled(&sent, 3)).await;
    store(&suite, "shop", &[event("other", "u2", Kind::View, at("2026-02-01T00:00:01Z"))]).await;

    let mut seen = Vec::new();
    let mut request = ListInteractionsRequest {
        parent: "accounts/shop/fans/u1".to_owned(),
        page_size: 5,
        ..ListInteractionsRequest::default()
    };
    for page_size in [5, 5, 2] {
        let page = suite.interactions().list_interactions(request.clone()).await.unwrap().into_inner();
        assert_eq!(page.interactions.len(), page_size);
        seen.extend(page.interactions.into_iter().map(|interaction| interaction.event_id));
        request.page_token = page.next_page_token;
    }
    assert_eq!(request.page_token, "");
    // Newest first; among equal times by event id, downwards by its bytes.
    assert_eq!(seen, ["c2", "a2", "B2", "-2", "c1", "a1", "B1", "-1", "c0", "a0", "B0", "-0"]);

    let page = suite.interactions().list_interactions(request.clone()).await.unwrap().into_inner();
    let foreign = ListInteractionsRequest {
        parent: "accounts/shop/fans/u2".to_owned(),
        page_token: page.next_page_token,
        ..request.clone()
    };
    let status = suite.interactions().list_interactions(foreign).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "INVALID_PAGE_TOKEN".to_owned()));
    let nobody = ListInteractionsRequest { parent: "accounts/shop/fans/nobody".to_owned(), ..request };
    assert_eq!(suite.interactions().list_interactions(nobody).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

/// 16 writers send overlapping parts of the same 800 events of 80 users, each in an order of its own.
async fn many_writers_of_the_same_events_store_each_once(suite: TestSuite) {
    const WRITERS: usize = 16;
    suite.account("lumi", "shop").await;
    let events: Vec<_> = (0..800)
        .map(|place| {
            let user = format!("u{:02}", place % 80);
            let time = at(&format!("2026-02-{:02}T00:00:00Z", 1 + place % 28));
            match place % 4 {
                0 => follow(&format!("e{place}"), &user, time),
                _ => order(&format!("e{place}"), &user, time, place),
            }
        })
        .collect();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        // Half of all, from another beginning each: every event is sent by 8 writers.
        let part: Vec<_> = events.iter().cycle().skip(writer * 50).take(400).cloned().collect();
        let part = shuffled(&part, u64::try_from(writer).unwrap());
        let mut client = suite.interactions();
        writers.spawn(async move {
            let (mut accepted, mut duplicates) = (0, 0);
            for batch in part.chunks(100) {
                let request = siyu_proto::crm::v1::IngestInteractionsRequest {
                    parent: "accounts/shop".to_owned(),
                    interactions: batch.to_vec(),
                };
                let answer = client.ingest_interactions(request).await.unwrap().into_inner();
                assert_eq!(answer.rejections, []);
                accepted += answer.accepted_count;
                duplicates += answer.duplicate_count;
            }
            (accepted, duplicates)
        });
    }
    let answers = writers.join_all().await;
    let accepted: i64 = answers.iter().map(|(accepted, _)| accepted).sum();
    let duplicates: i64 = answers.iter().map(|(_, duplicates)| duplicates).sum();
    assert_eq!((accepted, duplicates), (800, 800 * 7));

    let fans = all_fans(&suite, "shop").await;
    let ordinals: Vec<i64> = fans.iter().map(|fan| fan.ordinal).collect();
    assert_eq!(ordinals, (1..=80).collect::<Vec<i64>>());
    let by_user: BTreeMap<&str, i64> =
        fans.iter().map(|fan| (fan.user.as_str(), fan.interaction_count)).collect();
    assert_eq!(by_user.len(), 80);
    assert!(by_user.values().all(|count| *count == 10), "{by_user:?}");
    let totals = sales(&suite, "shop").await;
    let gmv: i64 = (0..800).filter(|place| place % 4 != 0).sum();
    assert_eq!((totals.order_count, totals.gmv_minor), (600, gmv));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    arrival_out_of_order_makes_the_same_fan,
    lines_of_an_order_add_up_and_take_the_time_of_the_first,
    refunds_and_cancellations_may_come_before_their_order,
    an_order_belongs_to_whoever_named_it_first,
    days_and_months_are_those_of_the_account,
    a_timeline_goes_on_page_by_page_also_among_equal_times,
    many_writers_of_the_same_events_store_each_once,
);
