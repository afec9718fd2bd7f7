//! The lead pipeline on the wire and in the domain.

use siyu_clock::Micros;
use siyu_proto::accounts::v1::{self as pb, HandOverLeadsRequest, LeadHandOverTarget, ListLeadTasksRequest};
use siyu_rpc::{Error, etag, name, time::to_proto};

use crate::{
    app::{HandOverTarget, LeadReportRow, NewLeadSettings},
    domain::{
        card,
        lead_pipeline::{Cause, Change, LostReason, Member, Stage, Task},
    },
    store::{
        lead_pipeline::Settings,
        lead_task::{Filter, agent_name},
    },
};

const PPM: i64 = 1_000_000;

/// The agent of an account whom a field names; none where it is empty.
pub(super) fn agent_of(account_id: &str, agent: &str, field: &str) -> Result<Option<String>, Error> {
    if agent.is_empty() {
        return Ok(None);
    }
    match name::ids(agent, ["accounts", "agents"]) {
        Some([of_account, agent_id]) if of_account == account_id => Ok(Some(agent_id.to_owned())),
        _ => Err(Error::invalid_field(field, format!("must be an agent of accounts/{account_id}"))),
    }
}

pub(super) fn settings_id<'a>(settings: &'a str, field: &str) -> Result<&'a str, Error> {
    let account = settings.strip_suffix("/leadPipelineSettings");
    let found = account.and_then(|account| name::ids(account, ["accounts"]));
    let rule = "must be accounts/{account}/leadPipelineSettings";
    found.map(|[account_id]| account_id).ok_or_else(|| Error::invalid_field(field, rule))
}

pub(super) fn filter(account_id: &str, request: &ListLeadTasksRequest) -> Result<Filter, Error> {
    let owner = agent_of(account_id, &request.owner, "owner")?;
    if request.in_pool && owner.is_some() {
        return Err(Error::invalid_field("in_pool", "must not be set together with owner"));
    }
    let in_pool = request.in_pool.then(String::new);
    let stage = (request.stage() != pb::LeadStage::Unspecified).then(|| stage(request.stage()));
    Ok(Filter { stage: stage.transpose()?, owner: owner.or(in_pool) })
}

pub(super) fn stage(stage: pb::LeadStage) -> Result<Stage, Error> {
    match stage {
        pb::LeadStage::New => Ok(Stage::New),
        pb::LeadStage::Contacted => Ok(Stage::Contacted),
        pb::LeadStage::Qualified => Ok(Stage::Qualified),
        pb::LeadStage::Converted => Ok(Stage::Converted),
        pb::LeadStage::Lost => Ok(Stage::Lost),
        pb::LeadStage::Unspecified => Err(Error::invalid_field("stage", "must be set")),
    }
}

pub(crate) fn to_stage(stage: Stage) -> pb::LeadStage {
    match stage {
        Stage::New => pb::LeadStage::New,
        Stage::Contacted => pb::LeadStage::Contacted,
        Stage::Qualified => pb::LeadStage::Qualified,
        Stage::Converted => pb::LeadStage::Converted,
        Stage::Lost => pb::LeadStage::Lost,
    }
}

/// The reason that a lead at `stage` must have, or must not.
pub(super) fn lost_reason(stage: Stage, reason: pb::LeadLostReason) -> Result<Option<LostReason>, Error> {
    let known = match reason {
        pb::LeadLostReason::Unspecified => None,
        pb::LeadLostReason::NotReached => Some(LostReason::NotReached),
        pb::LeadLostReason::NoInterest => Some(LostReason::NoInterest),
        pb::LeadLostReason::Price => Some(LostReason::Price),
        pb::LeadLostReason::Competitor => Some(LostReason::Competitor),
        pb::LeadLostReason::NotSuitable => Some(LostReason::NotSuitable),
        pb::LeadLostReason::Duplicate => Some(LostReason::Duplicate),
        pb::LeadLostReason::Invalid => Some(LostReason::Invalid),
        pb::LeadLostReason::Other => Some(LostReason::Other),
    };
    match (stage == Stage::Lost, known.is_some()) {
        (true, false) => Err(Error::invalid_field("lost_reason", "must be set with LOST")),
        (false, true) => Err(Error::invalid_field("lost_reason", "must be unset with all stages but LOST")),
        _ => Ok(known),
    }
}

fn to_lost_reason(reason: Option<LostReason>) -> pb::LeadLostReason {
    match reason {
        None => pb::LeadLostReason::Unspecified,
        Some(LostReason::NotReached) => pb::LeadLostReason::NotReached,
        Some(LostReason::NoInterest) => pb::LeadLostReason::NoInterest,
        Some(LostReason::Price) => pb::LeadLostReason::Price,
        Some(LostReason::Competitor) => pb::LeadLostReason::Competitor,
        Some(LostReason::NotSuitable) => pb::LeadLostReason::NotSuitable,
        Some(LostReason::Duplicate) => pb::LeadLostReason::Duplicate,
        Some(LostReason::Invalid) => pb::LeadLostReason::Invalid,
        Some(LostReason::Other) => pb::LeadLostReason::Other,
    }
}

pub(crate) fn to_change_cause(cause: Cause) -> pb::LeadChangeCause {
    match cause {
        Cause::Submitted => pb::LeadChangeCause::Submitted,
        Cause::Moved => pb::LeadChangeCause::Moved,
        Cause::Claimed => pb::LeadChangeCause::Claimed,
        Cause::GivenBack => pb::LeadChangeCause::GivenBack,
        Cause::Assigned => pb::LeadChangeCause::Assigned,
        Cause::Distributed => pb::LeadChangeCause::Distributed,
        Cause::HandedOver => pb::LeadChangeCause::HandedOver,
        Cause::Expired => pb::LeadChangeCause::Expired,
        Cause::OwnerRemoved => pb::LeadChangeCause::OwnerRemoved,
    }
}

/// The name of an owner; empty for the pool.
pub(crate) fn to_owner(account_id: &str, owner: Option<&str>) -> String {
    owner.map(|agent_id| agent_name(account_id, agent_id)).unwrap_or_default()
}

pub(crate) fn to_lead_task(task: Task) -> pb::LeadTask {
    pb::LeadTask {
        lead: task.name(),
        form: card::name(&task.account_id, &task.card_id),
        user: format!("users/{}", task.user_id),
        stage: to_stage(task.stage).into(),
        lost_reason: to_lost_reason(task.lost_reason).into(),
        owner: to_owner(&task.account_id, task.owner.as_deref()),
        assign_time: Some(to_proto(task.assign_time)),
        move_time: Some(to_proto(task.move_time)),
        return_time: task.return_time.map(to_proto),
        create_time: Some(to_proto(task.create_time)),
        update_time: Some(to_proto(task.update_time)),
        etag: etag::of(task.revision),
    }
}

pub(super) fn to_change(account_id: &str, change: Change) -> pb::LeadChange {
    pb::LeadChange {
        number: change.number,
        cause: to_change_cause(change.cause).into(),
        stage: to_stage(change.stage).into(),
        previous_stage: change.previous_stage.map_or(pb::LeadStage::Unspecified, to_stage).into(),
        lost_reason: to_lost_reason(change.lost_reason).into(),
        owner: to_owner(account_id, change.owner.as_deref()),
        previous_owner: to_owner(account_id, change.previous_owner.as_deref()),
        actor: change.actor,
        note: change.note,
        change_time: Some(to_proto(change.change_time)),
    }
}

pub(super) fn new_settings(
    account_id: &str,
    sent: &pb::LeadPipelineSettings,
) -> Result<NewLeadSettings, Error> {
    let member = |(place, member): (usize, &pb::LeadDistributionMember)| {
        let field = format!("settings.members[{place}].agent");
        let agent_id = agent_of(account_id, &member.agent, &field)?.unwrap_or_default();
        Ok((agent_id, member.weight.into(), member.cap.into()))
    };
    Ok(NewLeadSettings {
        return_after_days: sent.return_after_days.into(),
        distributes: sent.distribution_enabled,
        members: sent.members.iter().enumerate().map(member).collect::<Result<_, Error>>()?,
        seen: sent.etag.clone(),
    })
}

pub(super) fn to_settings(
    account_id: &str,
    settings: Settings,
    members: Vec<Member>,
) -> pb::LeadPipelineSettings {
    let member = |member: Member| pb::LeadDistributionMember {
        agent: agent_name(account_id, &member.agent_id),
        weight: small(member.weight),
        cap: small(member.cap),
        open_count: member.open,
    };
    pb::LeadPipelineSettings {
        name: format!("accounts/{account_id}/leadPipelineSettings"),
        return_after_days: small(settings.return_after_days),
        distribution_enabled: settings.distributes == 1,
        members: members.into_iter().map(member).collect(),
        etag: etag::of(settings.revision),
        update_time: (settings.revision > 0).then(|| to_proto(Micros(settings.update_time))),
    }
}

/// What was an `int32` when it was set.
fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn target(
    account_id: &str,
    from: &str,
    request: &HandOverLeadsRequest,
) -> Result<HandOverTarget, Error> {
    let to = agent_of(account_id, &request.to, "to")?;
    match (request.target(), to) {
        (LeadHandOverTarget::Agent, Some(to)) if to == from => {
            Err(Error::invalid_field("to", "must be another agent than from"))
        }
        (LeadHandOverTarget::Agent, Some(to)) => Ok(HandOverTarget::Agent(to)),
        (LeadHandOverTarget::Agent, None) => Err(Error::invalid_field("to", "must be set with AGENT")),
        (_, Some(_)) => Err(Error::invalid_field("to", "must be empty with all targets but AGENT")),
        (LeadHandOverTarget::Pool, None) => Ok(HandOverTarget::Pool),
        (LeadHandOverTarget::Distribution, None) => Ok(HandOverTarget::Distribution),
        (LeadHandOverTarget::Unspecified, None) => Err(Error::invalid_field("target", "must be set")),
    }
}

/// All rows together.
pub(super) fn total(rows: &[LeadReportRow]) -> LeadReportRow {
    let mut total = LeadReportRow::default();
    for row in rows {
        for (sum, count) in total.counts.iter_mut().zip(row.counts) {
            *sum += count;
        }
    }
    total
}

pub(super) fn to_row(account_id: &str, row: LeadReportRow) -> pb::LeadReportRow {
    let [new_count, contacted_count, qualified_count, converted_count, lost_count] = row.counts;
    let all: i64 = row.counts.iter().sum();
    pb::LeadReportRow {
        owner: to_owner(account_id, row.owner.as_deref()),
        new_count,
        contacted_count,
        qualified_count,
        converted_count,
        lost_count,
        conversion_rate_ppm: if all == 0 { 0 } else { converted_count * PPM / all },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_given_where_a_lead_is_lost_and_nowhere_else() {
        let reason = pb::LeadLostReason::Price;
        assert_eq!(lost_reason(Stage::Lost, reason).unwrap(), Some(LostReason::Price));
        assert_eq!(lost_reason(Stage::Contacted, pb::LeadLostReason::Unspecified).unwrap(), None);
        assert!(lost_reason(Stage::Lost, pb::LeadLostReason::Unspecified).is_err());
        assert!(lost_reason(Stage::Converted, reason).is_err());
    }

    #[test]
    fn a_third_of_them_has_converted() {
        let row = LeadReportRow { owner: Some("li".to_owned()), counts: [0, 1, 0, 1, 1] };
        let shown = to_row("shop", total(&[row.clone(), LeadReportRow::default()]));
        assert_eq!((shown.owner.as_str(), shown.conversion_rate_ppm), ("", 333_333));
        assert_eq!(to_row("shop", row).owner, "accounts/shop/agents/li");
        assert_eq!(to_row("shop", LeadReportRow::default()).conversion_rate_ppm, 0);
    }
}
