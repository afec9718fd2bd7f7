//! Telling before sending what would happen (S5).

use std::time::Duration;

use hmac::{Hmac, Mac};
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use siyu_clock::Micros;
use siyu_rpc::{Error, Mutation, retrying};

use super::{known, schedule::publish_time, wrong_state};
use crate::{
    Subscriptions,
    app::{reach, rights::COST},
    domain::push::{Push, State},
    store::{self, push_plan::Plan},
};

/// How long a plan can be applied.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What a push would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub(crate) plan_id: String,
    pub(crate) publish_time: Micros,
    /// The CRM's `FrozenAudience`, encoded.
    pub(crate) audience: Vec<u8>,
    /// How many would be reached at once.
    pub(crate) reach: i64,
    pub(crate) cost: i64,
    /// How many rights there are for that time.
    pub(crate) available: i64,
    /// HMAC-SHA-256 over all of the above and the push, in hex.
    pub(crate) digest: String,
    pub(crate) expire_time: Micros,
}

impl Subscriptions {
    /// What a draft, or a push that is scheduled, would do if it were published at `time`.
    pub(crate) async fn plan_push(
        &self,
        mutation: &Mutation,
        account_id: &str,
        push_id: &str,
        time: Option<Micros>,
    ) -> Result<Planned, Error> {
        let mut tx = self.db.begin_read().await?;
        let push = known(&mut tx, account_id, push_id).await?;
        drop(tx);
        if !matches!(push.state, State::Draft | State::Scheduled) {
            return Err(wrong_state(&push, "only what is not published yet can be planned"));
        }
        let now = self.clock.now();
        let publish_time = publish_time(time, now)?;
        let frozen = self.reach.preview(&push, publish_time).await?;
        let available = self.rights.available(account_id, publish_time).await?;
        let ordinals = reach::to_bytes(&frozen.reached())?;
        let mut fresh = [0; 32];
        self.ids.fill(&mut fresh);
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut planned = Planned {
                plan_id: self.ids.ulid(now),
                publish_time,
                audience: frozen.audience.encode_to_vec(),
                reach: reach::count(&frozen.eligible),
                cost: COST,
                available,
                digest: String::new(),
                expire_time: now.plus(KEPT),
            };
            let secret = store::signing_secret::get_or_insert(&mut tx, &fresh).await?;
            planned.digest = digest(&secret, &push, &planned, &ordinals)?;
            let plan = Plan {
                account_id: account_id.to_owned(),
                push_id: push_id.to_owned(),
                plan_id: planned.plan_id.clone(),
                revision: push.revision,
                publish_time: publish_time.0,
                ordinals: ordinals.clone(),
                expire_time: planned.expire_time.0,
            };
            store::push_plan::insert(&mut tx, &plan).await?;
            mutation.finish(tx, &planned, now).await?;
            Ok(planned)
        })
        .await
    }
}

impl Subscriptions {
    /// Forgets plans that can no longer be applied.
    pub(crate) async fn purge_plans(&self, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        store::push_plan::purge(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }
}

/// Signs what is planned for a push, down to the last fan.
fn digest(secret: &[u8], push: &Push, planned: &Planned, ordinals: &[u8]) -> Result<String, Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(Error::internal)?;
    let signed = (push.name(), &push.content, &push.audience, &push.topic, push.service_message, planned);
    mac.update(&serde_json::to_vec(&signed).map_err(Error::internal)?);
    mac.update(ordinals);
    Ok(const_hex::encode(mac.finalize().into_bytes()))
}
