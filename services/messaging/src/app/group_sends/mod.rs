//! One message to many (M9): what operators do with it. How it is sent: `step`.

mod audience;
mod prepare;
mod step;

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, retrying};
use tonic::Code;

use super::moderating::{Moderation, PLATFORM, refusal, word_list};
use crate::{
    Messaging,
    domain::{
        group_send::{Chunk, GroupSend, Outcome, Reason, State, name},
        message::{Content, ContentKind, Sender, Wrong},
        moderation::WordAction,
    },
    store,
};

pub(crate) use audience::Audiences;

/// What is chosen of a group sending when it is made.
#[derive(Debug, Clone)]
pub(crate) struct NewGroupSend {
    pub(crate) package: String,
    pub(crate) content: Content,
    pub(crate) pace: i64,
    pub(crate) schedule_time: Option<Micros>,
}

/// A group sending, with those of whom nothing has become.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) group_send: GroupSend,
    pub(crate) pending_count: i64,
    pub(crate) held_count: i64,
}

/// Where a recipient stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Pending,
    /// Not before.
    Held(Micros),
    Done(Outcome),
}

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Pause,
    Resume,
    Cancel,
}

impl Messaging {
    /// Makes a group sending, under `group_send_id`, or under an id of our own when that is empty.
    pub(crate) async fn create_group_send(
        &self,
        mutation: &Mutation,
        account_id: &str,
        group_send_id: String,
        new: NewGroupSend,
    ) -> Result<Counted, Error> {
        let wrong = |field: &str| format!("group_send.{field}");
        let checked = new.content.check(account_id, Sender::Account);
        checked
            .map_err(|(field, rule): Wrong| Error::invalid_field(wrong(&format!("content.{field}")), rule))?;
        if !new.package.starts_with(&format!("accounts/{account_id}/packages/")) {
            return Err(Error::invalid_field(wrong("package"), "must be a package of the account"));
        }
        self.check_account(account_id).await?;
        let audiences = self.audiences()?;
        if new.content.kind == ContentKind::Card {
            self.accounts.check_card(&new.content.card, &wrong("content.card")).await?;
        }
        audiences.check_package(&new.package, &wrong("package")).await?;
        let now = self.clock.now();
        let group_send_id = if group_send_id.is_empty() { self.ids.ulid(now) } else { group_send_id };
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return counted(&mut tx, first, now).await;
            }
            let schedule_time = new.schedule_time.unwrap_or(now);
            if schedule_time < now {
                return Err(Error::invalid_field(wrong("schedule_time"), "must not be in the past"));
            }
            let mut content = new.content.clone();
            content.text = let_through(&mut tx, account_id, &content.text).await?;
            let group_send = GroupSend {
                account_id: account_id.to_owned(),
                group_send_id: group_send_id.clone(),
                package: new.package.clone(),
                content,
                author: mutation.actor(),
                pace: new.pace,
                schedule_time,
                state: State::Scheduled,
                prepared: false,
                planned_count: 0,
                sent_count: 0,
                refused: BTreeMap::new(),
                failure: String::new(),
                paced_time: schedule_time,
                due_time: Some(schedule_time),
                owes_reach: false,
                revision: 1,
                create_time: now,
                update_time: now,
            };
            if !store::group_send::insert(&mut tx, &group_send).await? {
                return Err(Error::exists(&group_send.name()));
            }
            mutation.finish(tx, &group_send, now).await?;
            Ok(Counted { group_send, pending_count: 0, held_count: 0 })
        })
        .await
    }

    pub(crate) async fn get_group_send(
        &self,
        account_id: &str,
        group_send_id: &str,
    ) -> Result<Counted, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::group_send::get(&mut tx, account_id, group_send_id).await?;
        let found = found.ok_or_else(|| Error::not_found(&name(account_id, group_send_id)))?;
        counted(&mut tx, found, self.clock.now()).await
    }

    /// A page of group sendings by id, and the token of the next.
    pub(crate) async fn list_group_sends(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Counted>, String), Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::group_send::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.group_send_id.clone())?;
        Ok((all_counted(&mut tx, account_id, found, self.clock.now()).await?, next))
    }

    /// A page of recipients and where they stand, and the token of the next.
    pub(crate) async fn list_group_send_outcomes(
        &self,
        account_id: &str,
        group_send_id: &str,
        page: &Page<(i64, usize)>,
    ) -> Result<(Vec<(String, Standing)>, String), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let found = store::group_send::get(&mut tx, account_id, group_send_id).await?;
        let group_send = found.ok_or_else(|| Error::not_found(&name(account_id, group_send_id)))?;
        // The first recipient of the page.
        let (mut number, mut skipped) = page.after.unwrap_or_default();
        let mut listed = Vec::new();
        while listed.len() <= page.size {
            let chunk = store::group_send::chunks(&mut tx, account_id, group_send_id, number, 1).await?.pop();
            let Some(chunk) = chunk else { break };
            let users = chunk.recipients.iter().enumerate().skip(skipped);
            listed.extend(users.map(|(index, (_, user_id))| {
                ((chunk.number, index), user_id.clone(), standing(&group_send, &chunk, index, now))
            }));
            (number, skipped) = (chunk.number + 1, 0);
        }
        let next = match listed.get(page.size) {
            Some((first_of_next, ..)) => page.token_after(*first_of_next)?,
            None => String::new(),
        };
        listed.truncate(page.size);
        Ok((listed.into_iter().map(|(_, user_id, standing)| (user_id, standing)).collect(), next))
    }

    /// Pauses, resumes or cancels. What is so already is answered as it is.
    pub(crate) async fn change_group_send(
        &self,
        mutation: &Mutation,
        account_id: &str,
        group_send_id: &str,
        change: Change,
    ) -> Result<Counted, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let found = store::group_send::lock(&mut tx, account_id, group_send_id).await?;
            let mut group_send = found.ok_or_else(|| Error::not_found(&name(account_id, group_send_id)))?;
            let before = group_send.state;
            match change {
                Change::Pause if matches!(before, State::Scheduled | State::Sending) => {
                    group_send.state = State::Paused;
                    group_send.due_time = None;
                }
                Change::Resume if before == State::Paused => resume(&mut group_send, now),
                Change::Cancel if !before.is_over() => cancel(&mut tx, &mut group_send, now).await?,
                Change::Pause if before == State::Paused => return counted(&mut tx, group_send, now).await,
                Change::Resume if matches!(before, State::Scheduled | State::Sending) => {
                    return counted(&mut tx, group_send, now).await;
                }
                Change::Cancel if before == State::Cancelled => {
                    return counted(&mut tx, group_send, now).await;
                }
                _ => return Err(wrong_state(&group_send)),
            }
            group_send.revision += 1;
            group_send.update_time = now;
            store::group_send::update(&mut tx, &group_send).await?;
            let answer = counted(&mut tx, group_send, now).await?;
            mutation.finish(tx, &answer.group_send, now).await?;
            Ok(answer)
        })
        .await
    }

    /// Whom group sendings reach.
    fn audiences(&self) -> Result<&Audiences, Error> {
        let message = "this installation has no CRM: group sendings are to its packages";
        self.audiences
            .as_ref()
            .ok_or_else(|| Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, message))
    }
}

fn resume(group_send: &mut GroupSend, now: Micros) {
    if group_send.prepared {
        group_send.state = State::Sending;
        group_send.start_pace(now);
    } else {
        group_send.state = State::Scheduled;
        group_send.due_time = Some(group_send.schedule_time.max(now));
    }
}

/// Whoever was not sent it is not sent it any more, and does not count as reached.
async fn cancel(tx: &mut Tx, group_send: &mut GroupSend, now: Micros) -> Result<(), Error> {
    let rest = counted(tx, group_send.clone(), now).await?;
    let rest = rest.pending_count + rest.held_count;
    if rest > 0 {
        *group_send.refused.entry(Reason::Cancelled).or_default() += rest;
    }
    group_send.state = State::Cancelled;
    group_send.owes_reach = true;
    group_send.due_time = Some(now);
    Ok(())
}

/// The text as it may be sent: masked where words ask for it.
async fn let_through(tx: &mut Tx, account_id: &str, text: &str) -> Result<String, Error> {
    let moderation = Moderation::load(tx, account_id).await?;
    let platform = word_list(tx, PLATFORM).await?;
    match moderation.judge(&platform, text) {
        None => Ok(text.to_owned()),
        Some(verdict) if verdict.action == WordAction::Mask => Ok(verdict.masked.unwrap_or_default()),
        Some(verdict) => Err(refusal("group_send.content.text", Sender::Account, &verdict.words)),
    }
}

async fn counted(tx: &mut Tx, group_send: GroupSend, now: Micros) -> Result<Counted, Error> {
    let account_id = group_send.account_id.clone();
    let counted = all_counted(tx, &account_id, vec![group_send], now).await?.pop();
    counted.ok_or_else(|| Error::internal("one was counted"))
}

async fn all_counted(
    tx: &mut Tx,
    account_id: &str,
    group_sends: Vec<GroupSend>,
    now: Micros,
) -> Result<Vec<Counted>, Error> {
    let ids: Vec<&str> = group_sends.iter().map(|found| found.group_send_id.as_str()).collect();
    let rest = store::group_send::rest(tx, account_id, &ids, now).await?;
    let counted = |group_send: GroupSend| {
        // What was cancelled has no rest.
        let rest =
            rest.iter().find(|(id, ..)| *id == group_send.group_send_id && !group_send.state.is_over());
        let (pending_count, held_count) = rest.map_or((0, 0), |(_, pending, held)| (*pending, *held));
        Counted { group_send, pending_count, held_count }
    };
    Ok(group_sends.into_iter().map(counted).collect())
}

fn standing(group_send: &GroupSend, chunk: &Chunk, index: usize, now: Micros) -> Standing {
    match chunk.outcome(index) {
        Some(outcome) => Standing::Done(outcome),
        None if group_send.state == State::Cancelled => Standing::Done(Outcome::Refused(Reason::Cancelled)),
        None if chunk.deliver_time > now => Standing::Held(chunk.deliver_time),
        None => Standing::Pending,
    }
}

fn wrong_state(group_send: &GroupSend) -> Error {
    let message = format!("{} is {}", group_send.name(), group_send.state.name());
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message)
}
