//! Freezing the audience of a message: whom it reaches, whom not, and why.

use siyu_clock::{Micros, Stopwatch};
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};
use siyu_telemetry::names;

use super::{
    Outgoing, Versions, plan,
    shared::{self, ALL_ACCOUNTS},
};
use crate::{
    Crm,
    domain::reach::{Plan, Set, caps::Touch},
    store::{self, reach::Reach, shared_touch::Sender},
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
        let info = self.directory.get(account_id).await?;
        if let Some(frozen) = self.frozen(account_id, &outgoing.message).await? {
            return Ok(frozen);
        }
        let stopwatch = Stopwatch::start();
        let targets = self.targets(account_id, &outgoing.audience).await?;
        let as_of = targets.as_of;
        let is_counted = self.number_fans(account_id).await?;
        // One at a time: what two freeze at once must count for each other.
        let all = is_counted.then_some(ALL_ACCOUNTS);
        let _turns = self.turns.take_all([account_id].into_iter().chain(all)).await;
        let frozen = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut account = store::account::lock(&mut tx, account_id).await?;
            if let Some(frozen) = load(&mut tx, account_id, &outgoing.message).await? {
                return Ok(frozen);
            }
            let time = send_time(outgoing, now);
            let counted = if outgoing.is_service {
                None
            } else {
                shared::take_turn(&mut tx, &mut account, time).await?
            };
            let targets = targets.clone();
            let (plan, versions) = plan(&mut tx, account_id, &info, outgoing, counted, targets, time).await?;
            let (sets, touches) = sets(plan).await?;
            let frozen = Frozen { reach: reach(outgoing, time, versions, as_of), sets };
            store::reach::insert(&mut tx, account_id, &frozen.reach, &frozen.sets).await?;
            let (enterprise_id, message) = (info.enterprise_id.as_str(), outgoing.message.as_str());
            let sender = Sender { account_id, enterprise_id, message };
            store::shared_touch::insert(&mut tx, sender, &touches).await?;
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
        let info = self.directory.get(account_id).await?;
        if let Some(frozen) = self.frozen(account_id, &outgoing.message).await? {
            return Ok(frozen);
        }
        let targets = self.targets(account_id, &outgoing.audience).await?;
        self.number_fans(account_id).await?;
        let as_of = targets.as_of;
        let time = send_time(outgoing, self.clock.now());
        let mut tx = self.db.begin_read().await?;
        let counted = shared::policy_at(&mut tx, outgoing, time).await?;
        let (plan, versions) = plan(&mut tx, account_id, &info, outgoing, counted, targets, time).await?;
        drop(tx);
        let (sets, _) = sets(plan).await?;
        Ok(Frozen { reach: reach(outgoing, time, versions, as_of), sets })
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

fn reach(outgoing: &Outgoing, time: Micros, versions: Versions, as_of: Micros) -> Reach {
    Reach {
        message: outgoing.message.clone(),
        channel: outgoing.channel.name().to_owned(),
        send_time: time.0,
        service: i64::from(outgoing.is_service),
        high_priority: i64::from(outgoing.is_high_priority),
        topic: outgoing.topic.clone(),
        policy_version: versions.policy,
        as_of: as_of.0,
        release_time: None,
        shared_version: versions.shared,
    }
}

/// What becomes of everybody, and what counts of that for all enterprises together. Milliseconds to tenths of a second of
/// computing in a large account: too long for a thread that others wait for.
async fn sets(plan: Plan) -> Result<(Vec<Set>, Vec<Touch>), Error> {
    let judge = move || {
        let sets = plan.sets();
        let touches = plan.shared_touches(&sets);
        (sets, touches)
    };
    tokio::task::spawn_blocking(judge).await.map_err(Error::internal)
}
