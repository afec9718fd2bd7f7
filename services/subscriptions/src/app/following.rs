//! Follows of concurrent calls, decided together (S1): when a live room is full, thousands follow at once.

use std::collections::{BTreeMap, HashMap};

use siyu_clock::{Clock, Ids, Micros};
use siyu_db::{Db, Engine, Tx};
use siyu_observed::{Observed, Origin, interaction, interactions_observed};
use siyu_outbox::Outbox;
use siyu_proto::crm::v1::InteractionKind;
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};
use siyu_telemetry::names;

use crate::{
    Subscriptions,
    domain::follow::{Follow, Wish, changed},
    store,
};

/// Transactions at once under PostgreSQL; SQLite has one writer. Calls of one account take turns anyway.
const LANES: usize = 4;
/// Most calls of one transaction.
const MOST_CALLS: usize = 256;

/// What somebody wants of the follow of a user and an account.
#[derive(Debug, Clone)]
pub(crate) struct FollowCall {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    pub(crate) wish: Wish,
}

/// Decides follows.
#[derive(Debug)]
pub(crate) struct Following {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
}

impl Following {
    /// Starts it. To be called inside a tokio runtime.
    pub(crate) fn start(db: Db, clock: Clock, ids: Ids, outbox: Outbox) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        let limits = Limits { lanes, calls: MOST_CALLS, weight: MOST_CALLS };
        GroupCommit::start(Self { db, clock, ids, outbox }, limits)
    }
}

impl Subscriptions {
    /// Does what somebody wants of a follow, and answers what it then is; none where there never was one.
    pub(crate) async fn change_follow(&self, call: FollowCall) -> Result<Option<Follow>, Error> {
        self.directory.check(&call.account_id).await?;
        self.following.call(&call.account_id.clone(), call).await
    }
}

#[tonic::async_trait]
impl Batch for Following {
    const NAME: &'static str = "subscriptions.follow";
    type Call = FollowCall;
    type Answer = Option<Follow>;

    fn weight(_: &FollowCall) -> usize {
        1
    }

    async fn run(&self, calls: &[FollowCall]) -> Result<Vec<Option<Follow>>, Error> {
        // In one order everywhere: two transactions that take several accounts never wait for each other in a circle.
        let mut accounts: BTreeMap<&str, Vec<(usize, &FollowCall)>> = BTreeMap::new();
        for (place, call) in calls.iter().enumerate() {
            accounts.entry(&call.account_id).or_default().push((place, call));
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let mut answers = Vec::with_capacity(calls.len());
        for (account_id, calls) in accounts {
            store::account::lock(&mut tx, account_id).await?;
            let user_ids = calls.iter().map(|(_, call)| call.user_id.as_str());
            let mut book = Book::open(&mut tx, account_id, user_ids).await?;
            for (place, call) in calls {
                answers.push((place, book.apply(&call.user_id, &call.wish, &self.ids, now)));
            }
            book.close(&mut tx, &self.outbox).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        answers.sort_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

/// Follows of one account, whose row is locked, and what changes of them.
pub(super) struct Book {
    account_id: String,
    follows: HashMap<String, Follow>,
    /// Whether they followed before, by user: of those that changed, in the order of their ids.
    before: BTreeMap<String, bool>,
    observed: Vec<Observed>,
}

impl Book {
    /// Loads the follows of the users.
    pub(super) async fn open<'a>(
        tx: &mut Tx,
        account_id: &str,
        user_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let found = store::follow::find(tx, account_id, user_ids).await?;
        let follows = found.into_iter().map(|follow| (follow.user_id.clone(), follow)).collect();
        let account_id = account_id.to_owned();
        Ok(Self { account_id, follows, before: BTreeMap::new(), observed: Vec::new() })
    }

    /// How the user follows; none who never did.
    pub(super) fn get(&self, user_id: &str) -> Option<&Follow> {
        self.follows.get(user_id)
    }

    /// Does what is wished; answers what it then is.
    pub(super) fn apply(&mut self, user_id: &str, wish: &Wish, ids: &Ids, now: Micros) -> Option<Follow> {
        let before = self.follows.get(user_id);
        let now = before.map_or(now, |before| before.next_change(now));
        let Some(after) = changed(before, user_id, wish, now) else { return before.cloned() };
        let followed = before.is_some_and(|before| before.following);
        self.before.entry(user_id.to_owned()).or_insert(followed);
        let event_id = format!("follow:{}", ids.ulid(now));
        self.observed.extend(observed(&self.account_id, user_id, wish, event_id, now));
        self.follows.insert(user_id.to_owned(), after.clone());
        Some(after)
    }

    /// Stores what changed, and tells the CRM.
    pub(super) async fn close(self, tx: &mut Tx, outbox: &Outbox) -> Result<(), Error> {
        if self.before.is_empty() {
            return Ok(());
        }
        let Self { account_id, follows, before, observed } = self;
        let changed = || before.keys().filter_map(|user_id| follows.get(user_id));
        store::follow::save(tx, &account_id, changed()).await?;
        let became = |following: bool| -> Vec<&str> {
            let is_new = |follow: &&Follow| {
                follow.following == following && before.get(&follow.user_id) != Some(&following)
            };
            changed().filter(is_new).map(|follow| follow.user_id.as_str()).collect()
        };
        let (followed, left) = (became(true), became(false));
        store::following::insert(tx, &account_id, followed.iter().copied()).await?;
        store::following::delete(tx, &account_id, left.iter().copied()).await?;
        for (change, users) in [("follow", followed), ("unfollow", left)] {
            metrics::counter!(names::FOLLOW_CHANGES_TOTAL, "change" => change).increment(users.len() as u64);
        }
        Ok(outbox.write(tx, interactions_observed(&account_id, observed)).await?)
    }
}

/// What the CRM is told of a wish that was done.
fn observed(account_id: &str, user_id: &str, wish: &Wish, event_id: String, now: Micros) -> Option<Observed> {
    let (kind, origin) = match wish {
        Wish::Follow(origin) => (InteractionKind::Follow, origin.clone()),
        Wish::Unfollow { mount } => {
            (InteractionKind::Unfollow, Origin { mount: mount.clone(), ..Origin::default() })
        }
        Wish::Mutual(_) => return None,
    };
    let target = format!("accounts/{account_id}");
    Some(interaction(event_id, user_id, kind, now, target, &origin).into())
}
