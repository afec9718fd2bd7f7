//! What the processes do until they are killed.

use std::sync::Arc;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu_clock::{Clock, Ids};
use siyu_db::{Db, OpenOptions, Tx};
use siyu_outbox::{Consumer, Draft, FeedService, Follower, Outbox, Settings, StoredEvent};
use siyu_proto::{
    accounts::v1::{Account, AccountUpdated},
    common::v1::EventCursor,
};
use siyu_rpc::{
    Error,
    auth::Verifier,
    gate::{GateConfig, GateLayer},
    peer::Switchboard,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::tables;

const ACCOUNTS: u32 = 40;
const MOST_EVENTS: i64 = 9;
const MESSAGE_BYTES: usize = 1024 * 1024;

/// Runs the worker that `arguments` describe (role, databases, number of events, writers), until it is killed.
///
/// # Errors
/// When a database cannot be opened.
pub async fn run(arguments: Vec<String>) -> anyhow::Result<()> {
    let [role, source, sink, events, writers] =
        <[String; 5]>::try_from(arguments).ok().context("ROLE SOURCE SINK EVENTS WRITERS")?;
    let source = open(source, 8).await?;
    let settings = Settings { lease_timeout: std::time::Duration::from_millis(500), ..Settings::default() };
    let outbox = Outbox::new("accounts", source.clone(), Clock::System, Ids::random(), settings);
    let mut jobs = JoinSet::new();
    if role == "source" {
        for _ in 0..writers.parse::<u32>()? {
            jobs.spawn(write(source.clone(), outbox.clone(), events.parse()?));
        }
        outbox.run(CancellationToken::new()).await;
    } else {
        follow(outbox, open(sink, 4).await?).run().await;
    }
    Ok(())
}

async fn open(url: String, max_connections: u32) -> anyhow::Result<Db> {
    Ok(Db::connect(&OpenOptions { url, max_connections }).await?)
}

/// Changes accounts at random, until so many changes were made by all writers together.
async fn write(db: Db, outbox: Outbox, events: i64) {
    let mut seed = [0; 32];
    Ids::random().fill(&mut seed);
    let mut random = ChaCha8Rng::from_seed(seed);
    loop {
        let account_id = format!("a{}", random.random_range(0..ACCOUNTS));
        let changes = random.random_range(1..=MOST_EVENTS);
        match change(&db, &outbox, &account_id, changes).await {
            Ok(()) => {}
            Err(error) => eprintln!("worker: {error}"),
        }
        if random.random_ratio(1, 50) && tables::written(&db).await.is_ok_and(|written| written >= events) {
            return;
        }
    }
}

async fn change(db: &Db, outbox: &Outbox, account_id: &str, changes: i64) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    let last = tables::change(&mut tx, account_id, changes).await?;
    let drafts = (last - changes + 1..=last).map(|number| {
        let account = Account { display_name: number.to_string(), ..Account::default() };
        Draft::new(format!("accounts/{account_id}"), &AccountUpdated { account: Some(account) })
    });
    outbox.write(&mut tx, drafts).await?;
    tx.commit().await?;
    outbox.wake();
    Ok(())
}

/// Follows the feed over the calls of this process.
fn follow(outbox: Outbox, sink: Db) -> Follower {
    let gate = GateConfig {
        verifier: Verifier::new("test", "test"),
        clock: Clock::System,
        default_deadline: std::time::Duration::from_secs(10),
        max_deadline: std::time::Duration::from_secs(60),
    };
    let routes = FeedService::new([outbox]).add_to(Routes::default(), MESSAGE_BYTES).prepare();
    let switchboard = Switchboard::default();
    switchboard.connect(routes, GateLayer::in_process(gate));
    Follower::new("crm", "accounts", switchboard.peer("crm"), sink, Clock::System, Arc::new(Tally))
}

/// Notes the number of each event.
struct Tally;

#[tonic::async_trait]
impl Consumer for Tally {
    async fn apply(&self, tx: &mut Tx, event: &StoredEvent) -> Result<(), Error> {
        let updated: Option<AccountUpdated> = event.decode().map_err(Error::internal)?;
        let account = updated.and_then(|updated| updated.account).unwrap_or_default();
        let number = account.display_name.parse().map_err(Error::internal)?;
        let account_id = event.event_key.trim_start_matches("accounts/");
        Ok(tables::apply(tx, account_id, number).await?)
    }

    async fn bootstrap(&self) -> Result<Vec<EventCursor>, Error> {
        let partitions = 0..i32::try_from(siyu_outbox::PARTITIONS).unwrap_or_default();
        Ok(partitions.map(|partition| EventCursor { partition, position: 0 }).collect())
    }
}
