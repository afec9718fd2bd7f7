//! The queue: whoever waits is given to an agent as soon as one has room (M6).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use siyu_rpc::{Error, failures::cause_of, retrying};
use siyu_telemetry::names;
use tokio::sync::Notify;

use crate::{
    Messaging,
    domain::{
        assignment::{Agent, Waiting, assign},
        conversation::Conversation,
    },
    store,
};

/// Conversations that one transaction assigns.
const MOST_AT_ONCE: i64 = 500;

/// Accounts whose queue is to be looked at, each once however often it is said. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wakes {
    accounts: Arc<Mutex<BTreeSet<String>>>,
    notify: Arc<Notify>,
}

impl Wakes {
    /// Something changed at the desk of an account, and is stored.
    pub(crate) fn wake(&self, account_id: &str) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account_id.to_owned());
        self.notify.notify_one();
    }

    async fn next(&self) -> String {
        loop {
            let first = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match first {
                Some(account_id) => return account_id,
                None => self.notify.notified().await,
            }
        }
    }
}

impl Messaging {
    /// Drains queues as soon as something changed at them, until dropped. What fails is found by the next tick.
    pub(crate) async fn drain_when_woken(&self) {
        loop {
            let account_id = self.wakes.next().await;
            if let Err(error) = self.drain(&account_id).await {
                tracing::warn!(%error, cause = cause_of(&error), "a queue is not drained and will be tried again");
            }
        }
    }

    /// Drains all queues where somebody is there, and counts who waits. What fails for one account holds up no other.
    pub(crate) async fn drain_all(&self) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let accounts = store::queue::with_both(&mut tx).await?;
        drop(tx);
        let mut result = Ok(());
        for account_id in accounts {
            result = result.and(self.drain(&account_id).await);
        }
        let mut tx = self.db.begin_read().await?;
        let count = store::queue::count(&mut tx).await?;
        metrics::gauge!(names::DESK_QUEUE_LENGTH).set(u32::try_from(count).unwrap_or(u32::MAX));
        result
    }

    /// Gives the conversations of an account that wait longest to agents, as long as one has room.
    pub(crate) async fn drain(&self, account_id: &str) -> Result<(), Error> {
        while self.drain_once(account_id).await? > 0 {}
        Ok(())
    }

    /// Answers how many were assigned.
    async fn drain_once(&self, account_id: &str) -> Result<usize, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            store::inbox::lock(&mut tx, [format!("accounts/{account_id}").as_str()]).await?;
            let mut agents = store::agent::of_account(&mut tx, account_id).await?;
            let room: i64 = agents.iter().map(Agent::room).sum();
            if room == 0 {
                return Ok(0);
            }
            let limit = room.min(MOST_AT_ONCE);
            let mut waiting = store::queue::waiting(&mut tx, account_id, (i64::MIN, ""), limit).await?;
            let queue: Vec<Waiting> = waiting.iter().map(waits).collect();
            let assigned = assign(&queue, &mut agents, now);
            // They are in the order of the queue.
            for (conversation, (_, agent_id)) in waiting.iter_mut().zip(&assigned) {
                let taken = conversation.desk_mut().assign(agent_id);
                taken
                    .map_err(|wrong| Error::internal(format!("{} waits and {wrong}", conversation.name())))?;
            }
            if !assigned.is_empty() {
                store::conversation::save(&mut tx, &waiting[..assigned.len()]).await?;
                store::agent::save_busy(&mut tx, account_id, &agents).await?;
                tx.commit().await?;
            }
            Ok(assigned.len())
        })
        .await
    }
}

fn waits(conversation: &Conversation) -> Waiting {
    let last_agent = conversation.desk.as_ref().map(|desk| desk.agent_id.clone());
    Waiting { user_id: conversation.user_id.clone(), last_agent: last_agent.unwrap_or_default() }
}
