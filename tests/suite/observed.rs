//! What users did in another service reaches the CRM by its events: once, checked, and without holding up anything.

use std::time::Duration;

use siyu_clock::{Ids, Stopwatch};
use siyu_db::Db;
use siyu_outbox::{Draft, Outbox, Settings};
use siyu_proto::{
    common::v1::{ListParkedKeysRequest, event_consumer_service_client::EventConsumerServiceClient},
    crm::v1::{Interaction, InteractionKind as Kind, InteractionsObserved},
};
use siyu_tests::TestSuite;

use crate::support::{
    all_fans, event, execute, fan, follow, open_db, order, purchase, sales, seconds_ago, send, store,
    timeline,
};

/// Accounts as a service that sees what users do.
pub(crate) struct Observer {
    db: Db,
    outbox: Outbox,
}

impl Observer {
    pub(crate) async fn new(suite: &TestSuite) -> Self {
        let db = open_db(suite.config.accounts_database_url()).await;
        let clock = suite.clock.clone().into();
        let outbox = Outbox::new("accounts", db.clone(), clock, Ids::random(), Settings::default());
        Self { db, outbox }
    }

    /// Tells what was seen: an event for each list.
    pub(crate) async fn tell(&self, observed: Vec<InteractionsObserved>) {
        let mut tx = self.db.begin().await.unwrap();
        let drafts = observed.iter().map(|observed| Draft::new(observed.parent.clone(), observed));
        self.outbox.write(&mut tx, drafts).await.unwrap();
        tx.commit().await.unwrap();
        self.outbox.wake();
    }

    pub(crate) async fn close(self) {
        self.db.close().await;
    }
}

pub(crate) fn observed(account: &str, interactions: Vec<Interaction>) -> InteractionsObserved {
    let parent = format!("accounts/{account}");
    InteractionsObserved { parent, interactions, ..InteractionsObserved::default() }
}

/// Lets all events arrive.
pub(crate) async fn settle(suite: &TestSuite) {
    suite.advance(Duration::from_millis(1)).await;
}

async fn parked_keys(suite: &TestSuite) -> Vec<String> {
    let parent = "consumers/crm-accounts".to_owned();
    let request = ListParkedKeysRequest { parent, ..ListParkedKeysRequest::default() };
    let mut consumers = EventConsumerServiceClient::new(suite.client());
    let keys = consumers.list_parked_keys(request).await.unwrap().into_inner().parked_keys;
    keys.into_iter().map(|key| key.reason).collect()
}

fn claim(suite: &TestSuite, id: &str, user: &str, seconds: i64) -> Interaction {
    Interaction {
        target: "accounts/shop/cards/tea".to_owned(),
        mount: "accounts/shop/homepage".to_owned(),
        ..event(id, user, Kind::CouponClaim, seconds_ago(suite, seconds))
    }
}

async fn what_another_service_saw_is_taken_in_once(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let observer = Observer::new(&suite).await;
    let first = claim(&suite, "claim:1", "u1", 60);
    let bought = order("order:1", "u1", seconds_ago(&suite, 50), 4_200);
    observer.tell(vec![observed("shop", vec![first.clone(), bought.clone()])]).await;
    settle(&suite).await;
    assert_eq!(
        timeline(&suite, "shop", "u1").await,
        [
            Interaction {
                purchase: bought.purchase.clone().map(|purchase| siyu_proto::crm::v1::Purchase {
                    order_id: "order:1".to_owned(),
                    ..purchase
                }),
                ..bought.clone()
            },
            first.clone()
        ]
    );

    // Again in later events, beside others, and by a call: each once.
    let other = claim(&suite, "claim:2", "u2", 40);
    observer
        .tell(vec![
            observed("shop", vec![first.clone(), other.clone()]),
            observed("shop", vec![other.clone(), bought]),
        ])
        .await;
    settle(&suite).await;
    let answer = send(&suite, "shop", vec![first, other]).await.unwrap();
    assert_eq!((answer.accepted_count, answer.duplicate_count), (0, 2));
    let counts: Vec<_> = all_fans(&suite, "shop").await.iter().map(|fan| fan.interaction_count).collect();
    assert_eq!(counts, [2, 1]);
    assert_eq!(sales(&suite, "shop").await.gmv_minor, 4_200);
    observer.close().await;
    suite.finish().await;
}

async fn a_bad_interaction_is_left_out_and_holds_up_nothing(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    store(&suite, "shop", &[order("o1", "u1", seconds_ago(&suite, 100), 100)]).await;
    let observer = Observer::new(&suite).await;
    let time = seconds_ago(&suite, 10);
    let bad = [
        event("", "u1", Kind::Click, time),
        event("spaces are bad", "u1", Kind::Click, time),
        event("no-user", "", Kind::Click, time),
        event("future", "u1", Kind::Click, seconds_ago(&suite, -3_600)),
        event("no-purchase", "u1", Kind::Order, time),
        Interaction { kind: 99, ..event("no-kind", "u1", Kind::Click, time) },
        Interaction { event_time: None, ..event("no-time", "u1", Kind::Click, time) },
        // Differs from what is stored; and an order of somebody else.
        order("o1", "u1", time, 999),
        purchase("o2", "u2", Kind::Order, time, ("o1", 5)),
    ];
    for (number, bad) in bad.into_iter().enumerate() {
        let good = claim(&suite, &format!("claim:{number}"), "u3", 5);
        observer.tell(vec![observed("shop", vec![bad, good])]).await;
    }
    observer.tell(vec![observed("shop", Vec::new())]).await;
    settle(&suite).await;
    assert_eq!(parked_keys(&suite).await, [""; 0]);
    let counts: Vec<_> =
        all_fans(&suite, "shop").await.into_iter().map(|fan| (fan.user, fan.interaction_count)).collect();
    assert_eq!(counts, [("users/u1".to_owned(), 1), ("users/u3".to_owned(), 9)]);
    assert_eq!(sales(&suite, "shop").await.gmv_minor, 100);
    observer.close().await;
    suite.finish().await;
}

/// An account that nobody told of cannot be: its events wait, and no others.
async fn what_comes_before_its_account_is_parked(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    settle(&suite).await;
    let observer = Observer::new(&suite).await;
    observer
        .tell(vec![
            observed("nowhere", vec![event("e1", "u1", Kind::Scan, seconds_ago(&suite, 1))]),
            observed("shop", vec![event("e1", "u1", Kind::Scan, seconds_ago(&suite, 1))]),
        ])
        .await;
    settle(&suite).await;
    let reasons = parked_keys(&suite).await;
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].contains("nowhere was never told of"), "{reasons:?}");
    assert_eq!(all_fans(&suite, "shop").await.len(), 1);
    observer.close().await;
    suite.finish().await;
}

/// Many events at once, beside calls that take in interactions of the same accounts: all arrive, none waits for ever.
async fn events_and_calls_meet_at_the_same_accounts(suite: TestSuite) {
    const ACCOUNTS: usize = 12;
    const ROUNDS: usize = 25;
    let accounts: Vec<String> = (0..ACCOUNTS).map(|number| format!("shop-{number:02}")).collect();
    for account in &accounts {
        suite.account("lumi", account).await;
    }
    let observer = Observer::new(&suite).await;
    let time = seconds_ago(&suite, 1);
    let told = async {
        for round in 0..ROUNDS {
            let events = accounts.iter().rev().map(|account| {
                let one = event(&format!("told-{round}"), &format!("u{round}"), Kind::Scan, time);
                observed(account, vec![one, follow(&format!("follow-{round}"), &format!("u{round}"), time)])
            });
            observer.tell(events.collect()).await;
        }
    };
    let called = async {
        for round in 0..ROUNDS {
            let calls = accounts.iter().map(|account| {
                send(
                    &suite,
                    account,
                    vec![event(&format!("sent-{round}"), &format!("u{round}"), Kind::Like, time)],
                )
            });
            for answer in futures_util::future::join_all(calls).await {
                assert_eq!(answer.unwrap().accepted_count, 1);
            }
        }
    };
    tokio::join!(told, called);
    settle(&suite).await;
    assert_eq!(parked_keys(&suite).await, [""; 0]);
    for account in &accounts {
        let fans = all_fans(&suite, account).await;
        assert_eq!(fans.len(), ROUNDS);
        assert!(fans.iter().all(|fan| fan.following && fan.interaction_count == 3), "{account}");
    }
    observer.close().await;
    suite.finish().await;
}

/// As if the CRM had begun after accounts: what users did before that is still in the feed.
async fn a_crm_that_begins_late_learns_what_was_seen_before(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let observer = Observer::new(&suite).await;
    observer.tell(vec![observed("shop", vec![claim(&suite, "claim:1", "u1", 60)])]).await;
    settle(&suite).await;
    let crm = open_db(suite.config.crm_database_url()).await;
    for table in ["interaction", "fan", "account", "tier_change", "known_account", "event_cursor"] {
        execute(&crm, &format!("DELETE FROM {table}")).await;
    }
    // It notices with the next event that it has to begin anew.
    observer.tell(vec![observed("shop", vec![claim(&suite, "claim:2", "u1", 30)])]).await;
    settle(&suite).await;
    settle(&suite).await;
    assert_eq!(fan(&suite, "shop", "u1").await.interaction_count, 2);
    crm.close().await;
    observer.close().await;
    suite.finish().await;
}

async fn a_page_of_events_is_one_batch(suite: TestSuite) {
    const EVENTS: usize = 500;
    suite.account("lumi", "shop").await;
    settle(&suite).await;
    let observer = Observer::new(&suite).await;
    let events = (0..EVENTS).map(|number| {
        let user = format!("u{}", number % 300);
        observed("shop", vec![claim(&suite, &format!("claim:{number}"), &user, 60)])
    });
    observer.tell(events.collect()).await;
    let stopwatch = Stopwatch::start();
    settle(&suite).await;
    let taken = stopwatch.elapsed();
    assert_eq!(all_fans(&suite, "shop").await.len(), 300);
    println!("{EVENTS} events arrived after {taken:?}");
    // One after the other they would take this long several times over, on any machine.
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    observer.close().await;
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    what_another_service_saw_is_taken_in_once,
    a_bad_interaction_is_left_out_and_holds_up_nothing,
    what_comes_before_its_account_is_parked,
    events_and_calls_meet_at_the_same_accounts,
    a_crm_that_begins_late_learns_what_was_seen_before,
    a_page_of_events_is_one_batch,
);
