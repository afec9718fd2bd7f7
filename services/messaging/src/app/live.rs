//! Inboxes as they happen: whoever reads one is sent what changes in it, and nothing is left out (M1).
//!
//! The changes of an inbox are numbered without gaps. A reader that is handed the next number takes it from memory; whenever
//! one is missing, because it was slow or another process stored it, the reader pulls from storage what it has not seen. So
//! nothing is kept for anybody, and nobody depends on what may be lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use siyu_outbox::{Hearer, StoredEvent};
use siyu_proto::{
    common::v1::ErrorReason,
    messaging::v1::{MessageChange, MessagesChanged},
};
use siyu_rpc::{Error, name};
use tokio::sync::broadcast;
use tonic::Code;

use crate::{Messaging, domain::message::Message, store};

/// Changes that a reader may be behind before it has to pull.
const BACKLOG: usize = 64;
/// Messages that are sent at once.
const MOST_MESSAGES: usize = 100;

/// Whose inbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Inbox {
    Account(String),
    User(String),
}

/// Something happened in an inbox.
#[derive(Debug, Clone)]
struct News {
    /// Number of the change.
    change: i64,
    /// None where another process stored it.
    message: Option<Arc<Message>>,
}

/// Those who read inboxes in this process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub {
    readers: Arc<Mutex<HashMap<Inbox, broadcast::Sender<News>>>>,
}

impl Hub {
    /// A message was stored, or changed.
    pub(crate) fn publish(&self, message: &Arc<Message>) {
        let account = Inbox::Account(message.account_id.clone());
        self.tell(&account, News { change: message.account_change, message: Some(message.clone()) });
        let user = Inbox::User(message.user_id.clone());
        self.tell(&user, News { change: message.user_change, message: Some(message.clone()) });
    }

    fn tell(&self, inbox: &Inbox, news: News) {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = readers.get(inbox) {
            // Whoever has just gone need not be told.
            let _ = sender.send(news);
        }
    }

    fn subscribe(&self, inbox: &Inbox) -> broadcast::Receiver<News> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.entry(inbox.clone()).or_insert_with(|| broadcast::Sender::new(BACKLOG)).subscribe()
    }

    /// A reader is gone: the last one takes along what was held for them all.
    fn leave(&self, inbox: &Inbox, news: Option<broadcast::Receiver<News>>) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        drop(news);
        if readers.get(inbox).is_some_and(|sender| sender.receiver_count() == 0) {
            readers.remove(inbox);
        }
    }
}

impl Hearer for Hub {
    /// Everybody looks for themselves.
    fn start_over(&self) {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in readers.values() {
            let _ = sender.send(News { change: i64::MAX, message: None });
        }
    }

    fn hear(&self, event: &StoredEvent) {
        let Ok(Some(changed)) = event.decode::<MessagesChanged>() else { return };
        for MessageChange { message, account_change, user_change, .. } in changed.changes {
            let Some([account_id, user_id, _]) =
                name::ids(&message, ["accounts", "conversations", "messages"])
            else {
                continue;
            };
            self.tell(&Inbox::Account(account_id.to_owned()), News { change: account_change, message: None });
            self.tell(&Inbox::User(user_id.to_owned()), News { change: user_change, message: None });
        }
    }
}

/// What happens in one inbox, for one reader.
#[derive(Debug)]
pub(crate) struct Arrivals {
    messaging: Messaging,
    inbox: Inbox,
    /// There until it is dropped.
    news: Option<broadcast::Receiver<News>>,
    /// The last change that the reader has.
    cursor: i64,
    /// Whether there may be more in storage.
    is_behind: bool,
}

impl Messaging {
    /// What happens in an inbox, after a change, or from now on.
    ///
    /// # Errors
    /// OUT_OF_RANGE for a change that there was not yet.
    pub(crate) async fn arrivals(&self, inbox: Inbox, after: Option<i64>) -> Result<Arrivals, Error> {
        // Before the look at where it stands: nothing happens unnoticed in between.
        let news = Some(self.hub.subscribe(&inbox));
        let mut arrivals =
            Arrivals { messaging: self.clone(), inbox, news, cursor: 0, is_behind: after.is_some() };
        let last_change = arrivals.last_change().await?;
        arrivals.cursor = after.unwrap_or(last_change);
        if arrivals.cursor > last_change {
            let message = format!("after: the last change is {last_change}; read the conversations anew");
            return Err(
                Error::new(Code::OutOfRange, ErrorReason::CursorExpired, message).with("field", "after")
            );
        }
        Ok(arrivals)
    }
}

impl Arrivals {
    /// The last change that the reader has.
    pub(crate) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Waits for what happens next, in order.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Message>>, Error> {
        loop {
            if self.is_behind {
                let pulled = self.pull().await?;
                if !pulled.is_empty() {
                    return Ok(pulled);
                }
            }
            let Some(news) = &mut self.news else { return Ok(Vec::new()) };
            let mut heard = vec![news.recv().await.ok()];
            while heard.len() < MOST_MESSAGES {
                match news.try_recv() {
                    Err(broadcast::error::TryRecvError::Empty) => break,
                    other => heard.push(other.ok()),
                }
            }
            let messages: Vec<_> = heard.into_iter().filter_map(|news| self.take(news)).collect();
            if !messages.is_empty() {
                return Ok(messages);
            }
        }
    }

    /// The next change from memory; where that is another, or too many came at once, notes that it has to be pulled.
    fn take(&mut self, heard: Option<News>) -> Option<Arc<Message>> {
        match heard {
            Some(News { change, .. }) if change <= self.cursor => None,
            Some(News { change, message: Some(message) }) if change == self.cursor + 1 => {
                self.cursor = change;
                Some(message)
            }
            _ => {
                self.is_behind = true;
                None
            }
        }
    }

    /// What there is in storage after the cursor.
    async fn pull(&mut self) -> Result<Vec<Arc<Message>>, Error> {
        let limit = i64::try_from(MOST_MESSAGES).unwrap_or(i64::MAX);
        let mut tx = self.messaging.db.begin_read().await?;
        let found = match &self.inbox {
            Inbox::Account(id) => store::message::of_account_inbox(&mut tx, id, self.cursor, limit).await?,
            Inbox::User(id) => store::message::of_user_inbox(&mut tx, id, self.cursor, limit).await?,
        };
        drop(tx);
        self.is_behind = found.len() == MOST_MESSAGES;
        if let Some(last) = found.last() {
            self.cursor = match &self.inbox {
                Inbox::Account(_) => last.account_change,
                Inbox::User(_) => last.user_change,
            };
        }
        Ok(found.into_iter().map(Arc::new).collect())
    }

    async fn last_change(&self) -> Result<i64, Error> {
        let mut tx = self.messaging.db.begin_read().await?;
        let owner = match &self.inbox {
            Inbox::Account(id) => format!("accounts/{id}"),
            Inbox::User(id) => format!("users/{id}"),
        };
        Ok(store::inbox::last_change(&mut tx, &owner).await?)
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.messaging.hub.leave(&self.inbox, self.news.take());
    }
}
