//! The service desk (M6) and its clocks (M7): what messages do to it, and what agents do.

mod agents;
mod alarms;
mod canned_replies;
mod cases;
mod drain;
mod labels;
mod macros;
mod run_macro;

use std::collections::{BTreeMap, BTreeSet};

use siyu_outbox::Draft;

pub(crate) use alarms::Rung;
pub(crate) use drain::Wakes;

use crate::domain::{
    conversation::Conversation,
    desk::{DeskRules, Status, Writer},
    message::Sender,
};

/// What bots are called where authors are named.
const BOTS: &str = "bots/";

/// What messages of a batch did to desks, beside what is in their conversations.
#[derive(Debug, Default)]
pub(crate) struct DeskNews {
    rung: BTreeMap<String, Vec<Rung>>,
    /// Accounts where a conversation waits anew.
    queued: BTreeSet<String>,
}

impl DeskNews {
    /// A message was just added to a conversation.
    pub(crate) fn heard(
        &mut self,
        conversation: &mut Conversation,
        sender: Sender,
        author: &str,
        rules: &DeskRules,
    ) {
        let has_case = conversation.desk.as_ref().is_some_and(|desk| desk.status.is_open());
        if !has_case && !rules.is_on() {
            return;
        }
        let writer = match sender {
            Sender::User => Writer::User,
            Sender::Account if author.starts_with(BOTS) => Writer::Bot,
            Sender::Account => Writer::Human,
        };
        let now = conversation.last_time;
        let rung = Rung::of(conversation, now);
        let desk = conversation.desk_mut();
        let was_queued = desk.status == Status::Queued;
        desk.written(writer, now, rules);
        if desk.status == Status::Queued && !was_queued {
            self.queued.insert(conversation.account_id.clone());
        }
        if !rung.is_empty() {
            self.rung.entry(conversation.account_id.clone()).or_default().extend(rung);
        }
    }

    /// The events of it.
    pub(crate) fn drafts(&self) -> Vec<Draft> {
        self.rung.iter().flat_map(|(account_id, rung)| alarms::told(account_id, rung)).collect()
    }

    /// It is stored.
    pub(crate) fn done(&self, wakes: &Wakes) {
        for account_id in &self.queued {
            wakes.wake(account_id);
        }
    }
}
