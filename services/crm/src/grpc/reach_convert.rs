//! Between the wire and the use cases: reach.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use siyu_clock::Micros;
use siyu_proto::{common::v1::ErrorReason, crm::v1 as pb};
use siyu_rpc::{Error, etag, name, time::to_proto};
use tonic::Code;

use super::convert::{micros, moment, tier, to_duration};
use crate::{
    app::reach::{
        Audience, Outgoing, Outside,
        explain::{Explanation, Fate},
        freeze::Frozen,
        preferences::Change,
    },
    domain::reach::{Channel, Policy, Set, Verdict, caps::Cap, quiet_hours::QuietHours},
    store::{
        bitmap::{pieces, to_bytes},
        reach_policy::ReachPolicy,
        reach_preference::Preference,
        shared_reach::SharedReachPolicy,
    },
};

/// A message of the account.
pub(super) fn message_of<'a>(account_id: &str, message: &'a str) -> Result<&'a str, Error> {
    if message.starts_with(&format!("accounts/{account_id}/")) {
        return Ok(message);
    }
    Err(Error::invalid_field("message", "must be of the account"))
}

pub(super) fn outgoing_to_freeze(
    account_id: &str,
    request: pb::FreezeAudienceRequest,
) -> Result<Outgoing, Error> {
    let channel = channel(request.channel());
    Ok(Outgoing {
        message: message_of(account_id, &request.message)?.to_owned(),
        channel: channel.ok_or_else(|| Error::invalid_field("channel", "must be set"))?,
        is_high_priority: request.priority() == pb::ReachPriority::High,
        audience: audience(account_id, request.audience.unwrap_or_default())?,
        topic: request.topic,
        send_time: moment(request.send_time.as_ref(), "send_time")?,
        is_service: request.service_message,
    })
}

/// The message as it would be sent, if the request says how.
pub(super) fn outgoing_to_explain(
    account_id: &str,
    request: pb::ExplainReachRequest,
) -> Result<Option<Outgoing>, Error> {
    let Some(channel) = channel(request.channel()) else { return Ok(None) };
    Ok(Some(Outgoing {
        channel,
        is_high_priority: request.priority() == pb::ReachPriority::High,
        audience: audience(account_id, request.audience.unwrap_or_default())?,
        send_time: moment(request.send_time.as_ref(), "send_time")?,
        message: request.message,
        topic: request.topic,
        is_service: request.service_message,
    }))
}

fn audience(account_id: &str, sent: pb::Audience) -> Result<Audience, Error> {
    let ids = |names: &[String], collection: &str, field: &str| {
        let id = |(place, name): (usize, &String)| match name::ids(name, ["accounts", collection]) {
            Some([account, id]) if account == account_id => Ok(id.to_owned()),
            _ => Err(Error::invalid_field(format!("audience.{field}[{place}]"), "must be of the account")),
        };
        names.iter().enumerate().map(id).collect::<Result<Vec<String>, Error>>()
    };
    Ok(Audience {
        tiers: sent.tiers.iter().filter_map(|sent| tier(*sent)).collect(),
        tags: ids(&sent.tags, "tags", "tags")?,
        segments: ids(&sent.segments, "segments", "segments")?,
        packages: ids(&sent.packages, "packages", "packages")?,
        excluded_tags: ids(&sent.excluded_tags, "tags", "excluded_tags")?,
        excluded_segments: ids(&sent.excluded_segments, "segments", "excluded_segments")?,
        excluded_packages: ids(&sent.excluded_packages, "packages", "excluded_packages")?,
        filter: sent.filter,
    })
}

pub(super) fn channel(sent: pb::ReachChannel) -> Option<Channel> {
    match sent {
        pb::ReachChannel::Unspecified => None,
        pb::ReachChannel::Push => Some(Channel::Push),
        pb::ReachChannel::Message => Some(Channel::Message),
        pb::ReachChannel::Group => Some(Channel::Group),
    }
}

pub(super) fn to_channel(channel: Channel) -> pb::ReachChannel {
    match channel {
        Channel::Push => pb::ReachChannel::Push,
        Channel::Message => pb::ReachChannel::Message,
        Channel::Group => pb::ReachChannel::Group,
    }
}

pub(super) fn policy(sent: pb::ReachPolicy) -> Policy {
    let cap = |sent: pb::FrequencyCap| Cap {
        channels: sent.channels().filter_map(channel).collect(),
        count: sent.count.unwrap_or_default(),
        reserved_count: sent.reserved_count,
        window: micros(&sent.window.unwrap_or_default()),
    };
    Policy {
        caps: sent.frequency_caps.into_iter().map(cap).collect(),
        quiet_hours: sent.quiet_hours.map(quiet_hours),
    }
}

pub(super) fn to_policy(account_id: &str, policy: ReachPolicy) -> pb::ReachPolicy {
    let ReachPolicy { version, effective_time, policy, create_time } = policy;
    let cap = |cap: Cap| pb::FrequencyCap {
        channels: cap.channels.into_iter().map(|channel| to_channel(channel).into()).collect(),
        count: Some(cap.count),
        reserved_count: cap.reserved_count,
        window: Some(to_duration(cap.window)),
    };
    pb::ReachPolicy {
        name: format!("accounts/{account_id}/reachPolicies/{version}"),
        version,
        frequency_caps: policy.caps.into_iter().map(cap).collect(),
        quiet_hours: policy.quiet_hours.map(to_quiet_hours),
        effective_time: timestamp(effective_time),
        create_time: timestamp(create_time),
    }
}

pub(super) fn shared_cap(sent: pb::SharedCap) -> Cap {
    Cap::of_everything(sent.count.unwrap_or_default(), micros(&sent.window.unwrap_or_default()))
}

pub(super) fn to_shared_policy(policy: SharedReachPolicy) -> pb::SharedReachPolicy {
    let SharedReachPolicy { version, effective_time, cap, create_time } = policy;
    let to_cap = |cap: Cap| pb::SharedCap { count: Some(cap.count), window: Some(to_duration(cap.window)) };
    pb::SharedReachPolicy {
        name: format!("sharedReachPolicies/{version}"),
        version,
        cap: cap.map(to_cap),
        effective_time: timestamp(effective_time),
        create_time: timestamp(create_time),
    }
}

fn timestamp(time: Option<i64>) -> Option<Timestamp> {
    time.map(|time| to_proto(Micros(time)))
}

fn quiet_hours(sent: pb::QuietHours) -> QuietHours {
    QuietHours { start_minute: sent.start_minute, end_minute: sent.end_minute }
}

fn to_quiet_hours(hours: QuietHours) -> pb::QuietHours {
    pb::QuietHours { start_minute: hours.start_minute, end_minute: hours.end_minute }
}

/// The changes that a field mask asks for.
pub(super) fn changes(sent: &pb::ReachPreference, paths: &[String]) -> Result<Vec<Change>, Error> {
    if paths.is_empty() {
        return Err(Error::invalid_field("update_mask", "must name at least one field"));
    }
    let change = |path: &String| match path.as_str() {
        "opted_out" => Ok(Change::OptedOut(sent.opted_out)),
        "opted_out_topics" => Ok(Change::OptedOutTopics(sent.opted_out_topics.clone())),
        "quiet_hours" => Ok(Change::QuietHours(sent.quiet_hours.map(quiet_hours))),
        "update_time" | "etag" => {
            let message = format!("update_mask: {path} is fixed and cannot be updated");
            Err(Error::new(Code::InvalidArgument, ErrorReason::ImmutableField, message).with("field", path))
        }
        _ => {
            Err(Error::invalid_field("update_mask", format!("{path:?} is not a field of a reach preference")))
        }
    };
    paths.iter().map(change).collect()
}

pub(crate) fn to_preference(preference: Preference) -> pb::ReachPreference {
    pb::ReachPreference {
        opted_out: preference.opted_out,
        opted_out_topics: preference.opted_out_topics,
        quiet_hours: preference.quiet_hours.map(to_quiet_hours),
        update_time: timestamp(preference.update_time),
        etag: etag::of(preference.revision),
    }
}

fn to_verdict(verdict: Verdict) -> pb::ReachVerdict {
    match verdict {
        Verdict::NotFollowing => pb::ReachVerdict::NotFollowing,
        Verdict::Excluded => pb::ReachVerdict::Excluded,
        Verdict::OptedOut => pb::ReachVerdict::OptedOut,
        Verdict::TopicOptedOut => pb::ReachVerdict::TopicOptedOut,
        Verdict::Capped(_) => pb::ReachVerdict::Capped,
        Verdict::SharedCapped => pb::ReachVerdict::SharedCapped,
        Verdict::Held => pb::ReachVerdict::Held,
        Verdict::Eligible => pb::ReachVerdict::Eligible,
    }
}

/// When those of a set are reached later.
fn held_until(set: &Set) -> Option<Micros> {
    (set.verdict == Verdict::Held).then_some(set.deliver_time)
}

pub(super) fn to_frozen_audience(frozen: &Frozen) -> pb::FrozenAudience {
    let mut counts: BTreeMap<(i32, Option<Micros>), i64> = BTreeMap::new();
    for set in &frozen.sets {
        let fans = i64::try_from(set.fans.len()).unwrap_or(i64::MAX);
        *counts.entry((to_verdict(set.verdict).into(), held_until(set))).or_default() += fans;
    }
    pb::FrozenAudience {
        message: frozen.reach.message.clone(),
        as_of: timestamp(Some(frozen.reach.as_of)),
        planned_count: counts.values().sum(),
        counts: counts
            .into_iter()
            .map(|((verdict, deliver_time), count)| pb::ReachCount {
                verdict,
                deliver_time: deliver_time.map(to_proto),
                count,
            })
            .collect(),
    }
}

/// A set in pieces that are small enough for a message.
pub(super) fn to_sets(set: Set) -> Vec<pb::FanSet> {
    let piece = |(_, fans)| pb::FanSet {
        verdict: to_verdict(set.verdict).into(),
        deliver_time: held_until(&set).map(to_proto),
        ordinals: to_bytes(&fans),
    };
    pieces(&set.fans).map(piece).collect()
}

pub(super) fn to_explanation(explanation: Explanation) -> pb::ExplainReachResponse {
    let verdict = match explanation.fate {
        Fate::Unknown => pb::ReachVerdict::UnknownFan,
        Fate::Outside(Outside::Followers) => pb::ReachVerdict::NotFollowing,
        Fate::Outside(Outside::Tiers) => pb::ReachVerdict::OutsideTier,
        Fate::Outside(Outside::Tags) => pb::ReachVerdict::OutsideTags,
        Fate::Outside(Outside::Segments) => pb::ReachVerdict::OutsideSegment,
        Fate::Outside(Outside::Packages) => pb::ReachVerdict::OutsidePackage,
        Fate::Judged(verdict) => to_verdict(verdict),
    };
    pb::ExplainReachResponse {
        verdict: verdict.into(),
        frozen: explanation.frozen,
        ordinal: explanation.ordinal,
        reason: explanation.reason,
        policy_version: explanation.policy_version,
        shared_policy_version: explanation.shared_policy_version,
        reset_time: explanation.reset_time.map(to_proto),
    }
}
