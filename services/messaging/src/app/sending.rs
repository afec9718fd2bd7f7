//! Messages of concurrent calls, stored together (M1): a transaction, and so a sync of the disk, for many.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use siyu_clock::{Clock, Ids, Micros};
use siyu_db::{Db, Engine, Tx};
use siyu_observed::{Observed, Origin, interaction, interactions_observed};
use siyu_outbox::Outbox;
use siyu_proto::{common::v1::ErrorReason, crm::v1::InteractionKind};
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};
use siyu_telemetry::names;
use tonic::Code;

use super::live::Hub;
use crate::{
    domain::{
        conversation::Conversation,
        message::{Content, Message, Sender},
        policy::MessagePolicy,
    },
    events, store,
};

/// Transactions at once under PostgreSQL; SQLite has one writer. Calls of one account take turns anyway.
const LANES: usize = 4;
/// Most calls of one transaction.
const MOST_CALLS: usize = 512;
/// What users write comes from the account's own reach.
const PRIVATE: &str = "private";

/// A message that is to be sent. Its fields were checked by themselves.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    pub(crate) sender: Sender,
    /// Who writes it for the account; empty where the user does.
    pub(crate) author: String,
    pub(crate) client_message_id: String,
    pub(crate) content: Content,
    /// What an account may send.
    pub(crate) allowed: Allowed,
}

/// What is known of how much an account may send to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// As many messages as it wants: it is the user who sends, or they follow each other.
    Any,
    /// What the policy says of an account that is certified, or is not.
    Policy { is_certified: bool },
}

/// What became of a call.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    /// It is stored, now or since the first call with its id.
    Stored(Arc<Message>),
    /// The id was given to another message before.
    Reused,
    /// The account may not send another message to the user.
    OverLimit { limit: i64, used: i64, version: i64 },
}

/// Stores messages.
#[derive(Debug)]
pub(crate) struct Sending {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    hub: Hub,
}

impl Sending {
    /// Starts it. To be called inside a tokio runtime.
    pub(crate) fn start(db: Db, clock: Clock, ids: Ids, outbox: Outbox, hub: Hub) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        let limits = Limits { lanes, calls: MOST_CALLS, weight: MOST_CALLS };
        GroupCommit::start(Self { db, clock, ids, outbox, hub }, limits)
    }
}

#[tonic::async_trait]
impl Batch for Sending {
    const NAME: &'static str = "messaging.send";
    type Call = NewMessage;
    type Answer = Sent;

    fn weight(_: &NewMessage) -> usize {
        1
    }

    async fn run(&self, calls: &[NewMessage]) -> Result<Vec<Sent>, Error> {
        // In one order everywhere, accounts before users: no two transactions wait for each other in a circle.
        let mut accounts: BTreeMap<&str, Vec<(usize, &NewMessage)>> = BTreeMap::new();
        for (place, call) in calls.iter().enumerate() {
            accounts.entry(&call.account_id).or_default().push((place, call));
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let policy = store::policy::in_force(&mut tx, now).await?;
        let mut books = Vec::with_capacity(accounts.len());
        for (account_id, calls) in accounts {
            books.push((Book::open(&mut tx, account_id, &calls).await?, calls));
        }
        let mut user_changes =
            store::user_inbox::lock(&mut tx, calls.iter().map(|call| call.user_id.as_str())).await?;
        let mut answers = Vec::with_capacity(calls.len());
        let mut new = Vec::new();
        for (book, calls) in &mut books {
            for (place, call) in calls {
                answers.push((*place, book.send(call, &policy, &mut user_changes, now)));
            }
            new.append(&mut book.new);
        }
        if !new.is_empty() {
            self.store(&mut tx, &books, &new, &user_changes).await?;
            tx.commit().await?;
            self.outbox.wake();
            for message in &new {
                self.hub.publish(message);
            }
        }
        answers.sort_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

impl Sending {
    async fn store(
        &self,
        tx: &mut Tx,
        books: &[(Book, Vec<(usize, &NewMessage)>)],
        new: &[Arc<Message>],
        user_changes: &BTreeMap<String, i64>,
    ) -> Result<(), Error> {
        store::message::insert(tx, new.iter().map(Arc::as_ref)).await?;
        store::conversation::save(tx, books.iter().flat_map(|(book, _)| book.changed())).await?;
        store::user_inbox::save(tx, user_changes).await?;
        for (book, _) in books {
            store::account::save(tx, &book.account_id, book.last_change).await?;
            let of_account: Vec<&Message> =
                new.iter().map(Arc::as_ref).filter(|message| message.account_id == book.account_id).collect();
            let observed = of_account.iter().filter_map(|message| self.observed(message));
            self.outbox.write(tx, interactions_observed(&book.account_id, observed)).await?;
            self.outbox.write(tx, events::messages_changed(&book.account_id, of_account)).await?;
        }
        for sender in [Sender::User, Sender::Account] {
            let count = new.iter().filter(|message| message.sender == sender).count();
            metrics::counter!(names::MESSAGES_TOTAL, "sender" => sender.name()).increment(count as u64);
        }
        Ok(())
    }

    /// What the CRM is told of a message: what users do, not what accounts do.
    fn observed(&self, message: &Message) -> Option<Observed> {
        if message.sender == Sender::Account {
            return None;
        }
        let now = message.create_time;
        let event_id = format!("message:{}", self.ids.ulid(now));
        let conversation = format!("accounts/{}/conversations/{}", message.account_id, message.user_id);
        let target = if conversation.chars().count() > 200 { String::new() } else { conversation };
        let origin = Origin { source_domain: PRIVATE.to_owned(), ..Origin::default() };
        let kind = InteractionKind::PrivateMessage;
        Some(interaction(event_id, &message.user_id, kind, now, target, &origin).into())
    }
}

/// Conversations of one account, whose row is locked, and what is added to them.
struct Book {
    account_id: String,
    /// Number of the last change in the inbox of the account.
    last_change: i64,
    /// By user; those that changed are marked.
    conversations: HashMap<String, (Conversation, bool)>,
    /// Those whose ids are known, by user, side and id.
    known: HashMap<(String, Sender, String), Arc<Message>>,
    new: Vec<Arc<Message>>,
}

impl Book {
    async fn open(tx: &mut Tx, account_id: &str, calls: &[(usize, &NewMessage)]) -> Result<Self, Error> {
        let last_change = store::account::lock(tx, account_id).await?;
        let user_ids = calls.iter().map(|(_, call)| call.user_id.as_str());
        let found = store::conversation::find(tx, account_id, user_ids).await?;
        let conversations =
            found.into_iter().map(|conversation| (conversation.user_id.clone(), (conversation, false)));
        let ids: Vec<_> = calls
            .iter()
            .map(|(_, call)| (call.user_id.as_str(), call.sender.name(), call.client_message_id.as_str()))
            .collect();
        let known = store::message::by_client_id(tx, account_id, &ids).await?;
        Ok(Self {
            account_id: account_id.to_owned(),
            last_change,
            conversations: conversations.collect(),
            known: known.into_iter().map(|message| (key(&message), Arc::new(message))).collect(),
            new: Vec::new(),
        })
    }

    /// Adds a message, unless it is there or may not be.
    fn send(
        &mut self,
        call: &NewMessage,
        policy: &MessagePolicy,
        user_changes: &mut BTreeMap<String, i64>,
        now: Micros,
    ) -> Sent {
        let content_digest = call.content.digest();
        let key = (call.user_id.clone(), call.sender, call.client_message_id.clone());
        if let Some(first) = self.known.get(&key) {
            let is_same = first.content_digest == content_digest;
            return if is_same { Sent::Stored(first.clone()) } else { Sent::Reused };
        }
        let (conversation, is_changed) = self
            .conversations
            .entry(call.user_id.clone())
            .or_insert_with(|| (Conversation::new(&call.account_id, &call.user_id), false));
        if let Allowed::Policy { is_certified } = call.allowed {
            let (limit, used) = (policy.limit(is_certified), conversation.unanswered_count);
            if used >= limit {
                return Sent::OverLimit { limit, used, version: policy.version };
            }
        }
        let (sequence, create_time) = conversation.append(call.sender, now);
        *is_changed = true;
        self.last_change += 1;
        let user_change = user_changes.entry(call.user_id.clone()).or_default();
        *user_change += 1;
        let message = Arc::new(Message {
            account_id: call.account_id.clone(),
            user_id: call.user_id.clone(),
            sequence,
            sender: call.sender,
            author: call.author.clone(),
            client_message_id: call.client_message_id.clone(),
            content: Some(call.content.clone()),
            content_digest,
            create_time,
            recall_time: None,
            account_change: self.last_change,
            user_change: *user_change,
        });
        self.known.insert(key, message.clone());
        self.new.push(message.clone());
        Sent::Stored(message)
    }

    fn changed(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations
            .values()
            .filter(|(_, is_changed)| *is_changed)
            .map(|(conversation, _)| conversation)
    }
}

fn key(message: &Message) -> (String, Sender, String) {
    (message.user_id.clone(), message.sender, message.client_message_id.clone())
}

impl Sent {
    /// The message, or why it is not sent.
    pub(crate) fn stored(self, call: &NewMessage) -> Result<Arc<Message>, Error> {
        match self {
            Self::Stored(message) => Ok(message),
            Self::Reused => {
                let message = "client_message_id: was given to another message of the conversation before";
                let refused = Error::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message);
                Err(refused.with("field", "client_message_id"))
            }
            Self::OverLimit { limit, used, version } => {
                let subject = format!("accounts/{}/conversations/{}", call.account_id, call.user_id);
                let text = format!(
                    "{limit} messages since the last of the user (message policy {version}), of which {used} are sent; \
                     the user has to write, or both to follow each other"
                );
                let message = format!("{subject} has nothing left of {text}");
                let refused = Error::new(Code::ResourceExhausted, ErrorReason::QuotaExceeded, message);
                let refused = refused.with("rule", format!("messagePolicies/{version}"));
                let refused = refused.with("limit", limit.to_string()).with("used", used.to_string());
                Err(refused.with_quota_violation(subject, text))
            }
        }
    }
}
