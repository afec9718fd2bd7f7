//! Taking back a push that was published (S12).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};

use super::{busy, check, known, locked, publish::seen_by, touched, wrong_state};
use crate::{
    Subscriptions,
    app::reach,
    domain::{
        push::{Content, Push, State},
        wave::{Wave, WaveState},
    },
    events, store,
};

/// A push that was taken back, and what those find instead who had seen it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recalled {
    pub(crate) push: Push,
    pub(crate) correction: Option<Push>,
}

impl Subscriptions {
    /// Takes a push out of all feeds; those who had seen it find the correction, if there is one.
    pub(crate) async fn recall_push(
        &self,
        mutation: &Mutation,
        account_id: &str,
        push_id: &str,
        correction: Option<&Content>,
    ) -> Result<Recalled, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, push_id).await?;
        drop(tx);
        if let Some(content) = correction {
            check(content, account_id, "correction")?;
            self.rights.check_mounted(content, "correction").await?;
        }
        let recalled = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut push = locked(&mut tx, account_id, push_id).await?;
            match push.state {
                State::Sending | State::Paused | State::Sent => {}
                State::Publishing => return Err(busy(&push)),
                _ => return Err(wrong_state(&push, "only what was published can be recalled")),
            }
            // Whoever sees it from here on sees a push that is being recalled; they are counted as the others.
            for mut wave in store::push_wave::list(&mut tx, account_id, push_id).await? {
                if matches!(wave.state, WaveState::Held | WaveState::Delivered) {
                    wave.state = WaveState::Retracted;
                    store::push_wave::update(&mut tx, &wave).await?;
                }
            }
            push.state = State::Recalled;
            push.owes_reach = true;
            push.due_time = Some(now);
            touched(&mut push, now);
            self.store_changed(&mut tx, &push).await?;
            let correction = match correction {
                None => None,
                Some(content) => self.correct(&mut tx, &push, content.clone(), now).await?,
            };
            let recalled = Recalled { push, correction };
            mutation.finish(tx, &recalled, now).await?;
            Ok(recalled)
        })
        .await?;
        self.outbox.wake();
        self.pushes_due.notify_one();
        Ok(recalled)
    }

    /// Puts a correction into the feeds of those who had seen a push. Nothing where nobody had.
    async fn correct(
        &self,
        tx: &mut Tx,
        recalled: &Push,
        content: Content,
        now: Micros,
    ) -> Result<Option<Push>, Error> {
        let seen = seen_by(tx, recalled).await?;
        if seen.is_empty() {
            return Ok(None);
        }
        let push = Push {
            push_id: self.ids.ulid(now),
            state: State::Sent,
            content,
            audience: Vec::new(),
            service_message: true,
            publish_time: Some(now),
            planned_count: reach::count(&seen),
            excluded: Vec::new(),
            corrects: recalled.push_id.clone(),
            due_time: None,
            owes_reach: false,
            revision: 1,
            create_time: now,
            update_time: now,
            ..recalled.clone()
        };
        let wave = Wave {
            account_id: push.account_id.clone(),
            push_id: push.push_id.clone(),
            number: 0,
            state: WaveState::Delivered,
            deliver_time: now,
            expire_time: push.expire_time(now),
            fan_count: push.planned_count,
        };
        store::push::insert(tx, &push).await?;
        store::push_wave::insert(tx, &wave, &reach::to_bytes(&seen)?).await?;
        let events = [events::push_changed(&push), events::push_published(&wave)];
        self.outbox.write(tx, events).await?;
        Ok(Some(push))
    }
}
