//! Scheduling a push, and moving it: with a right for the month of its time, or not at all (S2).
//!
//! The right is in another service, so it takes three steps: what is wanted is stored, the right is reserved or moved, and
//! what came of it is stored. Whatever ends the process in between, the second step is taken again by whoever finds it due.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, etag, retrying};
use siyu_telemetry::names;
use tonic::Code;

use super::{busy, known, locked, touched, wrong_state};
use crate::{
    Subscriptions,
    app::reach::{self, Frozen},
    domain::push::{FARTHEST, Push, State},
    store,
};

/// After this time somebody else finishes what was begun.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A plan that is applied.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) plan_id: String,
    /// How many fans may be reached that were not planned, or no longer be, in millionths of those planned.
    pub(crate) max_drift_ppm: i64,
}

impl Subscriptions {
    /// Schedules a push for `time`, or for now; or moves it there.
    pub(crate) async fn schedule_push(
        &self,
        mutation: &Mutation,
        [account_id, push_id]: [&str; 2],
        time: Option<Micros>,
        applied: Option<&Applied>,
        seen: &str,
    ) -> Result<Push, Error> {
        let mut tx = self.db.begin().await?;
        if let Some(first) = mutation.first_answer(&mut tx, self.clock.now()).await? {
            return Ok(first);
        }
        let push = known(&mut tx, account_id, push_id).await?;
        drop(tx);
        etag::check(seen, push.revision, &push.name())?;
        check_can_be_scheduled(&push)?;
        let time = publish_time(time, self.clock.now())?;
        let frozen = self.reach.preview(&push, time).await?;
        if frozen.reached().is_empty() {
            return Err(reaches_nobody(&push));
        }
        if let Some(applied) = applied {
            self.check_drift(&push, applied, time, &frozen).await?;
        }
        let wanted = self.want(&push, time).await?;
        let reserved = self.rights.reserve(&wanted, time).await;
        self.settle_reservation(&wanted, reserved, Some(mutation)).await
    }

    /// Stores when a push is to be published if there is a right for it.
    async fn want(&self, seen: &Push, time: Micros) -> Result<Push, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut push = locked(&mut tx, &seen.account_id, &seen.push_id).await?;
            // What the audience was asked for is what is scheduled.
            if push.revision != seen.revision {
                return Err(busy(&push));
            }
            check_can_be_scheduled(&push)?;
            push.state = State::Reserving;
            push.wanted_time = Some(time);
            push.due_time = Some(now.plus(PATIENCE));
            store::push::update(&mut tx, &push).await?;
            tx.commit().await?;
            Ok(push)
        })
        .await
    }

    /// Stores what came of the attempt to reserve a right for a push. Where it is not known, somebody finds out later.
    pub(super) async fn settle_reservation(
        &self,
        wanted: &Push,
        reserved: Result<(), Error>,
        mutation: Option<&Mutation>,
    ) -> Result<Push, Error> {
        let refusal = match reserved {
            Ok(()) => None,
            Err(error) if is_final(&error) => Some(error),
            Err(error) => return Err(error),
        };
        let settled = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let first = match mutation {
                Some(mutation) => mutation.first_answer(&mut tx, now).await?,
                None => None,
            };
            if let Some(first) = first {
                return Ok(first);
            }
            let mut push = locked(&mut tx, &wanted.account_id, &wanted.push_id).await?;
            if push.state != State::Reserving || push.wanted_time != wanted.wanted_time {
                // Somebody has found out already.
                return Ok(push);
            }
            push.wanted_time = None;
            if refusal.is_none() {
                push.publish_time = wanted.wanted_time;
                touched(&mut push, now);
            }
            push.due_time = push.publish_time;
            push.state = if push.publish_time.is_some() { State::Scheduled } else { State::Draft };
            self.store_changed(&mut tx, &push).await?;
            match mutation.filter(|_| refusal.is_none()) {
                Some(mutation) => mutation.finish(tx, &push, now).await?,
                None => tx.commit().await?,
            }
            Ok(push)
        })
        .await?;
        self.outbox.wake();
        self.pushes_due.notify_one();
        let outcome = if refusal.is_some() { "refused" } else { "scheduled" };
        metrics::counter!(names::PUSHES_TOTAL, "outcome" => outcome).increment(1);
        refusal.map_or(Ok(settled), Err)
    }

    /// Whether those who are reached are the ones who were planned, but for a few.
    async fn check_drift(
        &self,
        push: &Push,
        applied: &Applied,
        time: Micros,
        frozen: &Frozen,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let found = store::push_plan::get(&mut tx, &push.account_id, &push.push_id, &applied.plan_id).await?;
        drop(tx);
        let is_valid = |plan: &store::push_plan::Plan| plan.expire_time > now.0;
        let name = format!("{}/plans/{}", push.name(), applied.plan_id);
        let plan = found.filter(is_valid).ok_or_else(|| Error::not_found(&name))?;
        if plan.revision != push.revision {
            return Err(wrong_state(push, "it was changed since it was planned"));
        }
        // A plan for now is applied a little later.
        if plan.publish_time != time.0 && Micros(plan.publish_time) > now {
            return Err(Error::invalid_field("publish_time", "must be that of the plan"));
        }
        let planned = reach::from_bytes(&plan.ordinals)?;
        let drifted = planned.symmetric_difference_len(&frozen.reached());
        let most = u128::from(planned.len()) * u128::from(applied.max_drift_ppm.unsigned_abs());
        if u128::from(drifted) * 1_000_000 <= most {
            return Ok(());
        }
        let message = format!(
            "{}: {drifted} fans would be reached who were not planned, or no longer be, of {} planned; at most {} \
             millionths are accepted",
            push.name(),
            planned.len(),
            applied.max_drift_ppm
        );
        let error = Error::new(Code::FailedPrecondition, ErrorReason::AudienceDrifted, message);
        let error = error.with("planned", planned.len().to_string()).with("drifted", drifted.to_string());
        Err(error.with("max_drift_ppm", applied.max_drift_ppm.to_string()))
    }
}

/// When a push is published that is wanted at `time`.
pub(super) fn publish_time(time: Option<Micros>, now: Micros) -> Result<Micros, Error> {
    match time {
        None => Ok(now),
        Some(time) if time < now => {
            Err(Error::invalid_field("publish_time", "must not be in the past; unset it to publish now"))
        }
        Some(time) if time > now.plus(FARTHEST) => {
            Err(Error::invalid_field("publish_time", "must be within a year"))
        }
        Some(time) => Ok(time),
    }
}

fn check_can_be_scheduled(push: &Push) -> Result<(), Error> {
    match push.state {
        State::Draft | State::Scheduled => Ok(()),
        State::Reserving | State::Publishing => Err(busy(push)),
        _ => Err(wrong_state(push, "only what is not published yet can be scheduled")),
    }
}

pub(super) fn reaches_nobody(push: &Push) -> Error {
    let message = format!("{}: the audience has nobody who could be reached", push.name());
    Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message).with("field", "push.audience")
}

/// Whether trying again would find the same.
pub(super) fn is_final(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::ResourceExhausted | Code::FailedPrecondition | Code::InvalidArgument | Code::NotFound
    )
}
