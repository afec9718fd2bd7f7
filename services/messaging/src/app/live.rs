//! Inboxes as they happen: whoever reads one is sent what changes in it, and nothing is left out (M1).
//!
//! The changes of an inbox are numbered without gaps. A reader that is handed the next number takes it from memory; whenever
//! one is missing, because it was slow or another process stored it, the reader pulls from storage what it has not seen
//! (`siyu-realtime`, ADR 0024 and 0026).

use std::{sync::Arc, time::Duration};

use siyu_outbox::{Hearer, StoredEvent};
use siyu_proto::{
    common::v1::ErrorReason,
    messaging::v1::{ConversationRead, MessageChange, MessagesChanged},
};
use siyu_realtime::{Heard, Reader};
use siyu_rpc::{Error, failures::cause_of, name};
use siyu_telemetry::names;
use tonic::Code;

use super::sending::owners;
use crate::{
    Messaging,
    domain::{conversation::ReadMarks, message::Message},
    store,
};

/// Messages that are sent at once.
const MOST_MESSAGES: usize = 100;
/// Inboxes whose last changes are asked for at once.
const MOST_INBOXES: usize = 1_000;
/// Until it is tried again to find what was missed.
const PAUSE: Duration = Duration::from_secs(1);

/// Who reads inboxes in this process.
pub(crate) type Hub = siyu_realtime::Hub<Arc<Change>>;

/// What happened to a message: it was stored, recalled, or is what one side has now read up to.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) message: Arc<Message>,
    /// How far both sides have read the conversation, where that may be news.
    pub(crate) read_marks: Option<ReadMarks>,
}

/// Whose inbox.
#[derive(Debug, Clone)]
pub(crate) enum Inbox {
    Account(String),
    User(String),
}

impl Inbox {
    /// The name of its owner, which it is stored under.
    fn owner(&self) -> String {
        match self {
            Self::Account(id) => format!("accounts/{id}"),
            Self::User(id) => format!("users/{id}"),
        }
    }
}

/// Tells those who read the inboxes of a message.
pub(crate) fn publish(hub: &Hub, changes: impl IntoIterator<Item = Change>) {
    let in_both = changes.into_iter().flat_map(|change| {
        let change = Arc::new(change);
        let message = &change.message;
        let [account, user] = owners(&message.account_id, &message.user_id);
        let (account_change, user_change) = (message.account_change, message.user_change);
        [(account, account_change, change.clone()), (user, user_change, change)]
    });
    hub.publish(&in_both.collect::<Vec<_>>());
}

/// Hears of what other processes store by the events of the service.
#[derive(Debug)]
pub(crate) struct FeedHearer(pub(crate) Hub);

impl FeedHearer {
    fn tell(&self, [account_id, user_id]: [&str; 2], changes: [i64; 2]) {
        for (owner, change) in owners(account_id, user_id).iter().zip(changes) {
            self.0.hear(owner, change);
        }
    }
}

impl Hearer for FeedHearer {
    fn start_over(&self) {
        self.0.miss();
    }

    fn hear(&self, event: &StoredEvent) {
        if let Ok(Some(changed)) = event.decode::<MessagesChanged>() {
            for MessageChange { message, account_change, user_change, .. } in &changed.changes {
                let ids = name::ids(message, ["accounts", "conversations", "messages"]);
                if let Some([account_id, user_id, _]) = ids {
                    self.tell([account_id, user_id], [*account_change, *user_change]);
                }
            }
        }
        if let Ok(Some(read)) = event.decode::<ConversationRead>()
            && let Some(ids) = name::ids(&read.conversation, ["accounts", "conversations"])
        {
            self.tell(ids, [read.account_change, read.user_change]);
        }
    }
}

/// What happens in one inbox, for one reader.
#[derive(Debug)]
pub(crate) struct Arrivals {
    messaging: Messaging,
    inbox: Inbox,
    reader: Reader<Arc<Change>>,
}

impl Messaging {
    /// What happens in an inbox, after a change, or from now on.
    ///
    /// # Errors
    /// OUT_OF_RANGE for a change that there was not yet.
    pub(crate) async fn arrivals(&self, inbox: Inbox, after: Option<i64>) -> Result<Arrivals, Error> {
        let owner = inbox.owner();
        // Before the look at where it stands: nothing happens unnoticed in between.
        let mut reader = self.hub.read(&owner);
        let mut tx = self.db.begin_read().await?;
        let last_change = store::inbox::last_change(&mut tx, &owner).await?;
        let cursor = after.unwrap_or(last_change);
        if cursor > last_change {
            let message = format!("after: the last change is {last_change}; read the conversations anew");
            return Err(
                Error::new(Code::OutOfRange, ErrorReason::CursorExpired, message).with("field", "after")
            );
        }
        reader.begin(cursor, cursor < last_change);
        Ok(Arrivals { messaging: self.clone(), inbox, reader })
    }

    /// Tells those who read inboxes here what they may have missed, whenever something may have been, until dropped.
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

    /// Looks where all inboxes stand that are read here. Only those who are behind then pull: thousands may listen, and few of
    /// them have missed anything.
    async fn catch_up(&self) -> Result<(), Error> {
        for owners in self.hub.inboxes().chunks(MOST_INBOXES) {
            let mut tx = self.db.begin_read().await?;
            for (owner, last_change) in store::inbox::last_changes(&mut tx, owners).await? {
                self.hub.hear(&owner, last_change);
            }
        }
        metrics::counter!(names::REALTIME_CATCH_UPS_TOTAL, "service" => "messaging").increment(1);
        Ok(())
    }
}

impl Arrivals {
    /// The last change that the reader has.
    pub(crate) fn cursor(&self) -> i64 {
        self.reader.cursor()
    }

    /// Waits for what happens next, in order.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Change>>, Error> {
        loop {
            let changes = match self.reader.next().await {
                Heard::Changes(changes) => changes,
                // In a box: thousands wait, and few of them pull.
                Heard::Behind => Box::pin(self.pull()).await?,
            };
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
    }

    /// What there is in storage after the cursor.
    async fn pull(&mut self) -> Result<Vec<Arc<Change>>, Error> {
        let limit = i64::try_from(MOST_MESSAGES).unwrap_or(i64::MAX);
        let cursor = self.reader.cursor();
        let mut tx = self.messaging.db.begin_read().await?;
        let found = match &self.inbox {
            Inbox::Account(id) => store::message::of_account_inbox(&mut tx, id, cursor, limit).await?,
            Inbox::User(id) => store::message::of_user_inbox(&mut tx, id, cursor, limit).await?,
        };
        drop(tx);
        let last_change = found.last().map_or(cursor, |(last, _)| match &self.inbox {
            Inbox::Account(_) => last.account_change,
            Inbox::User(_) => last.user_change,
        });
        self.reader.begin(last_change, found.len() == MOST_MESSAGES);
        let change = |(message, read_marks)| {
            Arc::new(Change { message: Arc::new(message), read_marks: Some(read_marks) })
        };
        Ok(found.into_iter().map(change).collect())
    }
}
