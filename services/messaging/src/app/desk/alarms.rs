//! Targets that are near or missed: told once, by whoever gets to the conversation first (M7).

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_outbox::Draft;
use siyu_rpc::{Error, retrying};
use siyu_telemetry::names;

use crate::{
    Messaging,
    domain::{clocks::Rang, conversation::Conversation},
    events, store,
};

/// Conversations that one transaction goes through.
const MOST_AT_ONCE: i64 = 500;

/// A clock of a conversation told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) conversation: String,
    pub(crate) case_number: i64,
    /// Who has it; empty for nobody.
    pub(crate) agent_id: String,
    pub(crate) rang: Rang,
}

impl Rung {
    /// What the clocks of a conversation have to tell up to `now`; it is told by this.
    pub(crate) fn of(conversation: &mut Conversation, now: Micros) -> Vec<Self> {
        let name = conversation.name();
        let Some(desk) = &mut conversation.desk else { return Vec::new() };
        let rang = desk.ring(now);
        let agent_id = desk.assigned_to().unwrap_or_default();
        let rung = rang.into_iter().map(|rang| Self {
            conversation: name.clone(),
            case_number: desk.number,
            agent_id: agent_id.to_owned(),
            rang,
        });
        rung.collect()
    }
}

/// The events of what clocks told, which are counted.
pub(super) fn told(account_id: &str, rung: &[Rung]) -> Vec<Draft> {
    for Rung { rang, .. } in rung {
        let labels = [("clock", rang.kind.name()), ("alarm", rang.alarm.name())];
        metrics::counter!(names::RESPONSE_ALARMS_TOTAL, &labels).increment(1);
    }
    events::clocks_rang(account_id, rung)
}

impl Messaging {
    /// Lets all clocks tell what they have to tell up to `now`. What is found is what is due, and no more. What fails for one
    /// account holds up no other.
    pub(crate) async fn ring_clocks(&self, now: Micros) -> Result<(), Error> {
        let mut result = Ok(());
        let mut last = (i64::MIN, String::new(), String::new());
        loop {
            let mut tx = self.db.begin_read().await?;
            let ringing = store::queue::ringing(&mut tx, now, &last, MOST_AT_ONCE).await?;
            drop(tx);
            let Some(last_of_these) = ringing.last() else { return result };
            last = last_of_these.clone();
            let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (_, account_id, user_id) in ringing {
                accounts.entry(account_id).or_default().push(user_id);
            }
            for (account_id, user_ids) in accounts {
                result = result.and(self.ring_account(&account_id, &user_ids, now).await);
            }
        }
    }

    async fn ring_account(&self, account_id: &str, user_ids: &[String], now: Micros) -> Result<(), Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            store::inbox::lock(&mut tx, [format!("accounts/{account_id}").as_str()]).await?;
            // As they are now: another process may have told it meanwhile.
            let names = user_ids.iter().map(|user_id| (account_id, user_id.as_str()));
            let mut conversations = store::conversation::find(&mut tx, names).await?;
            let rung: Vec<Rung> =
                conversations.iter_mut().flat_map(|conversation| Rung::of(conversation, now)).collect();
            if !rung.is_empty() {
                store::conversation::save(&mut tx, &conversations).await?;
                self.outbox.write(&mut tx, told(account_id, &rung)).await?;
                tx.commit().await?;
                self.outbox.wake();
            }
            Ok(())
        })
        .await
    }
}
