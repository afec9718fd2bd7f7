//! Pushes on the wire and in the domain.

use std::time::Duration;

use prost::Message;
use siyu_clock::Micros;
use siyu_proto::{
    crm::v1::{Audience, FrozenAudience, ReachCount},
    subscriptions::v1::{self as pb, ExplainPushResponse, PushContentKind, PushCounts, PushPlan, PushState},
};
use siyu_rpc::{Error, etag, time::to_proto};

use crate::{
    app::{
        pushes::{Change, Counted, Explanation, NewPush, Planned},
        reach::audience,
    },
    domain::{
        push::{Content, ContentKind, Push, State, name},
        wave::Standing,
    },
};

pub(super) fn new_push(sent: pb::Push) -> Result<NewPush, Error> {
    let content = sent.content.ok_or_else(|| Error::invalid_field("push.content", "must be set"))?;
    Ok(NewPush {
        content: to_content(content, "push.content")?,
        audience: sent.audience.unwrap_or_default().encode_to_vec(),
        topic: sent.topic,
        service_message: sent.service_message,
        time_to_live: sent.time_to_live.map(time_to_live),
    })
}

/// The changes of the fields in a mask.
pub(super) fn changes(sent: pb::Push, paths: &[String]) -> Result<Vec<Change>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name a field"));
    }
    let change = |path: &String| match path.as_str() {
        "content" => {
            let content = sent.content.clone().unwrap_or_default();
            Ok(Change::Content(to_content(content, "push.content")?))
        }
        "audience" => Ok(Change::Audience(sent.audience.clone().unwrap_or_default().encode_to_vec())),
        "topic" => Ok(Change::Topic(sent.topic.clone())),
        "service_message" => Ok(Change::ServiceMessage(sent.service_message)),
        "time_to_live" => {
            let unset = || Error::invalid_field("push.time_to_live", "must be set");
            Ok(Change::TimeToLive(time_to_live(sent.time_to_live.ok_or_else(unset)?)))
        }
        other => Err(Error::invalid_field("update_mask", format!("{other:?} cannot be changed"))),
    };
    paths.iter().map(change).collect()
}

/// It is between an hour and 90 days, by the rules of the proto.
fn time_to_live(sent: prost_types::Duration) -> Duration {
    Duration::try_from(sent).unwrap_or_default()
}

/// What a push shows; `path` is the field it came in.
pub(super) fn to_content(sent: pb::PushContent, path: &str) -> Result<Content, Error> {
    let kind = match sent.kind() {
        PushContentKind::Text => ContentKind::Text,
        PushContentKind::Pictures => ContentKind::Pictures,
        PushContentKind::Article => ContentKind::Article,
        PushContentKind::Video => ContentKind::Video,
        PushContentKind::Unspecified => {
            return Err(Error::invalid_field(format!("{path}.kind"), "must be set"));
        }
    };
    let pb::PushContent { title, text, picture_uris, video, cards, .. } = sent;
    Ok(Content { kind, title, text, picture_uris, video, cards })
}

pub(super) fn from_content(content: Content) -> pb::PushContent {
    let kind = match content.kind {
        ContentKind::Text => PushContentKind::Text,
        ContentKind::Pictures => PushContentKind::Pictures,
        ContentKind::Article => PushContentKind::Article,
        ContentKind::Video => PushContentKind::Video,
    };
    let Content { title, text, picture_uris, video, cards, .. } = content;
    pb::PushContent { kind: kind.into(), title, text, picture_uris, video, cards }
}

/// A push is shown as a draft while its right is being reserved, and as being sent while its audience is being frozen.
pub(crate) fn to_state(push: &Push) -> PushState {
    match push.state {
        State::Reserving if push.publish_time.is_none() => PushState::Draft,
        State::Draft => PushState::Draft,
        State::Reserving | State::Scheduled => PushState::Scheduled,
        State::Publishing | State::Sending => PushState::Sending,
        State::Paused => PushState::Paused,
        State::Sent => PushState::Sent,
        State::Cancelled => PushState::Cancelled,
        State::Recalled => PushState::Recalled,
        State::Failed => PushState::Failed,
    }
}

/// What a state is stored as, for a filter; empty for all. Those that a push only passes through are not filtered by.
pub(super) fn stored_state(state: PushState) -> &'static str {
    match state {
        PushState::Unspecified => "",
        PushState::Draft => State::Draft.name(),
        PushState::Scheduled => State::Scheduled.name(),
        PushState::Sending => State::Sending.name(),
        PushState::Paused => State::Paused.name(),
        PushState::Sent => State::Sent.name(),
        PushState::Cancelled => State::Cancelled.name(),
        PushState::Recalled => State::Recalled.name(),
        PushState::Failed => State::Failed.name(),
    }
}

/// A push without its counts.
pub(super) fn to_push(push: Push) -> Result<pb::Push, Error> {
    let corrects = match push.corrects.as_str() {
        "" => String::new(),
        push_id => name(&push.account_id, push_id),
    };
    Ok(pb::Push {
        name: push.name(),
        audience: Some(audience(&push)?).filter(|audience| *audience != Audience::default()),
        state: to_state(&push).into(),
        content: Some(from_content(push.content)),
        topic: push.topic,
        service_message: push.service_message,
        time_to_live: prost_types::Duration::try_from(push.time_to_live).ok(),
        publish_time: push.publish_time.map(to_proto),
        counts: None,
        failure: push.failure,
        corrects,
        create_time: Some(to_proto(push.create_time)),
        update_time: Some(to_proto(push.update_time)),
        etag: etag::of(push.revision),
    })
}

/// A push with where its fans stand at `now`.
pub(super) fn to_counted(counted: Counted, now: Micros) -> Result<pb::Push, Error> {
    let is_frozen = counted.is_frozen();
    let Counted { push, waves, tally } = counted;
    let standing = Standing::of(&waves, now);
    let excluded = push.excluded.iter().map(|(verdict, count)| ReachCount {
        verdict: *verdict,
        deliver_time: None,
        count: *count,
    });
    // Whoever had seen what was retracted then is no longer among the delivered.
    let seen = tally.seen.min(standing.delivered);
    let over = standing.delivered_and_over;
    let expired = if over == standing.delivered { over - seen.min(over) } else { 0 };
    let counts = PushCounts {
        planned: push.planned_count,
        excluded: excluded.collect(),
        held: standing.held,
        delivered: standing.delivered,
        failed: standing.failed,
        retracted: standing.retracted,
        seen,
        unseen: standing.delivered - seen - expired,
        expired,
        opened: tally.opened,
        clicked: tally.clicked,
        converted: tally.converted,
    };
    Ok(pb::Push { counts: is_frozen.then_some(counts), ..to_push(push)? })
}

pub(super) fn to_plan(account_id: &str, push_id: &str, planned: Planned) -> Result<PushPlan, Error> {
    Ok(PushPlan {
        name: format!("{}/plans/{}", name(account_id, push_id), planned.plan_id),
        publish_time: Some(to_proto(planned.publish_time)),
        audience: Some(FrozenAudience::decode(planned.audience.as_slice()).map_err(Error::internal)?),
        reach: planned.reach,
        cost: planned.cost,
        available: planned.available,
        digest: planned.digest,
        expire_time: Some(to_proto(planned.expire_time)),
    })
}

pub(super) fn to_explanation(explanation: Explanation) -> ExplainPushResponse {
    let Explanation { outcome, reach, wave, touch } = explanation;
    let time = |time: Option<Micros>| time.map(to_proto);
    ExplainPushResponse {
        outcome: outcome.into(),
        verdict: reach.verdict,
        reason: reach.reason,
        reset_time: reach.reset_time,
        deliver_time: time(wave.map(|wave| wave.deliver_time)),
        seen_time: time(touch.map(|touch| touch.seen_time)),
        open_time: time(touch.and_then(|touch| touch.open_time)),
        click_time: time(touch.and_then(|touch| touch.click_time)),
        convert_time: time(touch.and_then(|touch| touch.convert_time)),
    }
}
