//! Groups, members and messages on the wire and in the domain.

use siyu_clock::Micros;
use siyu_proto::groups::v1::{
    self as pb, GroupPurpose, GroupState, JoinSource, MemberRole, MessageContentKind, ThresholdCheck,
};
use siyu_rpc::{Error, etag, name, time::to_proto};

use crate::{
    app::{
        Window,
        fans::{tier, to_tier},
    },
    domain::{
        group::{DEFAULT_CAPACITY, Group, JoinMode, Purpose, name as group_name},
        member::{JoinRequest, LeaveReason, Member, Role, Source},
        message::{Content, ContentKind, Message},
        threshold::Threshold,
    },
    store::blocked::Blocked,
};

const DEFAULT_SIZE: usize = 50;
const MOST_SIZE: usize = 200;

/// Account and group of a group's name.
pub(super) fn group_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let rule = "must be accounts/{account}/groups/{group}";
    name::ids(name, ["accounts", "groups"]).ok_or_else(|| Error::invalid_field(field, rule))
}

/// Account, group and user of what is named in a collection of a group.
pub(super) fn ids_in<'a>(name: &'a str, collection: &str) -> Result<[&'a str; 3], Error> {
    let rule = || format!("must be accounts/{{account}}/groups/{{group}}/{collection}/{{user}}");
    name::ids(name, ["accounts", "groups", collection]).ok_or_else(|| Error::invalid_field("name", rule()))
}

/// A user who may be left out.
pub(super) fn optional_user<'a>(user: &'a str, field: &str) -> Result<&'a str, Error> {
    if user.is_empty() { Ok("") } else { name::id(user, "users", field) }
}

/// `users/{user}`; empty where there is none.
fn to_user(user_id: &str) -> String {
    if user_id.is_empty() { String::new() } else { format!("users/{user_id}") }
}

pub(super) fn purpose(purpose: GroupPurpose) -> Result<Purpose, Error> {
    match purpose {
        GroupPurpose::Push => Ok(Purpose::Push),
        GroupPurpose::Welfare => Ok(Purpose::Welfare),
        GroupPurpose::Interactive => Ok(Purpose::Interactive),
        GroupPurpose::Distributor => Ok(Purpose::Distributor),
        GroupPurpose::Unspecified => Err(Error::invalid_field("group.purpose", "must be set")),
    }
}

fn to_purpose(purpose: Purpose) -> GroupPurpose {
    match purpose {
        Purpose::Push => GroupPurpose::Push,
        Purpose::Welfare => GroupPurpose::Welfare,
        Purpose::Interactive => GroupPurpose::Interactive,
        Purpose::Distributor => GroupPurpose::Distributor,
    }
}

/// How many it holds; 0 says nothing.
pub(super) fn capacity(capacity: i32) -> i64 {
    if capacity == 0 { DEFAULT_CAPACITY } else { capacity.into() }
}

pub(super) fn join_mode(mode: pb::JoinMode) -> JoinMode {
    match mode {
        pb::JoinMode::Unspecified | pb::JoinMode::Open => JoinMode::Open,
        pb::JoinMode::Approval => JoinMode::Approval,
        pb::JoinMode::Invitation => JoinMode::Invitation,
    }
}

fn to_join_mode(mode: JoinMode) -> pb::JoinMode {
    match mode {
        JoinMode::Open => pb::JoinMode::Open,
        JoinMode::Approval => pb::JoinMode::Approval,
        JoinMode::Invitation => pb::JoinMode::Invitation,
    }
}

/// What must be met; unset asks nothing.
pub(super) fn threshold(sent: Option<pb::JoinThreshold>) -> Threshold {
    let Some(sent) = sent else { return Threshold::default() };
    Threshold {
        following: sent.following,
        min_tier: tier(sent.min_tier()),
        daily: sent.check() == ThresholdCheck::Daily,
        min_follow_days: u32::try_from(sent.min_follow_days).unwrap_or_default(),
        min_order_count: sent.min_order_count,
        min_spend_minor: sent.min_spend_minor,
        any_tags: sent.any_tags,
    }
}

fn to_threshold(threshold: &Threshold) -> Option<pb::JoinThreshold> {
    if *threshold == Threshold::default() {
        return None;
    }
    let check = if threshold.daily { ThresholdCheck::Daily } else { ThresholdCheck::AtJoin };
    Some(pb::JoinThreshold {
        following: threshold.following,
        min_tier: threshold.min_tier.map(|tier| to_tier(tier).into()).unwrap_or_default(),
        any_tags: threshold.any_tags.clone(),
        min_follow_days: i32::try_from(threshold.min_follow_days).unwrap_or(i32::MAX),
        min_order_count: threshold.min_order_count,
        min_spend_minor: threshold.min_spend_minor,
        check: check.into(),
    })
}

pub(crate) fn to_group(group: &Group) -> pb::Group {
    let settings = &group.settings;
    let count = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    let state = if group.closed { GroupState::Closed } else { GroupState::Open };
    pb::Group {
        name: group.name(),
        display_name: settings.display_name.clone(),
        purpose: to_purpose(group.purpose).into(),
        capacity: count(settings.capacity),
        opens_next: settings.opens_next,
        join_mode: to_join_mode(settings.join_mode).into(),
        threshold: to_threshold(&settings.threshold),
        announcement: settings.announcement.clone(),
        welcome: settings.welcome.clone(),
        muted: settings.muted,
        series: group_name(&group.account_id, &group.series_id),
        series_number: count(group.series_number),
        state: state.into(),
        member_count: count(group.member_count),
        last_sequence: group.last_sequence,
        pinned_sequence: group.pinned_sequence,
        create_time: Some(to_proto(group.create_time)),
        update_time: Some(to_proto(group.update_time)),
        etag: etag::of(group.revision),
    }
}

pub(super) fn role(role: MemberRole) -> Result<Role, Error> {
    match role {
        MemberRole::Member => Ok(Role::Member),
        MemberRole::Admin => Ok(Role::Admin),
        MemberRole::Owner => Ok(Role::Owner),
        MemberRole::Unspecified => Err(Error::invalid_field("role", "must be set")),
    }
}

fn to_role(role: Role) -> MemberRole {
    match role {
        Role::Member => MemberRole::Member,
        Role::Admin => MemberRole::Admin,
        Role::Owner => MemberRole::Owner,
    }
}

pub(super) fn source(source: JoinSource) -> Source {
    match source {
        JoinSource::Unspecified => Source::Unknown,
        JoinSource::Homepage => Source::Homepage,
        JoinSource::PrivateMessage => Source::PrivateMessage,
        JoinSource::Live => Source::Live,
        JoinSource::Video => Source::Video,
        JoinSource::Invitation => Source::Invitation,
        JoinSource::EntryCode => Source::EntryCode,
        JoinSource::Account => Source::Account,
    }
}

fn to_source(source: Source) -> JoinSource {
    match source {
        Source::Unknown => JoinSource::Unspecified,
        Source::Homepage => JoinSource::Homepage,
        Source::PrivateMessage => JoinSource::PrivateMessage,
        Source::Live => JoinSource::Live,
        Source::Video => JoinSource::Video,
        Source::Invitation => JoinSource::Invitation,
        Source::EntryCode => JoinSource::EntryCode,
        Source::Account => JoinSource::Account,
    }
}

fn to_leave_reason(reason: LeaveReason) -> pb::LeaveReason {
    match reason {
        LeaveReason::Left => pb::LeaveReason::Left,
        LeaveReason::Removed => pb::LeaveReason::Removed,
        LeaveReason::Blocked => pb::LeaveReason::Blocked,
        LeaveReason::Threshold => pb::LeaveReason::Threshold,
    }
}

pub(crate) fn to_member(member: &Member) -> pb::Member {
    let is_muted = member.mute_time > Micros(0);
    pb::Member {
        name: member.name(),
        user: to_user(&member.user_id),
        role: to_role(member.role).into(),
        join_time: Some(to_proto(member.join_time)),
        leave_time: member.left.map(|(time, _)| to_proto(time)),
        leave_reason: member.left.map(|(_, reason)| to_leave_reason(reason).into()).unwrap_or_default(),
        source: to_source(member.source).into(),
        inviter: to_user(&member.inviter),
        mute_time: is_muted.then(|| to_proto(member.mute_time)),
        read_sequence: member.read_sequence,
    }
}

pub(super) fn to_join_request(request: &JoinRequest) -> pb::JoinRequest {
    pb::JoinRequest {
        name: request.name(),
        user: to_user(&request.user_id),
        text: request.text.clone(),
        source: to_source(request.source).into(),
        inviter: to_user(&request.inviter),
        create_time: Some(to_proto(request.create_time)),
    }
}

pub(super) fn to_blocked(blocked: &Blocked) -> pb::BlockedMember {
    pb::BlockedMember {
        name: format!("accounts/{}/blockedMembers/{}", blocked.account_id, blocked.user_id),
        user: to_user(&blocked.user_id),
        reason: blocked.reason.clone(),
        create_time: Some(to_proto(Micros(blocked.create_time))),
    }
}

/// What a message says.
pub(super) fn content(sent: Option<pb::MessageContent>) -> Result<Content, Error> {
    let sent = sent.unwrap_or_default();
    let kind = match sent.kind() {
        MessageContentKind::Text => ContentKind::Text,
        MessageContentKind::Picture => ContentKind::Picture,
        MessageContentKind::Video => ContentKind::Video,
        MessageContentKind::Card => ContentKind::Card,
        MessageContentKind::Envelope => ContentKind::Envelope,
        MessageContentKind::Unspecified => return Err(Error::invalid_field("content.kind", "must be set")),
    };
    let mention = |user: &String| name::id(user, "users", "content.mentions").map(str::to_owned);
    let mentions = sent.mentions.iter().map(mention).collect::<Result<_, Error>>()?;
    let pb::MessageContent { text, uri, card, envelope, mention_all, .. } = sent;
    Ok(Content { kind, text, uri, card, envelope, mentions, mention_all })
}

fn to_content(content: &Content) -> pb::MessageContent {
    let kind = match content.kind {
        ContentKind::Text => MessageContentKind::Text,
        ContentKind::Picture => MessageContentKind::Picture,
        ContentKind::Video => MessageContentKind::Video,
        ContentKind::Card => MessageContentKind::Card,
        ContentKind::Envelope => MessageContentKind::Envelope,
    };
    let Content { text, uri, card, envelope, mentions, mention_all, .. } = content.clone();
    let mentions = mentions.iter().map(|user_id| to_user(user_id)).collect();
    pb::MessageContent { kind: kind.into(), text, uri, card, mentions, mention_all, envelope }
}

/// A message, for the account or a member: members are not told who speaks for the account.
pub(super) fn to_message(message: &Message, by_account: bool) -> pb::Message {
    pb::Message {
        name: message.name(),
        sequence: message.sequence,
        user: to_user(&message.user_id),
        author: if by_account { message.author.clone() } else { String::new() },
        client_message_id: message.client_message_id.clone(),
        content: message.content.as_ref().map(to_content),
        create_time: Some(to_proto(message.create_time)),
        recall_time: message.recall_time.map(to_proto),
    }
}

/// Which messages are asked for, and how many.
pub(super) fn window(
    before_sequence: i64,
    after_sequence: Option<i64>,
    page_size: i32,
) -> Result<(Window, usize), Error> {
    let window = match (before_sequence, after_sequence) {
        (0, None) => Window::Latest,
        (before, None) => Window::Before(before),
        (0, Some(after)) => Window::After(after),
        _ => {
            return Err(Error::invalid_field("after_sequence", "does not go together with before_sequence"));
        }
    };
    let size = usize::try_from(page_size).unwrap_or_default();
    Ok((window, if size == 0 { DEFAULT_SIZE } else { size.min(MOST_SIZE) }))
}
