//! Short words for what the tests of the CRM say all the time.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu_clock::Micros;
use siyu_db::{Db, Engine, OpenOptions, on_db};
use siyu_proto::crm::v1::{
    Fan, GetFanRequest, GetSalesRequest, IngestInteractionsRequest, IngestInteractionsResponse, Interaction,
    InteractionKind, ListFansRequest, ListInteractionsRequest, ListTierChangesRequest, Purchase,
    RebuildTiersRequest, RebuildTiersResponse, Sales, Tier, TierChange, TierFlow,
};
use siyu_rpc::time::{from_proto, to_proto};
use siyu_tests::TestSuite;
use sqlx::AssertSqlSafe;
use tonic::Status;
use tonic_types::StatusExt;

/// Most interactions in one batch.
pub(crate) const BATCH: usize = 1_000;

/// A moment written as RFC 3339.
pub(crate) fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    to_proto(moment.into())
}

/// So many seconds before now, by the clock of the suite.
pub(crate) fn seconds_ago(suite: &TestSuite, seconds: i64) -> Timestamp {
    to_proto(Micros(suite.clock.now().0 - seconds * Micros::PER_SECOND))
}

/// A moment as microseconds.
pub(crate) fn micros(timestamp: Option<&Timestamp>) -> i64 {
    timestamp.and_then(from_proto).expect("a moment").0
}

/// An interaction that is no purchase.
pub(crate) fn event(id: &str, user: &str, kind: InteractionKind, time: Timestamp) -> Interaction {
    Interaction {
        event_id: id.to_owned(),
        user: format!("users/{user}"),
        kind: kind.into(),
        event_time: Some(time),
        ..Interaction::default()
    }
}

/// An order, cancellation or refund of `order_id`; empty: of the event itself.
pub(crate) fn purchase(
    id: &str,
    user: &str,
    kind: InteractionKind,
    time: Timestamp,
    (order_id, amount_minor): (&str, i64),
) -> Interaction {
    let purchase = Purchase { order_id: order_id.to_owned(), amount_minor, quantity: 1 };
    Interaction { purchase: Some(purchase), ..event(id, user, kind, time) }
}

/// An order of one line.
pub(crate) fn order(id: &str, user: &str, time: Timestamp, amount_minor: i64) -> Interaction {
    purchase(id, user, InteractionKind::Order, time, ("", amount_minor))
}

pub(crate) fn follow(id: &str, user: &str, time: Timestamp) -> Interaction {
    event(id, user, InteractionKind::Follow, time)
}

/// Sends one batch to `accounts/{account}`.
pub(crate) async fn send(
    suite: &TestSuite,
    account: &str,
    interactions: Vec<Interaction>,
) -> Result<IngestInteractionsResponse, Status> {
    let request = IngestInteractionsRequest { parent: format!("accounts/{account}"), interactions };
    suite.interactions().ingest_interactions(request).await.map(tonic::Response::into_inner)
}

/// Sends as many batches as it takes; every interaction must be new and good.
pub(crate) async fn store(suite: &TestSuite, account: &str, interactions: &[Interaction]) {
    for batch in interactions.chunks(BATCH) {
        let answer = send(suite, account, batch.to_vec()).await.expect("a batch is stored");
        assert_eq!(answer.rejections, []);
        assert_eq!(answer.accepted_count, i64::try_from(batch.len()).unwrap());
    }
}

pub(crate) async fn try_fan(suite: &TestSuite, account: &str, user: &str) -> Result<Fan, Status> {
    let name = format!("accounts/{account}/fans/{user}");
    suite.fans().get_fan(GetFanRequest { name }).await.map(|answer| answer.into_inner().fan.unwrap())
}

pub(crate) async fn fan(suite: &TestSuite, account: &str, user: &str) -> Fan {
    try_fan(suite, account, user).await.unwrap_or_else(|status| panic!("{account} {user}: {status}"))
}

/// All fans of an account, by ordinal.
pub(crate) async fn all_fans(suite: &TestSuite, account: &str) -> Vec<Fan> {
    let mut fans = Vec::new();
    let mut page_token = String::new();
    loop {
        let parent = format!("accounts/{account}");
        let request = ListFansRequest { parent, page_size: 1_000, page_token, ..ListFansRequest::default() };
        let page = suite.fans().list_fans(request).await.expect("fans are listed").into_inner();
        fans.extend(page.fans);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return fans;
        }
    }
}

/// How many fans are in each tier that has any.
pub(crate) async fn tier_counts(suite: &TestSuite, account: &str) -> BTreeMap<Tier, i64> {
    let mut counts = BTreeMap::new();
    for fan in all_fans(suite, account).await {
        *counts.entry(fan.tier()).or_default() += 1;
    }
    counts
}

/// The first 1,000 interactions of a fan, newest first.
pub(crate) async fn timeline(suite: &TestSuite, account: &str, user: &str) -> Vec<Interaction> {
    let parent = format!("accounts/{account}/fans/{user}");
    let request = ListInteractionsRequest { parent, page_size: 1_000, ..ListInteractionsRequest::default() };
    suite.interactions().list_interactions(request).await.expect("a timeline").into_inner().interactions
}

/// The newest 1,000 tier changes of `accounts/{account}` or `accounts/{account}/fans/{user}`, newest first.
pub(crate) async fn tier_changes(suite: &TestSuite, parent: &str) -> Vec<TierChange> {
    let request = ListTierChangesRequest {
        parent: parent.to_owned(),
        page_size: 1_000,
        ..ListTierChangesRequest::default()
    };
    suite.tiers().list_tier_changes(request).await.expect("tier changes").into_inner().tier_changes
}

/// Rebuilds the tiers of an account; answers the reports of progress.
pub(crate) async fn tiers_rebuilt(suite: &TestSuite, account: &str) -> Vec<RebuildTiersResponse> {
    let request = RebuildTiersRequest { parent: format!("accounts/{account}") };
    let mut stream = suite.tiers().rebuild_tiers(request).await.expect("a rebuild begins").into_inner();
    let mut steps = Vec::new();
    while let Some(step) = stream.message().await.expect("a rebuild goes on") {
        steps.push(step);
    }
    steps
}

/// Numbers of fans by tier before and tier after.
pub(crate) fn flow_map(flows: &[TierFlow]) -> BTreeMap<(Tier, Tier), i64> {
    flows.iter().map(|flow| ((flow.from_tier(), flow.to_tier()), flow.fan_count)).collect()
}

/// Figures of all orders of an account.
pub(crate) async fn sales(suite: &TestSuite, account: &str) -> Sales {
    let request = GetSalesRequest { parent: format!("accounts/{account}"), ..GetSalesRequest::default() };
    suite.analytics().get_sales(request).await.expect("sales").into_inner().sales.unwrap()
}

/// The reason that a refusal carries.
pub(crate) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// The fields that a refusal names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

/// Runs a statement on the database of accounts, for what no call can do.
pub(crate) async fn on_accounts_db(suite: &TestSuite, sql: &'static str) {
    let db = open_db(suite.config.accounts_database_url()).await;
    execute(&db, sql).await;
    db.close().await;
}

/// The texts that a statement finds in the database of accounts.
pub(crate) async fn texts_of_accounts_db(suite: &TestSuite, sql: &'static str) -> Vec<String> {
    let db = open_db(suite.config.accounts_database_url()).await;
    let mut tx = db.begin_read().await.unwrap();
    let found = on_db!(&mut tx, |conn| sqlx::query_scalar(sql).fetch_all(conn).await).unwrap();
    drop(tx);
    db.close().await;
    found
}

/// A database of the suite, beside its services.
pub(crate) async fn open_db(url: String) -> Db {
    Db::connect(&OpenOptions { url, max_connections: 2 }).await.unwrap()
}

/// Runs statements.
pub(crate) async fn execute(db: &Db, sql: &str) {
    let mut tx = db.begin().await.unwrap();
    on_db!(&mut tx, |conn| sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map(drop)).unwrap();
    tx.commit().await.unwrap();
}

/// Lets the database refuse rows of `table` with `value` in `column`, as no validation could have foreseen.
pub(crate) async fn refuse_rows(db: &Db, table: &str, column: &str, value: &str) {
    let sql = match db.engine() {
        Engine::Sqlite => format!(
            "CREATE TRIGGER poison BEFORE INSERT ON {table} WHEN NEW.{column} = '{value}' \
             BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
        ),
        Engine::Postgres => format!(
            "CREATE FUNCTION poison() RETURNS TRIGGER LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$; \
             CREATE TRIGGER poison BEFORE INSERT ON {table} FOR EACH ROW \
             WHEN (NEW.{column} = '{value}') EXECUTE FUNCTION poison()"
        ),
    };
    execute(db, &sql).await;
}

/// Lets the database take all rows of `table` again.
pub(crate) async fn take_rows_again(db: &Db, table: &str) {
    let sql = match db.engine() {
        Engine::Sqlite => "DROP TRIGGER poison".to_owned(),
        Engine::Postgres => format!("DROP TRIGGER poison ON {table}"),
    };
    execute(db, &sql).await;
}

/// Random numbers that are the same in every run.
pub(crate) fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The items in another order, the same in every run.
pub(crate) fn shuffled<T: Clone>(items: &[T], seed: u64) -> Vec<T> {
    let mut random = seeded(seed);
    let mut items = items.to_vec();
    for place in (1..items.len()).rev() {
        items.swap(place, random.random_range(0..=place));
    }
    items
}
