//! Pushes: drafts, and what operators do with them (S2 to S6).

mod change;
mod explain;
mod plan;
mod publish;
mod recall;
mod results;
mod schedule;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use crate::{
    Subscriptions,
    domain::{
        push::{Content, Push, State, TIME_TO_LIVE, Wrong, name},
        touch::Tally,
        wave::Wave,
    },
    events, store,
};

pub(crate) use change::Change;
pub(crate) use explain::Explanation;
pub(crate) use plan::Planned;
pub(crate) use results::Results;
pub(crate) use schedule::Applied;

/// What is chosen of a push when it is made.
#[derive(Debug, Clone)]
pub(crate) struct NewPush {
    pub(crate) content: Content,
    /// As the CRM reads it.
    pub(crate) audience: Vec<u8>,
    pub(crate) topic: String,
    pub(crate) service_message: bool,
    pub(crate) time_to_live: Option<std::time::Duration>,
}

/// A push, with where its fans stand.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) push: Push,
    pub(crate) waves: Vec<Wave>,
    pub(crate) tally: Tally,
}

impl Counted {
    /// Whether its audience was frozen.
    pub(crate) fn is_frozen(&self) -> bool {
        !self.waves.is_empty() || self.push.planned_count > 0
    }
}

impl Subscriptions {
    /// Makes a draft, under `push_id`, or under an id of our own when that is empty.
    pub(crate) async fn create_push(
        &self,
        mutation: &Mutation,
        account_id: &str,
        push_id: String,
        new: NewPush,
    ) -> Result<Push, Error> {
        check(&new.content, account_id, "push.content")?;
        self.directory.check(account_id).await?;
        self.rights.check_mounted(&new.content, "push.content").await?;
        let now = self.clock.now();
        let push_id = if push_id.is_empty() { self.ids.ulid(now) } else { push_id };
        let push = Push {
            account_id: account_id.to_owned(),
            push_id,
            state: State::Draft,
            content: new.content,
            audience: new.audience,
            topic: new.topic,
            service_message: new.service_message,
            time_to_live: new.time_to_live.unwrap_or(TIME_TO_LIVE),
            publish_time: None,
            wanted_time: None,
            planned_count: 0,
            excluded: Vec::new(),
            failure: String::new(),
            corrects: String::new(),
            due_time: None,
            owes_right: false,
            owes_reach: false,
            revision: 1,
            create_time: now,
            update_time: now,
        };
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::account::lock(&mut tx, account_id).await?;
            if store::push::get(&mut tx, account_id, &push.push_id).await?.is_some() {
                return Err(Error::exists(&push.name()));
            }
            store::push::insert(&mut tx, &push).await?;
            mutation.finish(tx, &push, now).await?;
            Ok(push.clone())
        })
        .await
    }

    /// A push, with where its fans stand.
    pub(crate) async fn get_push(&self, account_id: &str, push_id: &str) -> Result<Counted, Error> {
        let mut tx = self.db.begin_read().await?;
        let push = known(&mut tx, account_id, push_id).await?;
        counted(&mut tx, push).await
    }

    /// A page of the pushes of an account, and the token of the next.
    pub(crate) async fn list_pushes(
        &self,
        account_id: &str,
        state: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Counted>, String), Error> {
        self.directory.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::push::list(&mut tx, account_id, state, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.push_id.clone())?;
        let mut pushes = Vec::with_capacity(found.len());
        for push in found {
            pushes.push(counted(&mut tx, push).await?);
        }
        Ok((pushes, next))
    }

    /// Makes changes to a draft whose caller has seen it as `seen` says.
    pub(crate) async fn update_push(
        &self,
        mutation: &Mutation,
        [account_id, push_id]: [&str; 2],
        seen: &str,
        changes: &[Change],
    ) -> Result<Push, Error> {
        for change in changes {
            if let Change::Content(content) = change {
                check(content, account_id, "push.content")?;
                self.rights.check_mounted(content, "push.content").await?;
            }
        }
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut push = locked(&mut tx, account_id, push_id).await?;
            etag::check(seen, push.revision, &push.name())?;
            if push.state != State::Draft {
                return Err(wrong_state(&push, "only a draft can be changed"));
            }
            for change in changes {
                change.apply(&mut push);
            }
            touched(&mut push, now);
            store::push::update(&mut tx, &push).await?;
            mutation.finish(tx, &push, now).await?;
            Ok(push)
        })
        .await
    }
}

/// A push that there is.
async fn known(tx: &mut Tx, account_id: &str, push_id: &str) -> Result<Push, Error> {
    let found = store::push::get(tx, account_id, push_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, push_id)))
}

/// A push that there is, which nobody else changes until the transaction ends.
async fn locked(tx: &mut Tx, account_id: &str, push_id: &str) -> Result<Push, Error> {
    // First: the lock would make the row of an account that nobody knows.
    known(tx, account_id, push_id).await?;
    store::account::lock(tx, account_id).await?;
    known(tx, account_id, push_id).await
}

async fn counted(tx: &mut Tx, push: Push) -> Result<Counted, Error> {
    let waves = store::push_wave::list(tx, &push.account_id, &push.push_id).await?;
    let tally = store::push_tally::get(tx, &push.account_id, &push.push_id).await?;
    Ok(Counted { push, waves, tally })
}

/// An operator changed it.
fn touched(push: &mut Push, now: Micros) {
    push.revision += 1;
    push.update_time = now;
}

impl Subscriptions {
    /// Stores a push that is in another state than before, and tells of it.
    async fn store_changed(&self, tx: &mut Tx, push: &Push) -> Result<(), Error> {
        store::push::update(tx, push).await?;
        Ok(self.outbox.write(tx, [events::push_changed(push)]).await?)
    }
}

fn check(content: &Content, account_id: &str, path: &str) -> Result<(), Error> {
    content
        .check(account_id)
        .map_err(|(field, rule): Wrong| Error::invalid_field(format!("{path}.{field}"), rule))
}

fn wrong_state(push: &Push, why: &str) -> Error {
    let message = format!("{} is {}: {why}", push.name(), push.state.name());
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("state", push.state.name())
}

/// Something is just being done with the push, which takes a moment.
fn busy(push: &Push) -> Error {
    let message = format!(
        "{} is just being {}; try again",
        push.name(),
        if push.state == State::Publishing { "published" } else { "scheduled" }
    );
    Error::new(Code::Aborted, ErrorReason::Contention, message)
}
