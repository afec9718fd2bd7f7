//! How the leads of an account find somebody.

use std::collections::BTreeSet;

use siyu_clock::Micros;
use siyu_rpc::{Error, Mutation, etag, retrying};

use super::{lock, team::check_agent};
use crate::{
    Accounts,
    domain::lead_pipeline::Member,
    store::{self, lead_pipeline::Settings},
};

/// What is set.
#[derive(Debug, Clone)]
pub(crate) struct NewSettings {
    /// 0: never.
    pub(crate) return_after_days: i64,
    pub(crate) distributes: bool,
    /// Agent, weight and cap.
    pub(crate) members: Vec<(String, i64, i64)>,
    /// The etag that the caller has seen.
    pub(crate) seen: String,
}

impl Accounts {
    /// The settings of an account, and who is given leads.
    pub(crate) async fn get_lead_settings(&self, account_id: &str) -> Result<(Settings, Vec<Member>), Error> {
        let mut tx = self.db.begin_read().await?;
        crate::app::account(&mut tx, account_id).await?;
        let settings = store::lead_pipeline::get(&mut tx, account_id).await?;
        Ok((settings, store::lead_pipeline::members(&mut tx, account_id).await?))
    }

    /// Sets all of them. When open leads go back to the pool follows at once.
    pub(crate) async fn update_lead_settings(
        &self,
        mutation: &Mutation,
        account_id: &str,
        new: &NewSettings,
    ) -> Result<(Settings, Vec<Member>), Error> {
        check_members(new)?;
        let name = format!("accounts/{account_id}/leadPipelineSettings");
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            lock(&mut tx, account_id, &name).await?;
            let before = store::lead_pipeline::get(&mut tx, account_id).await?;
            etag::check(&new.seen, before.revision, &name)?;
            for (place, (agent_id, ..)) in new.members.iter().enumerate() {
                check_agent(&mut tx, account_id, agent_id, &field_of(place)).await?;
            }
            let settings = Settings {
                return_after_days: new.return_after_days,
                distributes: i64::from(new.distributes),
                revision: before.revision + 1,
                update_time: now.0,
            };
            let known = store::lead_pipeline::members(&mut tx, account_id).await?;
            store::lead_pipeline::save(&mut tx, account_id, &settings).await?;
            store::lead_pipeline::delete_members(&mut tx, account_id).await?;
            store::lead_pipeline::save_members(&mut tx, account_id, &members(new, &known)).await?;
            let return_after = new.return_after_days * Micros::PER_DAY;
            store::lead_task::reset_return(&mut tx, account_id, return_after).await?;
            let answer = (settings, store::lead_pipeline::members(&mut tx, account_id).await?);
            mutation.finish(tx, &answer, now).await?;
            Ok(answer)
        })
        .await
    }
}

fn field_of(place: usize) -> String {
    format!("settings.members[{place}].agent")
}

fn check_members(new: &NewSettings) -> Result<(), Error> {
    if new.distributes && new.members.is_empty() {
        let rule = "must have somebody while distribution_enabled is set";
        return Err(Error::invalid_field("settings.members", rule));
    }
    let mut seen = BTreeSet::new();
    for (place, (agent_id, ..)) in new.members.iter().enumerate() {
        if !seen.insert(agent_id) {
            return Err(Error::invalid_field(field_of(place), "must be there once"));
        }
    }
    Ok(())
}

/// The members from now on; whoever was one keeps their turn.
fn members(new: &NewSettings, known: &[Member]) -> Vec<Member> {
    let turn = |agent_id: &str| {
        known.iter().find(|member| member.agent_id == agent_id).map_or(0, |member| member.turn)
    };
    let member = |(agent_id, weight, cap): &(String, i64, i64)| Member {
        agent_id: agent_id.clone(),
        weight: *weight,
        cap: *cap,
        turn: turn(agent_id),
        open: 0,
    };
    new.members.iter().map(member).collect()
}
