//! Events from accounts to the CRM: they arrive, in order, once; one that cannot be applied holds up its account alone.

use std::time::Duration;

use siyu_clock::Ids;
use siyu_db::{Db, on_db};
use siyu_outbox::{Draft, Outbox, Settings};
use siyu_proto::{
    accounts::v1::{Account, AccountUpdated, UpdateAccountRequest},
    common::v1::{
        Event, EventCursor, GetFeedRequest, ListParkedKeysRequest, ParkedKey, ReplayParkedKeyRequest,
        ReplayParkedKeyResponse, StreamEventsRequest,
        event_consumer_service_client::EventConsumerServiceClient,
        event_feed_service_client::EventFeedServiceClient,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::support::{execute, fields, open_db, reason, refuse_rows, take_rows_again};

const FEED: &str = "feeds/accounts";
const CONSUMER: &str = "consumers/crm-accounts";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Lets all events arrive.
async fn settle(suite: &TestSuite) {
    suite.advance(Duration::from_millis(1)).await;
}

async fn accounts_db(suite: &TestSuite) -> Db {
    open_db(suite.config.accounts_database_url()).await
}

async fn crm_db(suite: &TestSuite) -> Db {
    open_db(suite.config.crm_database_url()).await
}

/// What the CRM knows of accounts: id, time zone and currency.
async fn known(db: &Db) -> Vec<(String, String, String)> {
    let sql = "SELECT account_id, time_zone, currency_code FROM known_account ORDER BY account_id";
    let mut tx = db.begin_read().await.unwrap();
    on_db!(&mut tx, |conn| sqlx::query_as(sql).fetch_all(conn).await).unwrap()
}

fn ids(known: &[(String, String, String)]) -> Vec<&str> {
    known.iter().map(|(id, ..)| id.as_str()).collect()
}

async fn rename(suite: &TestSuite, id: &str, display_name: &str) {
    let request = UpdateAccountRequest {
        account: Some(Account {
            name: format!("accounts/{id}"),
            display_name: display_name.to_owned(),
            ..Account::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
        ..UpdateAccountRequest::default()
    };
    suite.accounts().update_account(request).await.unwrap();
}

/// Everything in the feed of accounts after the cursors, partition by partition.
pub(crate) async fn events_after(suite: &TestSuite, cursors: Vec<EventCursor>) -> Result<Vec<Event>, Status> {
    feed_events(suite, FEED, cursors).await
}

/// Everything in a feed after the cursors, partition by partition.
pub(crate) async fn feed_events(
    suite: &TestSuite,
    feed: &str,
    cursors: Vec<EventCursor>,
) -> Result<Vec<Event>, Status> {
    let mut feeds = EventFeedServiceClient::new(suite.client());
    let request = StreamEventsRequest { parent: feed.to_owned(), cursors, ..StreamEventsRequest::default() };
    let mut pages = feeds.stream_events(request).await?.into_inner();
    let mut events = Vec::new();
    while let Some(page) = pages.message().await? {
        events.extend(page.events);
    }
    Ok(events)
}

async fn every_change_is_told_once_and_in_order(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "store").await;
    for number in 1..=5 {
        rename(&suite, "shop", &format!("Shop {number}")).await;
    }
    settle(&suite).await;
    let events = events_after(&suite, Vec::new()).await.unwrap();
    let of_shop: Vec<_> = events.iter().filter(|event| event.key == "accounts/shop").collect();
    let types: Vec<_> = of_shop
        .iter()
        .map(|event| event.payload.as_ref().unwrap().type_url.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(types[0], "siyu.accounts.v1.AccountCreated");
    assert_eq!(types[1..], ["siyu.accounts.v1.AccountUpdated"; 5]);
    let names: Vec<_> = of_shop[1..]
        .iter()
        .map(|event| {
            event.payload.as_ref().unwrap().to_msg::<AccountUpdated>().unwrap().account.unwrap().display_name
        })
        .collect();
    assert_eq!(names, ["Shop 1", "Shop 2", "Shop 3", "Shop 4", "Shop 5"]);
    assert!(of_shop.windows(2).all(|two| two[0].position < two[1].position));

    // Positions are dense, and a cursor goes on where it stands.
    let feed = GetFeedRequest { name: FEED.to_owned() };
    let feed = EventFeedServiceClient::new(suite.client()).get_feed(feed).await.unwrap().into_inner();
    assert_eq!(feed.unpublished_count, 0);
    for partition in &feed.partitions {
        let positions: Vec<i64> = events
            .iter()
            .filter(|event| event.partition == partition.partition)
            .map(|event| event.position)
            .collect();
        assert_eq!(positions, (1..=partition.last_position).collect::<Vec<_>>());
    }
    let last = of_shop[5];
    let cursor = EventCursor { partition: last.partition, position: last.position - 1 };
    assert_eq!(events_after(&suite, vec![cursor]).await.unwrap()[0], **of_shop.last().unwrap());
    suite.finish().await;
}

async fn the_crm_knows_accounts_by_their_events(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    settle(&suite).await;
    let crm = crm_db(&suite).await;
    let told = ("shop".to_owned(), "Asia/Shanghai".to_owned(), "CNY".to_owned());
    assert_eq!(known(&crm).await, [told]);
    crm.close().await;
    suite.finish().await;
}

async fn parked(suite: &TestSuite) -> Vec<ParkedKey> {
    let request = ListParkedKeysRequest { parent: CONSUMER.to_owned(), ..ListParkedKeysRequest::default() };
    let mut consumers = EventConsumerServiceClient::new(suite.client());
    consumers.list_parked_keys(request).await.unwrap().into_inner().parked_keys
}

async fn replay(suite: &TestSuite, key: &str) -> ReplayParkedKeyResponse {
    let request = ReplayParkedKeyRequest { parent: CONSUMER.to_owned(), key: key.to_owned() };
    EventConsumerServiceClient::new(suite.client()).replay_parked_key(request).await.unwrap().into_inner()
}

async fn an_event_that_cannot_be_applied_parks_its_account_alone(suite: TestSuite) {
    // The CRM has begun: what comes now reaches it as events, not with its first snapshot.
    settle(&suite).await;
    let crm = crm_db(&suite).await;
    refuse_rows(&crm, "known_account", "account_id", "bad").await;
    // Enough accounts that some share the partition of the bad one.
    let others: Vec<String> = (0..40).map(|number| format!("good-{number:02}")).collect();
    suite.account("lumi", "bad").await;
    for id in &others {
        suite.account("lumi", id).await;
    }
    rename(&suite, "bad", "Worse").await;
    settle(&suite).await;
    assert_eq!(ids(&known(&crm).await), others);
    let keys = parked(&suite).await;
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    assert_eq!((key.key.as_str(), key.event_count, key.attempt_count), ("accounts/bad", 2, 1));
    assert!(key.reason.contains("siyu.accounts.v1.AccountCreated"), "{}", key.reason);

    // What comes later waits with it, in order, and trying again says why it failed.
    rename(&suite, "bad", "Worst").await;
    rename(&suite, "good-00", "Better").await;
    settle(&suite).await;
    assert_eq!(parked(&suite).await[0].event_count, 3);
    let again = replay(&suite, "accounts/bad").await;
    assert_eq!((again.applied_count, again.parked_key.unwrap().attempt_count), (0, 2));

    // Once the cause is gone all of it is applied, and the account goes on as any other.
    take_rows_again(&crm, "known_account").await;
    assert_eq!(
        replay(&suite, "accounts/bad").await,
        ReplayParkedKeyResponse { applied_count: 3, parked_key: None }
    );
    assert_eq!(parked(&suite).await, []);
    assert_eq!(known(&crm).await.len(), 41);
    assert_eq!(replay(&suite, "accounts/bad").await, ReplayParkedKeyResponse::default());
    rename(&suite, "bad", "Good").await;
    settle(&suite).await;
    assert_eq!(parked(&suite).await, []);
    crm.close().await;
    suite.finish().await;
}

async fn an_event_that_nobody_could_have_written_is_parked_too(suite: TestSuite) {
    settle(&suite).await;
    let (accounts, crm) = (accounts_db(&suite).await, crm_db(&suite).await);
    let clock = suite.clock.clone().into();
    let outbox = Outbox::new("accounts", accounts.clone(), clock, Ids::random(), Settings::default());
    let nonsense = Account { name: "nonsense".to_owned(), ..Account::default() };
    let mut tx = accounts.begin().await.unwrap();
    let draft = Draft::new("accounts/odd", &AccountUpdated { account: Some(nonsense) });
    outbox.write(&mut tx, [draft]).await.unwrap();
    // A type that the consumer does not know is passed over.
    let foreign = Draft::new("accounts/odd-too", &EventCursor::default());
    outbox.write(&mut tx, [foreign]).await.unwrap();
    tx.commit().await.unwrap();
    suite.account("lumi", "shop").await;
    settle(&suite).await;
    let keys: Vec<String> = parked(&suite).await.into_iter().map(|key| key.key).collect();
    assert_eq!(keys, ["accounts/odd"]);
    assert_eq!(ids(&known(&crm).await), ["shop"]);
    accounts.close().await;
    crm.close().await;
    suite.finish().await;
}

async fn a_reader_that_was_away_for_too_long_takes_a_snapshot(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    settle(&suite).await;
    suite.advance(WEEK + Duration::from_secs(60)).await;
    suite.account("lumi", "store").await;
    settle(&suite).await;
    let (accounts, crm) = (accounts_db(&suite).await, crm_db(&suite).await);
    let clock = suite.clock.clone().into();
    let outbox = Outbox::new("accounts", accounts.clone(), clock, Ids::random(), Settings::default());
    outbox.remove_old().await.unwrap();

    let status = events_after(&suite, Vec::new()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::OutOfRange, "CURSOR_EXPIRED".to_owned()));
    // The newer event is still there, behind a cursor that is not too old.
    let feed = GetFeedRequest { name: FEED.to_owned() };
    let feed = EventFeedServiceClient::new(suite.client()).get_feed(feed).await.unwrap().into_inner();
    let beginnings = feed.partitions.iter().map(|partition| EventCursor {
        partition: partition.partition,
        position: partition.trimmed_position,
    });
    let left = events_after(&suite, beginnings.collect()).await.unwrap();
    assert_eq!(left.iter().map(|event| event.key.as_str()).collect::<Vec<_>>(), ["accounts/store"]);

    // As if the CRM had never begun: its cursor is before the oldest event.
    execute(&crm, "UPDATE event_cursor SET position = 0").await;
    execute(&crm, "DELETE FROM known_account").await;
    settle(&suite).await;
    settle(&suite).await;
    assert_eq!(ids(&known(&crm).await), ["shop", "store"]);
    accounts.close().await;
    crm.close().await;
    suite.finish().await;
}

/// As after a restore of accounts from an older copy.
async fn a_cursor_behind_the_newest_event_takes_a_snapshot_too(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    settle(&suite).await;
    let crm = crm_db(&suite).await;
    execute(&crm, "UPDATE event_cursor SET position = position + 1000").await;
    execute(&crm, "DELETE FROM known_account").await;
    let ahead = EventCursor { partition: 3, position: 1_000 };
    let status = events_after(&suite, vec![ahead]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::OutOfRange, "CURSOR_EXPIRED".to_owned()));
    settle(&suite).await;
    settle(&suite).await;
    assert_eq!(ids(&known(&crm).await), ["shop"]);
    // What comes next arrives as an event.
    execute(&crm, "DELETE FROM known_account").await;
    rename(&suite, "shop", "Renamed").await;
    settle(&suite).await;
    assert_eq!(ids(&known(&crm).await), ["shop"]);
    crm.close().await;
    suite.finish().await;
}

async fn wrong_cursors_and_names_are_refused(suite: TestSuite) {
    let cursor = |partition, position| EventCursor { partition, position };
    for (cursors, field) in [
        (vec![cursor(16, 0)], "cursors[0].partition"),
        (vec![cursor(0, 0), cursor(-1, 0)], "cursors[1].partition"),
        (vec![cursor(3, -1)], "cursors[0].position"),
        (vec![cursor(3, 0), cursor(3, 1)], "cursors[1].partition"),
    ] {
        let status = events_after(&suite, cursors).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let mut feeds = EventFeedServiceClient::new(suite.client());
    for (name, code) in [("feeds/nothing", Code::NotFound), ("feeds/", Code::InvalidArgument)] {
        let status = feeds.get_feed(GetFeedRequest { name: name.to_owned() }).await.unwrap_err();
        assert_eq!(status.code(), code, "{name}");
    }
    let request = ListParkedKeysRequest { parent: "consumers/crm-nothing".to_owned(), ..Default::default() };
    let status = EventConsumerServiceClient::new(suite.client()).list_parked_keys(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    every_change_is_told_once_and_in_order,
    the_crm_knows_accounts_by_their_events,
    an_event_that_cannot_be_applied_parks_its_account_alone,
    an_event_that_nobody_could_have_written_is_parked_too,
    a_reader_that_was_away_for_too_long_takes_a_snapshot,
    a_cursor_behind_the_newest_event_takes_a_snapshot_too,
    wrong_cursors_and_names_are_refused,
);
