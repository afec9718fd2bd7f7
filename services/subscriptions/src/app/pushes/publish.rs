//! Publishing pushes at their time, and all else that is due for them (S6).
//!
//! Each step is stored before the next is taken, and can be taken again: the CRM freezes an audience once, a right is committed
//! once, and what reaches the fans is one transaction. So whatever ends the process, another goes on from there.

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::crm::v1::ReachVerdict;
use siyu_rpc::{Error, failures::Failures, retrying};
use siyu_telemetry::names;

use super::{
    locked,
    schedule::{PATIENCE, is_final, reaches_nobody},
};
use crate::{
    Subscriptions,
    app::reach::{self, Frozen},
    domain::{
        push::{Push, State},
        wave::{Wave, WaveState},
    },
    events, store,
};

/// Pushes that are looked up at once.
const DUE_AT_ONCE: i64 = 100;
/// Fans who had seen a push that are read at once.
const SEEN_AT_ONCE: i64 = 10_000;
/// Most characters of why a push failed.
const MOST_FAILURE: usize = 500;

impl Subscriptions {
    /// Does all that is due for pushes at `now`, each step once, whichever process does it. What fails stops nothing else; the
    /// first failure is answered.
    pub(crate) async fn run_due_pushes(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = store::push::due(&mut tx, now, failures.and(DUE_AT_ONCE)).await?;
            drop(tx);
            let name =
                |(account_id, push_id): &(String, String)| crate::domain::push::name(account_id, push_id);
            due.retain(|push| !failures.has(&name(push)));
            if due.is_empty() {
                return failures.into_result();
            }
            for push in due {
                if let Err(error) = self.run_due_push(&push.0, &push.1, now).await {
                    failures.note(name(&push), error);
                }
            }
        }
    }

    async fn run_due_push(&self, account_id: &str, push_id: &str, now: Micros) -> Result<(), Error> {
        let Some(push) = retrying(|| self.claim(account_id, push_id, now)).await? else { return Ok(()) };
        match push.state {
            State::Reserving => {
                let time = push.wanted_time.unwrap_or(now);
                let reserved = self.rights.reserve(&push, time).await;
                // Whoever wanted it has gone, and a refusal is nobody's failure any more.
                match self.settle_reservation(&push, reserved, None).await {
                    Err(error) if !is_final(&error) => Err(error),
                    _ => Ok(()),
                }
            }
            State::Publishing => self.publish(&push).await,
            State::Sending => retrying(|| self.deliver_held(account_id, push_id)).await,
            _ => self.give_back(&push).await,
        }
    }

    /// Takes a push that is due; nobody else does for a while. Nothing where somebody else has.
    async fn claim(&self, account_id: &str, push_id: &str, now: Micros) -> Result<Option<Push>, Error> {
        let mut tx = self.db.begin().await?;
        if !store::push::claim(&mut tx, account_id, push_id, now, now.plus(PATIENCE)).await? {
            return Ok(None);
        }
        let mut push = locked(&mut tx, account_id, push_id).await?;
        if push.state == State::Scheduled {
            push.state = State::Publishing;
            store::push::update(&mut tx, &push).await?;
        }
        tx.commit().await?;
        Ok(Some(push))
    }

    /// Freezes the audience of a push, uses its right, and delivers it.
    async fn publish(&self, push: &Push) -> Result<(), Error> {
        let publish_time = push.publish_time.unwrap_or(push.update_time);
        let frozen = match self.reach.freeze(push, publish_time).await {
            Ok(frozen) => frozen,
            Err(error) if is_final(&error) => return self.fail(push, None, &error).await,
            Err(error) => return Err(error),
        };
        if frozen.reached().is_empty() {
            return self.fail(push, Some(&frozen), &reaches_nobody(push)).await;
        }
        match self.rights.commit(push).await {
            Ok(()) => retrying(|| self.deliver(push, &frozen)).await,
            Err(error) if is_final(&error) => self.fail(push, Some(&frozen), &error).await,
            Err(error) => Err(error),
        }
    }

    /// Publishes a push into the feeds of those who are reached at once, and holds it for the others.
    async fn deliver(&self, seen: &Push, frozen: &Frozen) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let mut push = locked(&mut tx, &seen.account_id, &seen.push_id).await?;
        if push.state != State::Publishing {
            return Ok(());
        }
        let expire_time = push.expire_time(push.publish_time.unwrap_or(now));
        let at_once = (!frozen.eligible.is_empty()).then_some((now, &frozen.eligible));
        let reached = at_once.into_iter().chain(frozen.held.iter().map(|(time, fans)| (*time, fans)));
        let mut waves = Vec::new();
        for (number, (deliver_time, fans)) in (0..).zip(reached) {
            let mut wave = Wave {
                account_id: push.account_id.clone(),
                push_id: push.push_id.clone(),
                number,
                state: WaveState::Held,
                deliver_time,
                expire_time,
                fan_count: reach::count(fans),
            };
            wave.settle(now);
            store::push_wave::insert(&mut tx, &wave, &reach::to_bytes(fans)?).await?;
            waves.push(wave);
        }
        push.planned_count = frozen.audience.planned_count;
        push.excluded = frozen.excluded();
        self.note_delivered(&mut tx, waves.iter()).await?;
        go_on(&mut push, &waves);
        self.store_changed(&mut tx, &push).await?;
        tx.commit().await?;
        self.outbox.wake();
        count_pushes("published");
        Ok(())
    }

    /// Delivers what was held until now.
    async fn deliver_held(&self, account_id: &str, push_id: &str) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let mut push = locked(&mut tx, account_id, push_id).await?;
        if push.state != State::Sending {
            return Ok(());
        }
        let mut waves = store::push_wave::list(&mut tx, account_id, push_id).await?;
        let mut settled = Vec::new();
        for wave in &mut waves {
            if wave.settle(now) {
                store::push_wave::update(&mut tx, wave).await?;
                settled.push(wave.clone());
            }
        }
        self.note_delivered(&mut tx, settled.iter()).await?;
        go_on(&mut push, &waves);
        self.store_changed(&mut tx, &push).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }

    /// Tells of the waves that were delivered just now.
    async fn note_delivered<'a>(
        &self,
        tx: &mut Tx,
        waves: impl Iterator<Item = &'a Wave> + Send,
    ) -> Result<(), Error> {
        for wave in waves.filter(|wave| wave.state == WaveState::Delivered) {
            let fans = wave.fan_count.unsigned_abs();
            metrics::counter!(names::PUSH_DELIVERIES_TOTAL).increment(fans);
            self.outbox.write(tx, [events::push_published(wave)]).await?;
        }
        Ok(())
    }

    /// A push cannot be published. Its right is given back.
    async fn fail(&self, seen: &Push, frozen: Option<&Frozen>, why: &Error) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut push = locked(&mut tx, &seen.account_id, &seen.push_id).await?;
            if push.state != State::Publishing {
                return Ok(());
            }
            if let Some(frozen) = frozen {
                push.planned_count = frozen.audience.planned_count;
                push.excluded = frozen.excluded();
                let unreached = reach::count(&frozen.reached());
                if unreached > 0 {
                    push.excluded.push((ReachVerdict::Unspecified.into(), unreached));
                }
            }
            push.state = State::Failed;
            push.failure = why.to_string().chars().take(MOST_FAILURE).collect();
            (push.owes_right, push.owes_reach) = (true, true);
            push.due_time = Some(now);
            self.store_changed(&mut tx, &push).await?;
            tx.commit().await?;
            self.outbox.wake();
            Ok(())
        })
        .await?;
        count_pushes("failed");
        Ok(())
    }

    /// Gives back what a push that is not published any more does not use.
    async fn give_back(&self, push: &Push) -> Result<(), Error> {
        if push.owes_right {
            self.rights.release(push).await?;
        }
        if push.owes_reach {
            let mut tx = self.db.begin_read().await?;
            let seen = reach::to_bytes(&seen_by(&mut tx, push).await?)?;
            drop(tx);
            self.reach.release(push, seen).await?;
        }
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let mut push = locked(&mut tx, &push.account_id, &push.push_id).await?;
            (push.owes_right, push.owes_reach, push.due_time) = (false, false, None);
            store::push::update(&mut tx, &push).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

/// Everybody who has seen a push, by ordinal.
pub(super) async fn seen_by(tx: &mut Tx, push: &Push) -> Result<RoaringBitmap, Error> {
    let mut seen = RoaringBitmap::new();
    let mut after = 0;
    loop {
        let (account_id, push_id) = (&push.account_id, &push.push_id);
        let some = store::touch::seen_by(tx, account_id, push_id, after, SEEN_AT_ONCE).await?;
        let Some(last) = some.last() else { return Ok(seen) };
        after = *last;
        seen.extend(some.into_iter().filter_map(|ordinal| u32::try_from(ordinal).ok()));
    }
}

/// What there is to do next for a published push: when there is nothing more, it is sent.
fn go_on(push: &mut Push, waves: &[Wave]) {
    push.due_time = waves.iter().filter_map(Wave::due_time).min();
    push.state = if push.due_time.is_some() { State::Sending } else { State::Sent };
}

fn count_pushes(outcome: &'static str) {
    metrics::counter!(names::PUSHES_TOTAL, "outcome" => outcome).increment(1);
}
