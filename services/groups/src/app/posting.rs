//! What is said in groups at the same time, stored together (G4): a transaction, and so a sync of the disk, for many.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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

use super::{
    closed,
    live::{Change, Hub, Said},
    not_in,
};
use crate::{
    Groups,
    domain::{
        group::{self, Group, Wrong},
        member::Member,
        message::{Content, Message},
    },
    events, store,
};

/// Transactions at once under PostgreSQL; SQLite has one writer. What is said in one group takes turns anyway.
const LANES: usize = 4;
/// What members say comes from the account's own reach.
const PRIVATE: &str = "private";

/// Something that is to be said. Its fields were checked by themselves.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    /// Empty where the account says it.
    pub(crate) user_id: String,
    /// Who says it for the account; empty where a member does.
    pub(crate) author: String,
    pub(crate) client_message_id: String,
    pub(crate) content: Content,
}

/// What became of a call.
#[derive(Debug, Clone)]
pub(crate) enum Posted {
    Stored(Arc<Message>),
    /// It was said before.
    Repeated(Arc<Message>),
    /// Its id was given to something else.
    Reused,
    NoGroup,
    Closed,
    NotIn,
    /// Until when the member may not speak.
    Muted(Micros),
    AllMuted,
    /// Who is meant and not in the group.
    NobodyMeant(String),
    MayNotMeanAll,
}

/// Stores what is said.
#[derive(Debug, Clone)]
pub(crate) struct Posting {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
    hub: Hub,
}

impl Groups {
    /// Says something, once.
    pub(crate) async fn post(&self, new: NewMessage) -> Result<Arc<Message>, Error> {
        let checked = new.content.check(&new.account_id, new.user_id.is_empty());
        checked.map_err(|(field, rule): Wrong| Error::invalid_field(format!("content.{field}"), rule))?;
        if !new.content.card.is_empty() {
            self.accounts.check_card(&new.content.card, "content.card").await?;
        }
        let key = group::name(&new.account_id, &new.group_id);
        self.posting.call(&key, new.clone()).await?.stored(&new)
    }

    /// Says something for the account in a group, which this transaction has locked and whose row it stores.
    pub(super) async fn say(
        &self,
        tx: &mut Tx,
        group: &mut Group,
        author: &str,
        content: Content,
        now: Micros,
    ) -> Result<Said, Error> {
        let new = NewMessage {
            account_id: group.account_id.clone(),
            group_id: group.group_id.clone(),
            user_id: String::new(),
            author: author.to_owned(),
            client_message_id: self.ids.ulid(now),
            content,
        };
        let message = Arc::new(message(&new, new.content.digest(), group.append(), now));
        store::message::insert(tx, [&*message]).await?;
        let told = events::messages_changed(&group.account_id, [&*message]);
        self.outbox.write(tx, told).await?;
        Ok(Said(vec![Change { message, departures: group.departures }]))
    }
}

impl Posting {
    pub(crate) fn new(db: Db, clock: Clock, ids: Ids, outbox: Outbox, hub: Hub) -> Self {
        Self { db, clock, ids, outbox, hub }
    }

    /// Stores at most `max_calls_per_commit` messages of concurrent calls in one transaction.
    pub(crate) fn start(self, max_calls_per_commit: usize) -> GroupCommit<Self> {
        let lanes = if self.db.engine() == Engine::Sqlite { 1 } else { LANES };
        let limits = Limits { lanes, calls: max_calls_per_commit, weight: max_calls_per_commit };
        GroupCommit::start(self, limits)
    }

    async fn store(&self, tx: &mut Tx, book: &Book) -> Result<(), Error> {
        store::message::insert(tx, book.new.iter().map(Arc::as_ref)).await?;
        store::group::save_chat(tx, book.groups.values()).await?;
        let mut accounts: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
        for message in &book.new {
            accounts.entry(&message.account_id).or_default().push(message);
        }
        let mut drafts = Vec::new();
        for (account_id, messages) in accounts {
            let observed = messages.iter().filter_map(|message| self.observed(message));
            drafts.extend(interactions_observed(account_id, observed));
            drafts.extend(events::messages_changed(account_id, messages));
        }
        Ok(self.outbox.write(tx, drafts).await?)
    }

    /// What the CRM is told of a message: what members say, not what accounts do.
    fn observed(&self, message: &Message) -> Option<Observed> {
        if message.user_id.is_empty() {
            return None;
        }
        let now = message.create_time;
        let event_id = format!("group-message:{}", self.ids.ulid(now));
        let target = group::name(&message.account_id, &message.group_id);
        let origin = Origin { source_domain: PRIVATE.to_owned(), ..Origin::default() };
        let kind = InteractionKind::GroupMessage;
        Some(interaction(event_id, &message.user_id, kind, now, target, &origin).into())
    }
}

#[tonic::async_trait]
impl Batch for Posting {
    const NAME: &'static str = "groups.post";
    type Call = NewMessage;
    type Answer = Posted;

    fn weight(_: &NewMessage) -> usize {
        1
    }

    async fn run(&self, calls: &[NewMessage]) -> Result<Vec<Posted>, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let mut book = Book::open(&mut tx, calls).await?;
        let answers = calls.iter().map(|call| book.post(call, now)).collect();
        if !book.new.is_empty() {
            self.store(&mut tx, &book).await?;
            tx.commit().await?;
            self.outbox.wake();
            let count = |by_account| {
                book.new.iter().filter(|message| message.user_id.is_empty() == by_account).count() as u64
            };
            metrics::counter!(names::GROUP_MESSAGES_TOTAL, "sender" => "member").increment(count(false));
            metrics::counter!(names::GROUP_MESSAGES_TOTAL, "sender" => "account").increment(count(true));
            book.said().tell(&self.hub);
        }
        Ok(answers)
    }
}

/// Groups, locked, and what is added to them.
struct Book {
    /// By account and group.
    groups: HashMap<[String; 2], Group>,
    /// Those who speak or are meant, by account, group and user.
    members: HashMap<[String; 3], Member>,
    /// Those whose ids are known, by account, group, user and id.
    known: HashMap<[String; 4], Arc<Message>>,
    new: Vec<Arc<Message>>,
}

impl Book {
    async fn open(tx: &mut Tx, calls: &[NewMessage]) -> Result<Self, Error> {
        let names: BTreeSet<_> =
            calls.iter().map(|call| (call.account_id.as_str(), call.group_id.as_str())).collect();
        let groups = store::group::lock(tx, names).await?;
        let groups =
            groups.into_iter().map(|group| ([group.account_id.clone(), group.group_id.clone()], group));
        let users: BTreeSet<[&str; 3]> = calls.iter().flat_map(users).collect();
        let members = match users.is_empty() {
            true => Vec::new(),
            false => store::member::find(tx, users).await?,
        };
        let members = members.into_iter().map(|member| {
            ([member.account_id.clone(), member.group_id.clone(), member.user_id.clone()], member)
        });
        let ids = calls.iter().map(|call| {
            let NewMessage { account_id, group_id, user_id, client_message_id, .. } = call;
            [account_id.as_str(), group_id, user_id, client_message_id]
        });
        let known = store::message::by_client_id(tx, ids).await?;
        let known = known.into_iter().map(|message| (key(&message), Arc::new(message)));
        Ok(Self {
            groups: groups.collect(),
            members: members.collect(),
            known: known.collect(),
            new: Vec::new(),
        })
    }

    /// Adds a message, unless it is there or may not be.
    fn post(&mut self, call: &NewMessage, now: Micros) -> Posted {
        let content_digest = call.content.digest();
        let key =
            [&call.account_id, &call.group_id, &call.user_id, &call.client_message_id].map(Clone::clone);
        if let Some(first) = self.known.get(&key) {
            let is_same = first.content_digest == content_digest;
            return if is_same { Posted::Repeated(first.clone()) } else { Posted::Reused };
        }
        let name = [call.account_id.clone(), call.group_id.clone()];
        let Some(group) = self.groups.get_mut(&name) else { return Posted::NoGroup };
        if let Err(refused) = may_post(group, &self.members, call, now) {
            return refused;
        }
        let message = Arc::new(message(call, content_digest, group.append(), now));
        self.new.push(message.clone());
        self.known.insert(key, message.clone());
        Posted::Stored(message)
    }

    /// What those who listen are told.
    fn said(&self) -> Said {
        let departures = |message: &Message| {
            let name = [message.account_id.clone(), message.group_id.clone()];
            self.groups.get(&name).map_or(0, |group| group.departures)
        };
        let change =
            |message: &Arc<Message>| Change { departures: departures(message), message: message.clone() };
        Said(self.new.iter().map(change).collect())
    }
}

/// Who must be looked up for a call: who speaks, and who is meant.
fn users(call: &NewMessage) -> Vec<[&str; 3]> {
    let speaker = Some(call.user_id.as_str()).filter(|user_id| !user_id.is_empty());
    let meant = call.content.mentions.iter().map(String::as_str);
    let users = speaker.into_iter().chain(meant);
    users.map(|user_id| [call.account_id.as_str(), call.group_id.as_str(), user_id]).collect()
}

/// Whether this may be said in a group now.
fn may_post(
    group: &Group,
    members: &HashMap<[String; 3], Member>,
    call: &NewMessage,
    now: Micros,
) -> Result<(), Posted> {
    let member =
        |user_id: &String| members.get(&[call.account_id.clone(), call.group_id.clone(), user_id.clone()]);
    if group.closed {
        return Err(Posted::Closed);
    }
    if !call.user_id.is_empty() {
        let speaker = member(&call.user_id).ok_or(Posted::NotIn)?;
        if speaker.is_muted(now) {
            return Err(Posted::Muted(speaker.mute_time));
        }
        if group.settings.muted && !speaker.role.keeps_order() {
            return Err(Posted::AllMuted);
        }
        if call.content.mention_all && !speaker.role.keeps_order() {
            return Err(Posted::MayNotMeanAll);
        }
    }
    match call.content.mentions.iter().find(|user_id| member(user_id).is_none()) {
        Some(user_id) => Err(Posted::NobodyMeant(user_id.clone())),
        None => Ok(()),
    }
}

fn message(new: &NewMessage, content_digest: String, (sequence, change): (i64, i64), now: Micros) -> Message {
    Message {
        account_id: new.account_id.clone(),
        group_id: new.group_id.clone(),
        sequence,
        user_id: new.user_id.clone(),
        author: new.author.clone(),
        client_message_id: new.client_message_id.clone(),
        content: Some(new.content.clone()),
        content_digest,
        create_time: now,
        recall_time: None,
        change,
    }
}

fn key(message: &Message) -> [String; 4] {
    [&message.account_id, &message.group_id, &message.user_id, &message.client_message_id].map(Clone::clone)
}

impl Posted {
    /// The message, or why it is not said.
    fn stored(self, call: &NewMessage) -> Result<Arc<Message>, Error> {
        let group = group::name(&call.account_id, &call.group_id);
        let refused = |message: String| {
            Err(Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message)
                .with("resource", &group))
        };
        let user_id = &call.user_id;
        match self {
            Self::Stored(message) | Self::Repeated(message) => Ok(message),
            Self::Reused => {
                let message = "client_message_id: was given to another message of the group before";
                let refused = Error::new(Code::AlreadyExists, ErrorReason::RequestIdReused, message);
                Err(refused.with("field", "client_message_id"))
            }
            Self::NoGroup => Err(Error::not_found(&group)),
            Self::Closed => Err(closed(&group)),
            Self::NotIn => Err(not_in(&group, user_id)),
            Self::Muted(until) => {
                let until = until.to_timestamp();
                refused(format!("users/{user_id} is muted in {group} until {until}"))
            }
            Self::AllMuted => refused(format!("{group}: all but owner and admins are muted")),
            Self::NobodyMeant(user_id) => {
                let rule = format!("must be in the group: users/{user_id} is not");
                Err(Error::invalid_field("content.mentions", rule))
            }
            Self::MayNotMeanAll => {
                Err(Error::invalid_field("content.mention_all", "is for the account, owner and admins"))
            }
        }
    }
}
