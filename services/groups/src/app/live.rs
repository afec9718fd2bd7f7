//! Groups as they happen: whoever reads one is sent what happens to its messages, and nothing is left out (G4).
//!
//! The changes of a group are numbered without gaps. A reader that is handed the next number takes it from memory; whenever
//! one is missing, because it was slow or another process stored it, the reader pulls from storage what it has not seen
//! (`siyu-realtime`, ADR 0024 and 0026).

use std::{sync::Arc, time::Duration};

use siyu_outbox::{Hearer, StoredEvent};
use siyu_proto::{
    common::v1::ErrorReason,
    groups::v1::{GroupMessageChange, GroupMessagesChanged},
};
use siyu_realtime::{Heard, Reader};
use siyu_rpc::{Error, failures::cause_of, name};
use siyu_telemetry::names;
use tonic::Code;

use super::{existing, not_in};
use crate::{
    Groups,
    domain::{group, message::Message},
    store,
};

/// Messages that are sent at once.
const MOST_MESSAGES: usize = 100;
/// Groups whose last changes are asked for at once.
const MOST_GROUPS: usize = 1_000;
/// Until it is tried again to find what was missed.
const PAUSE: Duration = Duration::from_secs(1);

/// Who reads groups in this process.
pub(crate) type Hub = siyu_realtime::Hub<Arc<Change>>;

/// A message was said or recalled.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) message: Arc<Message>,
    /// How many had gone when it was stored: a reader may be among the last of them.
    pub(crate) departures: i64,
}

/// What those who listen are to be told once it is committed.
#[derive(Debug)]
#[must_use]
pub(crate) struct Said(pub(crate) Vec<Change>);

impl Said {
    /// Tells those who listen.
    pub(crate) fn tell(self, hub: &Hub) {
        let changes = self.0.into_iter().map(|change| {
            let group = group::name(&change.message.account_id, &change.message.group_id);
            (group, change.message.change, Arc::new(change))
        });
        hub.publish(&changes.collect::<Vec<_>>());
    }
}

/// Hears of what other processes store by the events of the service.
#[derive(Debug)]
pub(crate) struct FeedHearer(pub(crate) Hub);

impl Hearer for FeedHearer {
    fn start_over(&self) {
        self.0.miss();
    }

    fn hear(&self, event: &StoredEvent) {
        if let Ok(Some(changed)) = event.decode::<GroupMessagesChanged>() {
            for GroupMessageChange { message, change, .. } in &changed.changes {
                if let Some([account_id, group_id, _]) =
                    name::ids(message, ["accounts", "groups", "messages"])
                {
                    self.0.hear(&group::name(account_id, group_id), *change);
                }
            }
        }
    }
}

/// What happens in one group, for one reader.
#[derive(Debug)]
pub(crate) struct Arrivals {
    groups: Groups,
    account_id: String,
    group_id: String,
    /// Who reads; empty where the account does.
    user_id: String,
    /// How many had gone when it was last looked whether the reader has.
    departures: i64,
    reader: Reader<Arc<Change>>,
}

impl Groups {
    /// What was done is told to those who listen, here and elsewhere.
    pub(crate) fn tell(&self, said: Option<Said>) {
        self.outbox.wake();
        if let Some(said) = said {
            said.tell(&self.hub);
        }
    }

    /// What happens in a group, after a change, or from now on; for a member, or for the account where `user_id` is empty.
    ///
    /// # Errors
    /// OUT_OF_RANGE for a change that there was not yet; FAILED_PRECONDITION for who is not in it.
    pub(crate) async fn arrivals(
        &self,
        [account_id, group_id]: [&str; 2],
        user_id: &str,
        after: Option<i64>,
    ) -> Result<Arrivals, Error> {
        let name = group::name(account_id, group_id);
        // Before the look at where it stands: nothing happens unnoticed in between.
        let reader = self.hub.read(&name);
        let mut arrivals = Arrivals {
            groups: self.clone(),
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            user_id: user_id.to_owned(),
            departures: 0,
            reader,
        };
        let last_change = arrivals.check_membership().await?;
        let cursor = after.unwrap_or(last_change);
        if cursor > last_change {
            let message = format!("after: the last change is {last_change}; read the messages anew");
            return Err(
                Error::new(Code::OutOfRange, ErrorReason::CursorExpired, message).with("field", "after")
            );
        }
        arrivals.reader.begin(cursor, cursor < last_change);
        Ok(arrivals)
    }

    /// Tells those who read groups here what they may have missed, whenever something may have been, until dropped.
    pub(crate) async fn keep_up(&self) {
        loop {
            self.hub.may_have_missed().await;
            while let Err(error) = self.catch_up().await {
                let cause = cause_of(&error);
                tracing::warn!(%error, cause, "what was missed cannot be found and will be looked for again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Looks where all groups stand that are read here. Only those who are behind then pull: thousands may listen, and few of
    /// them have missed anything.
    async fn catch_up(&self) -> Result<(), Error> {
        for read in self.hub.inboxes().chunks(MOST_GROUPS) {
            let names: Vec<_> =
                read.iter().filter_map(|name| name::ids(name, ["accounts", "groups"])).collect();
            let mut tx = self.db.begin_read().await?;
            for (account_id, group_id, last_change) in store::group::last_changes(&mut tx, &names).await? {
                self.hub.hear(&group::name(&account_id, &group_id), last_change);
            }
        }
        metrics::counter!(names::REALTIME_CATCH_UPS_TOTAL, "service" => "groups").increment(1);
        Ok(())
    }
}

impl Arrivals {
    /// The last change that the reader has.
    pub(crate) fn cursor(&self) -> i64 {
        self.reader.cursor()
    }

    /// Waits for what happens next, in order.
    ///
    /// # Errors
    /// FAILED_PRECONDITION once the reader is no longer in the group.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Change>>, Error> {
        loop {
            let changes = match self.reader.next().await {
                Heard::Changes(changes) => changes,
                // In a box: thousands wait, and few of them pull.
                Heard::Behind => Box::pin(self.pull()).await?,
            };
            let departures = changes.last().map_or(self.departures, |change| change.departures);
            if departures != self.departures {
                Box::pin(self.check_membership()).await?;
            }
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
    }

    /// What there is in storage after the cursor.
    async fn pull(&mut self) -> Result<Vec<Arc<Change>>, Error> {
        let limit = i64::try_from(MOST_MESSAGES).unwrap_or(i64::MAX);
        let cursor = self.reader.cursor();
        let ids = [self.account_id.as_str(), self.group_id.as_str()];
        let mut tx = self.groups.db.begin_read().await?;
        let departures = existing(&mut tx, ids).await?.departures;
        let found = store::message::changed(&mut tx, ids, cursor, limit).await?;
        drop(tx);
        let last_change = found.last().map_or(cursor, |last| last.change);
        self.reader.begin(last_change, found.len() == MOST_MESSAGES);
        let change = |message| Arc::new(Change { message: Arc::new(message), departures });
        Ok(found.into_iter().map(change).collect())
    }

    /// Whether the reader is still in the group; answers its last change.
    async fn check_membership(&mut self) -> Result<i64, Error> {
        let (account_id, group_id, user_id) = (&self.account_id, &self.group_id, &self.user_id);
        let mut tx = self.groups.db.begin_read().await?;
        let group = existing(&mut tx, [account_id, group_id]).await?;
        if !user_id.is_empty() {
            let found = store::member::find(&mut tx, [[account_id.as_str(), group_id, user_id]]).await?;
            if found.is_empty() {
                return Err(not_in(&group.name(), user_id));
            }
        }
        self.departures = group.departures;
        Ok(group.last_change)
    }
}
