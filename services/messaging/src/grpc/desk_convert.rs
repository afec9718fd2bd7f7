//! The service desk on the wire and in the domain.

use prost_types::Duration;
use siyu_clock::Micros;
use siyu_proto::messaging::v1::{
    self as pb, AgentState, CaseStatus, ResponseAlarm, ResponseClock as PbClock,
};
use siyu_rpc::{Error, name, time::to_proto};

use crate::domain::{
    assignment::{Agent, Presence},
    clocks::{Alarm, Clock, ClockKind},
    desk::{Desk, Rating, Status},
};

/// `accounts/{account}/agents/{agent}`; empty for nobody.
pub(crate) fn agent_name(account_id: &str, agent_id: &str) -> String {
    if agent_id.is_empty() { String::new() } else { format!("accounts/{account_id}/agents/{agent_id}") }
}

/// Account and agent of an agent's name.
pub(super) fn agent_ids(name: &str) -> Result<[&str; 2], Error> {
    let rule = "must be accounts/{account}/agents/{agent}";
    name::ids(name, ["accounts", "agents"]).ok_or_else(|| Error::invalid_field("name", rule))
}

/// The agent of an account whom the field `agent` names; none where it is empty.
pub(super) fn agent_of<'a>(account_id: &str, agent: &'a str) -> Result<Option<&'a str>, Error> {
    if agent.is_empty() {
        return Ok(None);
    }
    let found = name::ids(agent, ["accounts", "agents"]);
    match found {
        Some([of_account, agent_id]) if of_account == account_id => Ok(Some(agent_id)),
        _ => Err(Error::invalid_field("agent", format!("must be an agent of accounts/{account_id}"))),
    }
}

pub(super) fn presence(state: AgentState) -> Result<Presence, Error> {
    match state {
        AgentState::Online => Ok(Presence::Online),
        AgentState::Away => Ok(Presence::Away),
        AgentState::Offline => Ok(Presence::Offline),
        AgentState::Unspecified => Err(Error::invalid_field("state", "must be set")),
    }
}

pub(super) fn to_agent(agent: &Agent) -> pb::Agent {
    let state = match agent.presence {
        Presence::Online => AgentState::Online,
        Presence::Away => AgentState::Away,
        Presence::Offline => AgentState::Offline,
    };
    pb::Agent {
        name: agent.name(),
        state: state.into(),
        capacity: agent.capacity,
        conversation_count: agent.load,
        update_time: Some(to_proto(agent.update_time)),
    }
}

pub(super) fn to_case(account_id: &str, desk: &Desk) -> pb::SupportCase {
    let status = match desk.status {
        Status::Idle => CaseStatus::Unspecified,
        Status::Open => CaseStatus::Open,
        Status::Queued => CaseStatus::Queued,
        Status::Assigned => CaseStatus::Assigned,
        Status::Closed => CaseStatus::Closed,
    };
    pb::SupportCase {
        status: status.into(),
        number: desk.number,
        agent: agent_name(account_id, &desk.agent_id),
        open_time: (desk.number > 0).then(|| to_proto(desk.open_time)),
        close_time: desk.close_time.map(to_proto),
        clocks: desk.clocks.iter().map(to_clock).collect(),
        warning_count: desk.warning_count,
        breach_count: desk.breach_count,
        rating: desk.rating.as_ref().map(to_rating),
        labels: desk.labels.clone(),
    }
}

pub(super) fn to_rating(rating: &Rating) -> pb::Rating {
    pb::Rating {
        stars: rating.stars,
        comment: rating.comment.clone(),
        create_time: Some(to_proto(rating.time)),
    }
}

fn to_clock(clock: &Clock) -> pb::CaseClock {
    pb::CaseClock {
        clock: to_clock_kind(clock.kind).into(),
        start_time: Some(to_proto(clock.start)),
        due_time: clock.due.map(to_proto),
        warned: clock.warned,
        breached: clock.breached,
        stop_time: clock.stop.map(to_proto),
        taken: clock.taken.map(to_duration),
    }
}

/// Which clock is meant, if one is.
pub(super) fn clock_kind(clock: PbClock) -> Option<ClockKind> {
    ClockKind::ALL.into_iter().find(|kind| to_clock_kind(*kind) == clock)
}

pub(crate) fn to_clock_kind(kind: ClockKind) -> PbClock {
    match kind {
        ClockKind::FirstBot => PbClock::FirstBot,
        ClockKind::FirstHuman => PbClock::FirstHuman,
        ClockKind::Next => PbClock::Next,
        ClockKind::Resolution => PbClock::Resolution,
    }
}

pub(crate) fn to_alarm(alarm: Alarm) -> ResponseAlarm {
    match alarm {
        Alarm::Warning => ResponseAlarm::Warning,
        Alarm::Breach => ResponseAlarm::Breach,
    }
}

pub(super) fn to_duration(micros: i64) -> Duration {
    let nanos = i32::try_from(micros % Micros::PER_SECOND * 1_000).unwrap_or_default();
    Duration { seconds: micros / Micros::PER_SECOND, nanos }
}
