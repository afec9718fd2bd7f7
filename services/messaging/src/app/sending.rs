//! Messages of concurrent calls, stored together (M1): a transaction, and so a sync of the disk, for many.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::tz::TimeZone;
use siyu_clock::{Clock, Ids, Micros};
use siyu_db::{Db, Engine, Tx};
use siyu_observed::{Observed, Origin, interaction, interactions_observed, touches_observed};
use siyu_outbox::Outbox;
use siyu_proto::{common::v1::ErrorReason, crm::v1::InteractionKind};
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};
use siyu_telemetry::names;
use tonic::Code;

use super::{
    answering::replies,
    asking::RunNews,
    desk::{DeskNews, Wakes},
    live::{self, Change, Hub},
    moderating::{self, PlatformWords},
    rights::right,
    settings::{Settings, SettingsCache},
};
use crate::{
    domain::{
        conversation::Conversation,
        message::{Content, ContentKind, Message, Sender},
        moderation::{Verdict, WordAction, WordList},
        policy::MessagePolicy,
    },
    events,
    store::{self, inbox::Standing, review::Hit, used_right::UsedRight},
};

/// Transactions at once under PostgreSQL; SQLite has one writer. Calls of one account take turns anyway.
const LANES: usize = 4;
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
    /// How many messages of programs in a row have led to it.
    pub(crate) causation_depth: i32,
    /// The time zone of the account.
    pub(crate) zone: TimeZone,
    /// What an account may send.
    pub(crate) allowed: Allowed,
    /// When it was sent, where that was before it came here.
    pub(crate) sent_time: Option<Micros>,
}

/// What is known of how much an account may send to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// As many messages as it wants: it is the user who sends, or they follow each other.
    Any,
    /// What the policy says of an account that is certified, or is not.
    Policy { is_certified: bool },
    /// This one: a right of the wallet is reserved for it.
    ByRight,
}

/// What became of a call.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    /// It is stored now.
    Stored(Arc<Message>),
    /// It is stored since the first call with its id.
    Repeated(Arc<Message>),
    /// The id was given to another message before.
    Reused,
    /// It was sent before the last message of its conversation.
    TooOld { last_time: Micros },
    /// The menu has no such item that does something.
    NoMenuItem,
    /// The account may not send another message to the user.
    OverLimit { limit: i64, used: i64, version: i64 },
    /// It has words that are not let through.
    Refused { words: Vec<String> },
    /// The account has blocked the user.
    Blocked,
}

/// Messages that a transaction has stored; to be told of after its commit.
#[derive(Debug)]
pub(crate) struct Added {
    /// What became of each call.
    pub(crate) answers: Vec<Sent>,
    new: Vec<Arc<Message>>,
    desk: DeskNews,
    /// Whether the transaction changed anything.
    is_change: bool,
}

/// Stores messages. Clones share what they remember of accounts.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    hub: Hub,
    wakes: Wakes,
    settings: Arc<SettingsCache>,
    platform_words: Arc<PlatformWords>,
}

impl Sending {
    pub(crate) fn new(
        db: Db,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        hub: Hub,
        wakes: Wakes,
        settings: Arc<SettingsCache>,
    ) -> Self {
        Self { db, clock, ids, outbox, hub, wakes, settings, platform_words: Arc::default() }
    }

    /// Starts it, with so many calls in a transaction at most. To be called inside a tokio runtime.
    pub(crate) fn start(self, max_calls_per_commit: usize) -> GroupCommit<Self> {
        let lanes = if self.db.engine() == Engine::Sqlite { 1 } else { LANES };
        let limits = Limits { lanes, calls: max_calls_per_commit, weight: max_calls_per_commit };
        GroupCommit::start(self, limits)
    }

    /// Stores messages in a transaction of the caller, who commits it and then calls [`Sending::tell`].
    pub(crate) async fn add(&self, tx: &mut Tx, calls: &[NewMessage], now: Micros) -> Result<Added, Error> {
        let policy = store::policy::in_force(tx, now).await?;
        let platform_words = self.platform_words.get(tx, now).await?;
        let mut book = Book::open(tx, &self.settings, platform_words, calls).await?;
        let answers = calls.iter().map(|call| book.send(call, &policy, now)).collect();
        let is_change = !book.is_unchanged();
        if is_change {
            self.store(tx, &book).await?;
        }
        Ok(Added { answers, new: book.new, desk: book.desk, is_change })
    }

    /// Tells those who listen of messages that are stored.
    pub(crate) fn tell(&self, added: &Added) {
        self.outbox.wake();
        let change = |message: &Arc<Message>| Change { message: message.clone(), read_marks: None };
        live::publish(&self.hub, added.new.iter().map(change));
        added.desk.done(&self.wakes);
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
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let added = self.add(&mut tx, calls, now).await?;
        if added.is_change {
            tx.commit().await?;
            self.tell(&added);
        }
        Ok(added.answers)
    }
}

impl Sending {
    async fn store(&self, tx: &mut Tx, book: &Book) -> Result<(), Error> {
        store::message::insert(tx, book.new.iter().map(Arc::as_ref)).await?;
        store::conversation::save(tx, book.changed()).await?;
        store::inbox::save(tx, &book.inboxes).await?;
        moderating::store_hits(tx, &self.ids, &book.hits).await?;
        book.runs.store(tx).await?;
        store::used_right::insert(tx, &book.used_rights).await?;
        let mut accounts: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
        for message in &book.new {
            accounts.entry(&message.account_id).or_default().push(message);
        }
        let mut drafts = Vec::new();
        for (account_id, messages) in accounts {
            let observed = messages.iter().filter_map(|message| self.observed(message));
            drafts.extend(interactions_observed(account_id, observed));
            let sent = messages.iter().filter(|message| message.sender == Sender::Account);
            drafts.extend(touches_observed(account_id, sent.map(|message| events::touch(message))));
            drafts.extend(events::messages_changed(account_id, messages));
        }
        drafts.extend(book.desk.drafts());
        self.outbox.write(tx, drafts).await?;
        for sender in [Sender::User, Sender::Account] {
            let count = book.new.iter().filter(|message| message.sender == sender).count();
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

/// Conversations, locked by the inboxes they are in, and what is added to them.
struct Book {
    /// Where the inboxes stand, by owner.
    inboxes: BTreeMap<String, Standing>,
    /// What the accounts have set up.
    settings: HashMap<String, Arc<Settings>>,
    platform_words: Arc<WordList>,
    /// By account and user; those that changed are marked.
    conversations: HashMap<[String; 2], (Conversation, bool)>,
    /// Those whose ids are known, by account, user, side and id.
    known: HashMap<([String; 2], Sender, String), Arc<Message>>,
    new: Vec<Arc<Message>>,
    /// Those with words that are looked for, stored or not.
    hits: Vec<Hit>,
    desk: DeskNews,
    runs: RunNews,
    used_rights: Vec<UsedRight>,
}

impl Book {
    async fn open(
        tx: &mut Tx,
        cache: &SettingsCache,
        platform_words: Arc<WordList>,
        calls: &[NewMessage],
    ) -> Result<Self, Error> {
        let owners: BTreeSet<String> =
            calls.iter().flat_map(|call| owners(&call.account_id, &call.user_id)).collect();
        let inboxes = store::inbox::lock(tx, owners.iter().map(String::as_str)).await?;
        let accounts: BTreeSet<&str> = calls.iter().map(|call| call.account_id.as_str()).collect();
        let settings = cache.of(tx, &accounts, &inboxes).await?;
        let names = calls.iter().map(|call| (call.account_id.as_str(), call.user_id.as_str()));
        let found = store::conversation::find(tx, names).await?;
        let conversations = found
            .into_iter()
            .map(|found| ([found.account_id.clone(), found.user_id.clone()], (found, false)));
        let known = store::message::by_client_id(
            tx,
            calls.iter().map(|call| {
                let NewMessage { account_id, user_id, client_message_id, .. } = call;
                (account_id.as_str(), user_id.as_str(), call.sender.name(), client_message_id.as_str())
            }),
        );
        let known = known.await?.into_iter().map(|message| (key(&message), Arc::new(message)));
        Ok(Self {
            inboxes,
            settings,
            platform_words,
            conversations: conversations.collect(),
            known: known.collect(),
            new: Vec::new(),
            hits: Vec::new(),
            desk: DeskNews::default(),
            runs: RunNews::default(),
            used_rights: Vec::new(),
        })
    }

    /// Adds a message, unless it is there or may not be.
    fn send(&mut self, call: &NewMessage, policy: &MessagePolicy, now: Micros) -> Sent {
        let content_digest = call.content.digest();
        let name = [call.account_id.clone(), call.user_id.clone()];
        let key = (name.clone(), call.sender, call.client_message_id.clone());
        if let Some(first) = self.known.get(&key) {
            let is_same = first.content_digest == content_digest;
            return if is_same { Sent::Repeated(first.clone()) } else { Sent::Reused };
        }
        let settings = self.settings.get(&call.account_id).cloned().unwrap_or_default();
        if call.sender == Sender::User
            && call.sent_time.is_none()
            && settings.moderation.is_blocked(&call.user_id)
        {
            return Sent::Blocked;
        }
        // History is not judged.
        let judged = call.sent_time.is_none();
        let verdict =
            judged.then(|| settings.moderation.judge(&self.platform_words, &call.content.text)).flatten();
        if let Some(Verdict { action: WordAction::Block, words, .. }) = &verdict {
            self.hits.extend(moderating::hit(call, &content_digest, verdict.as_ref(), 0, now));
            return Sent::Refused { words: words.clone() };
        }
        let new = || (Conversation::new(&call.account_id, &call.user_id), false);
        let (conversation, is_changed) = self.conversations.entry(name).or_insert_with(new);
        if call.sent_time.is_some_and(|sent_time| sent_time < conversation.last_time) {
            return Sent::TooOld { last_time: conversation.last_time };
        }
        if let Allowed::Policy { is_certified } = call.allowed {
            let (limit, used) = (policy.limit(is_certified), conversation.unanswered_count);
            if used >= limit {
                return Sent::OverLimit { limit, used, version: policy.version };
            }
        }
        let mut content = call.content.clone();
        if content.kind == ContentKind::Menu {
            let Some((item, _)) = settings.menu.find(&content.menu_item) else { return Sent::NoMenuItem };
            content.text.clone_from(&item.label);
        }
        if call.allowed == Allowed::ByRight {
            self.used_rights.push(right(call));
        }
        let (sequence, create_time) = conversation.append(call.sender, call.sent_time.unwrap_or(now));
        *is_changed = true;
        self.hits.extend(moderating::hit(call, &content_digest, verdict.as_ref(), sequence, now));
        if let Some(masked) = verdict.and_then(|verdict| verdict.masked) {
            content.text = masked;
        }
        let message = Message {
            account_id: call.account_id.clone(),
            user_id: call.user_id.clone(),
            sequence,
            sender: call.sender,
            author: call.author.clone(),
            client_message_id: call.client_message_id.clone(),
            content: Some(content),
            content_digest,
            create_time,
            recall_time: None,
            forget_time: None,
            causation_depth: call.causation_depth,
            account_change: 0,
            user_change: 0,
        };
        let mut answers = Vec::new();
        // History opens no case, and nothing answers it.
        if call.sent_time.is_none() {
            self.desk.heard(conversation, call.sender, &call.author, &settings.desk);
            answers = replies(&settings, &mut self.runs, conversation, &message, &call.zone, now);
            for reply in &answers {
                self.desk.heard(conversation, Sender::Account, &reply.author, &settings.desk);
            }
        }
        let message = self.add(message);
        for reply in answers {
            self.add(reply);
        }
        self.known.insert(key, message.clone());
        Sent::Stored(message)
    }

    /// Adds a message that is in its conversation to both inboxes.
    fn add(&mut self, mut message: Message) -> Arc<Message> {
        [message.account_change, message.user_change] =
            next(&mut self.inboxes, &message.account_id, &message.user_id);
        let message = Arc::new(message);
        self.new.push(message.clone());
        message
    }

    fn is_unchanged(&self) -> bool {
        self.new.is_empty() && self.hits.is_empty()
    }

    fn changed(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations
            .values()
            .filter(|(_, is_changed)| *is_changed)
            .map(|(conversation, _)| conversation)
    }
}

fn key(message: &Message) -> ([String; 2], Sender, String) {
    let name = [message.account_id.clone(), message.user_id.clone()];
    (name, message.sender, message.client_message_id.clone())
}

/// The owners of the two inboxes that a conversation is in.
pub(super) fn owners(account_id: &str, user_id: &str) -> [String; 2] {
    [format!("accounts/{account_id}"), format!("users/{user_id}")]
}

/// The numbers of another change of a conversation, in the inbox of the account and in that of the user.
pub(super) fn next(inboxes: &mut BTreeMap<String, Standing>, account_id: &str, user_id: &str) -> [i64; 2] {
    owners(account_id, user_id).map(|owner| {
        let inbox = inboxes.entry(owner).or_default();
        inbox.last_change += 1;
        inbox.last_change
    })
}

impl Sent {
    /// The message, or why it is not sent.
    pub(crate) fn stored(self, call: &NewMessage) -> Result<Arc<Message>, Error> {
        match self {
            Self::Stored(message) | Self::Repeated(message) => Ok(message),
            Self::Reused => {
                let message = "client_message_id: was given to another message of the conversation before";
                let refused = Error::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message);
                Err(refused.with("field", "client_message_id"))
            }
            Self::TooOld { last_time } => {
                let rule = format!("must not be before {last_time}, when the last message was sent");
                Err(Error::invalid_field("create_time", rule))
            }
            Self::NoMenuItem => {
                Err(Error::invalid_field("item_id", "must be an item of the menu that does something"))
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
            Self::Refused { words } => Err(moderating::refusal("content.text", call.sender, &words)),
            Self::Blocked => Err(moderating::blocked(&call.account_id, &call.user_id)),
        }
    }
}
