//! Freezing the audience of a message: whom it reaches, whom not, and why.

use siyu_clock::{Micros, Stopwatch};
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};
use siyu_telemetry::names;

use super::{Outgoing, plan};
use crate::{
    Crm,
    domain::reach::{Plan, Set},
    store::{self, reach::Reach},
};

/// A message, with what becomes of everybody it is meant for.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(crate) reach: Reach,
    pub(crate) sets: Vec<Set>,
}

impl Crm {
    /// Says whom a message may reach, and counts it for the caps. Once frozen it is answered the same for ever.
    pub(crate) async fn freeze_audience(
        &self,
        mutation: &Mutation,
        account_id: &str,
        outgoing: &Outgoing,
    ) -> Result<Frozen, Error> {
        let zone = self.directory.get(account_id).await?.zone;
        if let Some(frozen) = self.frozen(account_id, &outgoing.message).await? {
            return Ok(frozen);
        }
        let stopwatch = Stopwatch::start();
        let targets = self.targets(account_id, &outgoing.audience).await?;
        // One at a time: what two freeze at once must count for each other.
        let _turn = self.turns.take(account_id).await;
        let frozen = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            store::account::lock(&mut tx, account_id).await?;
            if let Some(frozen) = load(&mut tx, account_id, &outgoing.message).await? {
                return Ok(frozen);
            }
            let time = send_time(outgoing, now);
            let (plan, policy_version) =
                plan(&mut tx, account_id, &zone, outgoing, targets.clone(), time).await?;
            let frozen = Frozen {
                reach: reach(outgoing, time, policy_version, targets.as_of),
                sets: sets(plan).await?,
            };
            store::reach::insert(&mut tx, account_id, &frozen.reach, &frozen.sets).await?;
            mutation.finish(tx, &(), now).await?;
            Ok(frozen)
        })
        .await?;
        metrics::histogram!(names::CRM_FREEZE_SECONDS).record(stopwatch.elapsed().as_secs_f64());
        Ok(frozen)
    }

    /// What freezing would answer now, without keeping anything.
    pub(crate) async fn preview_audience(
        &self,
        account_id: &str,
        outgoing: &Outgoing,
    ) -> Result<Frozen, Error> {
        let zone = self.directory.get(account_id).await?.zone;
        if let Some(frozen) = self.frozen(account_id, &outgoing.message).await? {
            return Ok(frozen);
        }
        let targets = self.targets(account_id, &outgoing.audience).await?;
        let as_of = targets.as_of;
        let time = send_time(outgoing, self.clock.now());
        let mut tx = self.db.begin_read().await?;
        let (plan, policy_version) = plan(&mut tx, account_id, &zone, outgoing, targets, time).await?;
        drop(tx);
        Ok(Frozen { reach: reach(outgoing, time, policy_version, as_of), sets: sets(plan).await? })
    }

    async fn frozen(&self, account_id: &str, message: &str) -> Result<Option<Frozen>, Error> {
        let mut tx = self.db.begin_read().await?;
        load(&mut tx, account_id, message).await
    }
}

async fn load(tx: &mut Tx, account_id: &str, message: &str) -> Result<Option<Frozen>, Error> {
    let Some(reach) = store::reach::get(tx, account_id, message).await? else { return Ok(None) };
    let sets = store::reach::sets(tx, account_id, message).await?;
    Ok(Some(Frozen { reach, sets }))
}

/// What is to be sent already is sent now.
pub(super) fn send_time(outgoing: &Outgoing, now: Micros) -> Micros {
    outgoing.send_time.map_or(now, |time| time.max(now))
}

fn reach(outgoing: &Outgoing, time: Micros, policy_version: i64, as_of: Micros) -> Reach {
    Reach {
        message: outgoing.message.clone(),
        channel: outgoing.channel.name().to_owned(),
        send_time: time.0,
        service: i64::from(outgoing.is_service),
        high_priority: i64::from(outgoing.is_high_priority),
        topic: outgoing.topic.clone(),
        policy_version,
        as_of: as_of.0,
        release_time: None,
    }
}

/// Milliseconds to tenths of a second of computing in a large account: too long for a thread that others wait for.
async fn sets(plan: Plan) -> Result<Vec<Set>, Error> {
    tokio::task::spawn_blocking(move || plan.sets()).await.map_err(Error::internal)
}
