//! What is done with the case of a conversation (M6).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, auth::CallerKind};
use tonic::Code;

use super::{
    agents::{agent, check_own},
    alarms::{Rung, told},
};
use crate::{
    Messaging,
    app::{
        Listed,
        read::{conversation, with_last_messages},
    },
    domain::{
        assignment::{Agent, Presence},
        conversation::Conversation,
        desk::{Desk, Rating, WrongState},
    },
    store,
};

impl Messaging {
    /// A page of the conversations that wait, or that an agent has, oldest first, and the token of the next.
    pub(crate) async fn list_queue(
        &self,
        account_id: &str,
        agent_id: Option<&str>,
        page: &Page<(i64, String)>,
    ) -> Result<(Vec<Listed>, String), Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_ref().map_or((i64::MIN, ""), |(time, user)| (*time, user.as_str()));
        let limit = page.limit();
        let mut found = match agent_id {
            Some(agent_id) => store::queue::of_agent(&mut tx, account_id, agent_id, after, limit).await?,
            None => store::queue::waiting(&mut tx, account_id, after, limit).await?,
        };
        let next = page.finish(&mut found, |last| {
            (last.desk.as_ref().map_or(0, |desk| desk.queue_time.0), last.user_id.clone())
        })?;
        Ok((with_last_messages(&mut tx, found).await?, next))
    }

    /// An agent takes a conversation, whoever has it; without an id whoever calls does.
    pub(crate) async fn take(
        &self,
        mutation: &Mutation,
        ids: [&str; 2],
        agent_id: Option<&str>,
    ) -> Result<Box<Desk>, Error> {
        let agent_id = match agent_id {
            Some(agent_id) => agent_id,
            None if mutation.caller().kind() == CallerKind::Operator => mutation.caller().subject(),
            None => return Err(Error::invalid_field("agent", "must be set by who is no operator")),
        };
        check_own(mutation, ids[0], agent_id)?;
        self.change_case(mutation, ids, |mut tx, mut conversation| async move {
            let agent = agent(&mut tx, ids[0], agent_id).await?;
            if agent.presence == Presence::Offline {
                return Err(wrong_state(format!("{} is offline", agent.name())));
            }
            let taken = conversation.desk_mut().assign(agent_id);
            of_case(taken, &conversation)?;
            Ok((tx, conversation))
        })
        .await
    }

    /// Hands a conversation to another agent, or to the queue.
    pub(crate) async fn transfer(
        &self,
        mutation: &Mutation,
        ids: [&str; 2],
        agent_id: Option<&str>,
    ) -> Result<Box<Desk>, Error> {
        self.change_case(mutation, ids, |mut tx, mut conversation| async move {
            hand_over(&mut tx, &mut conversation, agent_id).await?;
            Ok((tx, conversation))
        })
        .await
    }

    /// Ends a case.
    pub(crate) async fn close(&self, mutation: &Mutation, ids: [&str; 2]) -> Result<Box<Desk>, Error> {
        self.change_case(mutation, ids, |mut tx, mut conversation| async move {
            end(&mut tx, &mut conversation, self.clock.now()).await?;
            Ok((tx, conversation))
        })
        .await
    }

    /// Goes on with a case that was closed.
    pub(crate) async fn reopen(&self, mutation: &Mutation, ids: [&str; 2]) -> Result<Box<Desk>, Error> {
        self.change_case(mutation, ids, |mut tx, mut conversation| async move {
            let rules = store::desk::rules(&mut tx, ids[0]).await?;
            let agents = store::agent::of_account(&mut tx, ids[0]).await?;
            let desk = conversation.desk_mut();
            let has_room = agents.iter().any(|agent| agent.agent_id == desk.agent_id && agent.room() > 0);
            let reopened = desk.reopen(has_room, &rules);
            of_case(reopened, &conversation)?;
            store::desk::delete_case(&mut tx, &conversation).await?;
            Ok((tx, conversation))
        })
        .await
    }

    /// The user says how they were served.
    pub(crate) async fn rate(
        &self,
        mutation: &Mutation,
        ids: [&str; 2],
        stars: i64,
        comment: &str,
    ) -> Result<Box<Desk>, Error> {
        self.change_case(mutation, ids, |mut tx, mut conversation| async move {
            let rating = Rating { stars, comment: comment.to_owned(), time: self.clock.now() };
            let rated = conversation.desk_mut().rate(rating);
            of_case(rated, &conversation)?;
            store::desk::save_case(&mut tx, &conversation).await?;
            Ok((tx, conversation))
        })
        .await
    }

    /// Changes a conversation that there is, after its clocks have told what they had to tell; answers where it then stands.
    pub(super) async fn change_case<F>(
        &self,
        mutation: &Mutation,
        ids: [&str; 2],
        change: impl Fn(Tx, Conversation) -> F + Send + Sync,
    ) -> Result<Box<Desk>, Error>
    where
        F: Future<Output = Result<(Tx, Conversation), Error>> + Send,
    {
        let [account_id, _] = ids;
        self.check_account(account_id).await?;
        let change = &change;
        let changed = self.change_desk(mutation, account_id, |mut tx| async move {
            let mut conversation = conversation(&mut tx, ids).await?;
            let rung = Rung::of(&mut conversation, self.clock.now());
            let (mut tx, conversation) = change(tx, conversation).await?;
            store::conversation::save(&mut tx, [&conversation]).await?;
            self.outbox.write(&mut tx, told(account_id, &rung)).await?;
            Ok((tx, (conversation.desk.unwrap_or_default(), rung.len())))
        });
        let (desk, rung) = changed.await?;
        if rung > 0 {
            self.outbox.wake();
        }
        Ok(desk)
    }
}

/// A conversation is handed to another agent, or to the queue.
pub(super) async fn hand_over(
    tx: &mut Tx,
    conversation: &mut Conversation,
    agent_id: Option<&str>,
) -> Result<(), Error> {
    let account_id = conversation.account_id.clone();
    let Some(agent_id) = agent_id else {
        let has_agents = !store::agent::of_account(tx, &account_id).await?.is_empty();
        if !has_agents {
            return Err(wrong_state(format!("accounts/{account_id} has no agents")));
        }
        let queued = conversation.desk_mut().queue();
        return of_case(queued, conversation);
    };
    let agent = agent(tx, &account_id, agent_id).await?;
    let has_it = conversation.desk.as_ref().is_some_and(|desk| desk.assigned_to() == Some(agent_id));
    if !has_it {
        check_room(&agent)?;
    }
    let assigned = conversation.desk_mut().assign(agent_id);
    of_case(assigned, conversation)
}

/// The case of a conversation ends.
pub(super) async fn end(tx: &mut Tx, conversation: &mut Conversation, now: Micros) -> Result<(), Error> {
    let rules = store::desk::rules(tx, &conversation.account_id).await?;
    let closed = conversation.desk_mut().close(now, &rules.promise);
    of_case(closed, conversation)?;
    Ok(store::desk::save_case(tx, conversation).await?)
}

fn check_room(agent: &Agent) -> Result<(), Error> {
    if agent.presence != Presence::Online {
        return Err(wrong_state(format!("{} is {}", agent.name(), agent.presence.name())));
    }
    if agent.room() > 0 {
        return Ok(());
    }
    let message = format!("{} has {} conversations, as many as they may have", agent.name(), agent.load);
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    Err(error.with("limit", agent.capacity.to_string()))
}

/// What cannot be done with the case of a conversation, as an error.
fn of_case(done: Result<(), WrongState>, conversation: &Conversation) -> Result<(), Error> {
    done.map_err(|wrong| wrong_state(format!("{} {wrong}", conversation.name())))
}

fn wrong_state(message: String) -> Error {
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message)
}
