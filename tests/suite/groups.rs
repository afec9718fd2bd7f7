//! Groups: how users come in and go, and how order is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use prost_types::FieldMask;
use siyu::connect::Client;
use siyu_proto::{
    common::v1::Role,
    crm::v1::{InteractionKind, Tier},
    groups::v1::{
        BlockMemberRequest, CloseGroupRequest, CreateGroupRequest, DecideJoinRequestRequest, GetGroupRequest,
        Group, GroupPurpose, GroupState, JoinGroupRequest, JoinGroupResponse, JoinMode, JoinSource,
        JoinThreshold, LeaveGroupRequest, LeaveReason, ListBlockedMembersRequest, ListGroupsRequest,
        ListHostMessagesRequest, ListJoinRequestsRequest, ListMembersRequest, ListMembershipsRequest, Member,
        MemberRole, MessageContent, MessageContentKind, PostHostMessageRequest, PostMessageRequest,
        RemoveMemberRequest, SetMemberRoleRequest, ThresholdCheck, UnblockMemberRequest, UpdateGroupRequest,
        chat_service_client::ChatServiceClient, group_service_client::GroupServiceClient,
        host_service_client::HostServiceClient, member_service_client::MemberServiceClient,
        membership_service_client::MembershipServiceClient,
    },
};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::support::{event, fields, follow, order, reason, seconds_ago, store};

const PARENT: &str = "accounts/shop";
pub(crate) const FANS: &str = "accounts/shop/groups/fans";
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn operators(suite: &TestSuite) -> GroupServiceClient<Client> {
    GroupServiceClient::new(suite.client())
}

pub(crate) fn members(suite: &TestSuite) -> MemberServiceClient<Client> {
    MemberServiceClient::new(suite.client())
}

pub(crate) fn memberships(suite: &TestSuite) -> MembershipServiceClient<Client> {
    MembershipServiceClient::new(suite.client())
}

pub(crate) fn chat(suite: &TestSuite) -> ChatServiceClient<Client> {
    ChatServiceClient::new(suite.client())
}

pub(crate) fn host(suite: &TestSuite) -> HostServiceClient<Client> {
    HostServiceClient::new(suite.client())
}

/// A group that anybody may join.
pub(crate) fn fans() -> Group {
    let purpose = GroupPurpose::Interactive.into();
    Group { display_name: "Fans".to_owned(), purpose, ..Group::default() }
}

pub(crate) fn new_group(id: &str) -> CreateGroupRequest {
    CreateGroupRequest {
        parent: PARENT.to_owned(),
        group_id: id.to_owned(),
        group: Some(fans()),
        ..CreateGroupRequest::default()
    }
}

/// `accounts/shop` with the group `fans`.
pub(crate) async fn open(suite: &TestSuite, group: Group) -> Group {
    suite.account("mine", "shop").await;
    let request = CreateGroupRequest { group: Some(group), ..new_group("fans") };
    operators(suite).create_group(request).await.unwrap().into_inner().group.unwrap()
}

pub(crate) fn text(text: &str) -> Option<MessageContent> {
    let kind = MessageContentKind::Text.into();
    Some(MessageContent { kind, text: text.to_owned(), ..MessageContent::default() })
}

/// What a member says in the group `fans`: its id.
pub(crate) fn from_member(user: &str, id: &str) -> PostMessageRequest {
    PostMessageRequest {
        parent: FANS.to_owned(),
        user: format!("users/{user}"),
        client_message_id: id.to_owned(),
        content: text(id),
    }
}

/// What the account says in the group `fans`: its id.
pub(crate) fn said(id: &str) -> PostHostMessageRequest {
    PostHostMessageRequest { parent: FANS.to_owned(), client_message_id: id.to_owned(), content: text(id) }
}

fn wish(group: &str, user: &str) -> JoinGroupRequest {
    let user = format!("users/{user}");
    JoinGroupRequest { name: group.to_owned(), user, ..JoinGroupRequest::default() }
}

pub(crate) async fn try_join(
    suite: &TestSuite,
    request: JoinGroupRequest,
) -> Result<JoinGroupResponse, Status> {
    Ok(memberships(suite).join_group(request).await?.into_inner())
}

pub(crate) async fn join(suite: &TestSuite, user: &str) -> Member {
    try_join(suite, wish(FANS, user)).await.unwrap().member.unwrap()
}

async fn leave(suite: &TestSuite, user: &str) -> Result<Member, Status> {
    let (name, user) = (FANS.to_owned(), format!("users/{user}"));
    let request = LeaveGroupRequest { name, user, ..LeaveGroupRequest::default() };
    Ok(memberships(suite).leave_group(request).await?.into_inner().member.unwrap())
}

pub(crate) async fn get(suite: &TestSuite, name: &str) -> Group {
    let request = GetGroupRequest { name: name.to_owned() };
    operators(suite).get_group(request).await.unwrap().into_inner().group.unwrap()
}

/// Users in a group, as far as two pages show them.
async fn users(suite: &TestSuite, request: ListMembersRequest) -> Vec<String> {
    let mut found = Vec::new();
    let mut request = ListMembersRequest { page_size: 2, ..request };
    loop {
        let page = members(suite).list_members(request.clone()).await.unwrap().into_inner();
        found.extend(page.members.into_iter().map(|member| member.user.replace("users/", "")));
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

fn of_fans() -> ListMembersRequest {
    ListMembersRequest { parent: FANS.to_owned(), ..ListMembersRequest::default() }
}

/// What a refusal says: its code, reason and message.
fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String, String) {
    let status = answer.unwrap_err();
    (status.code(), reason(&status), status.message().to_owned())
}

async fn update(suite: &TestSuite, group: Group, paths: &[&str]) -> Result<Group, Status> {
    let group = Group { name: FANS.to_owned(), ..group };
    let update_mask = Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
    let request = UpdateGroupRequest { group: Some(group), update_mask, ..UpdateGroupRequest::default() };
    Ok(operators(suite).update_group(request).await?.into_inner().group.unwrap())
}

async fn members_come_and_go_and_every_time_can_be_asked_for(suite: TestSuite) {
    let created = open(&suite, fans()).await;
    assert_eq!((created.name.as_str(), created.series.as_str(), created.series_number), (FANS, FANS, 1));
    assert_eq!((created.capacity, created.member_count, created.state()), (500, 0, GroupState::Open));
    let before_all = seconds_ago(&suite, 0);
    let mut moments = vec![before_all];
    let expected: [&[&str]; 6] =
        [&[], &["ann"], &["ann", "bob"], &["ann", "bob", "cat"], &["ann", "cat"], &["ann", "bob", "cat"]];
    for step in 1..expected.len() {
        suite.advance(Duration::from_secs(60)).await;
        match step {
            1 => assert_eq!(join(&suite, "ann").await.role(), MemberRole::Member),
            2 | 5 => assert_eq!(join(&suite, "bob").await.leave_time, None),
            3 => assert_eq!(join(&suite, "cat").await.user, "users/cat"),
            _ => assert_eq!(leave(&suite, "bob").await.unwrap().leave_reason(), LeaveReason::Left),
        }
        moments.push(seconds_ago(&suite, 0));
    }
    for (moment, expected) in moments.into_iter().zip(expected) {
        assert_eq!(users(&suite, ListMembersRequest { as_of: Some(moment), ..of_fans() }).await, *expected);
    }
    assert_eq!(users(&suite, of_fans()).await, ["ann", "bob", "cat"]);
    assert_eq!(get(&suite, FANS).await.member_count, 3);
    let (code, reason, message) = refusal(try_join(&suite, wish(FANS, "ann")).await);
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"), "{message}");
    assert_eq!(refusal(leave(&suite, "dan").await).0, Code::NotFound);

    let request = ListMembershipsRequest { user: "users/ann".to_owned(), ..Default::default() };
    let found = memberships(&suite).list_memberships(request).await.unwrap().into_inner().memberships;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].group.as_ref().unwrap().name, FANS);
    assert_eq!(found[0].member.as_ref().unwrap().name, format!("{FANS}/members/ann"));
    suite.finish().await;
}

async fn a_join_that_is_repeated_is_made_once(suite: TestSuite) {
    open(&suite, fans()).await;
    let request = JoinGroupRequest { request_id: "j1".to_owned(), ..wish(FANS, "ann") };
    let first = try_join(&suite, request.clone()).await.unwrap();
    assert_eq!(try_join(&suite, request).await.unwrap(), first);
    assert_eq!(get(&suite, FANS).await.member_count, 1);
    suite.finish().await;
}

async fn a_full_group_opens_the_next_of_its_series(suite: TestSuite) {
    open(&suite, Group { capacity: 3, opens_next: true, ..fans() }).await;
    // What would be the third of the series is called so already.
    operators(&suite).create_group(new_group("fans-3")).await.unwrap();
    let mut joins = JoinSet::new();
    for user in 0..20 {
        let mut client = memberships(&suite);
        joins.spawn(async move { client.join_group(wish(FANS, &format!("u{user}"))).await });
    }
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while let Some(joined) = joins.join_next().await {
        let member = joined.unwrap().unwrap().into_inner().member.unwrap();
        let group = member.name.rsplit_once("/members/").unwrap().0.to_owned();
        groups.entry(group).or_default().insert(member.user);
    }
    let request = ListGroupsRequest { parent: PARENT.to_owned(), ..ListGroupsRequest::default() };
    let mut listed = operators(&suite).list_groups(request).await.unwrap().into_inner().groups;
    listed.retain(|group| group.series == FANS);
    let counts: BTreeMap<_, _> = listed
        .iter()
        .map(|group| (group.name.clone(), usize::try_from(group.member_count).unwrap()))
        .collect();
    let joined: BTreeMap<_, _> = groups.iter().map(|(group, users)| (group.clone(), users.len())).collect();
    assert_eq!(counts, joined);
    let mut numbers: Vec<_> = listed.iter().map(|group| (group.series_number, group.member_count)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [(1, 3), (2, 3), (4, 3), (5, 3), (6, 3), (7, 3), (8, 2)]);
    // Nobody is twice in a series, whichever group of it they want into.
    let (code, reason, _) = refusal(try_join(&suite, wish("accounts/shop/groups/fans-8", "u0")).await);
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    // Who goes makes room.
    let first = groups[FANS].first().unwrap().replace("users/", "");
    leave(&suite, &first).await.unwrap();
    assert_eq!(join(&suite, "late").await.name, format!("{FANS}/members/late"));

    let closed = Group { capacity: 2, ..fans() };
    let request = CreateGroupRequest { group: Some(closed), ..new_group("small") };
    operators(&suite).create_group(request).await.unwrap();
    let small = "accounts/shop/groups/small";
    for user in ["a", "b"] {
        try_join(&suite, wish(small, user)).await.unwrap();
    }
    let (code, reason, message) = refusal(try_join(&suite, wish(small, "c")).await);
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"), "{message}");
    suite.finish().await;
}

async fn a_threshold_is_asked_of_the_crm_and_again_by_its_rule(suite: TestSuite) {
    let threshold = JoinThreshold {
        following: true,
        min_order_count: 1,
        min_spend_minor: 10_000,
        check: ThresholdCheck::Daily.into(),
        ..JoinThreshold::default()
    };
    open(&suite, Group { threshold: Some(threshold.clone()), ..fans() }).await;
    let kept = JoinThreshold { check: ThresholdCheck::AtJoin.into(), ..threshold.clone() };
    let request =
        CreateGroupRequest { group: Some(Group { threshold: Some(kept), ..fans() }), ..new_group("kept") };
    operators(&suite).create_group(request).await.unwrap();
    let refused = async |word: &str| {
        let (code, reason, message) = refusal(try_join(&suite, wish(FANS, "ann")).await);
        assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "CONDITION_NOT_MET"));
        assert!(message.contains(word), "{message}");
    };
    refused("follow").await;
    store(&suite, "shop", &[follow("f", "ann", seconds_ago(&suite, 50))]).await;
    refused("orders").await;
    store(&suite, "shop", &[order("o", "ann", seconds_ago(&suite, 40), 9_999)]).await;
    refused("spent").await;
    store(&suite, "shop", &[order("p", "ann", seconds_ago(&suite, 30), 1)]).await;
    join(&suite, "ann").await;
    try_join(&suite, wish("accounts/shop/groups/kept", "ann")).await.unwrap();
    for (number, user) in ["host", "bob"].into_iter().enumerate() {
        let (id, time) = (format!("f{number}"), seconds_ago(&suite, 20));
        let events = [follow(&id, user, time), order(&format!("o{number}"), user, time, 20_000)];
        store(&suite, "shop", &events).await;
        join(&suite, user).await;
    }
    let request = SetMemberRoleRequest {
        name: format!("{FANS}/members/host"),
        role: MemberRole::Owner.into(),
        ..Default::default()
    };
    members(&suite).set_member_role(request).await.unwrap();
    // Two no longer follow, of whom one keeps order.
    for user in ["ann", "host"] {
        let time = seconds_ago(&suite, 10);
        let gone = event(&format!("g-{user}"), user, InteractionKind::Unfollow, time);
        store(&suite, "shop", &[gone]).await;
    }
    assert_eq!(users(&suite, of_fans()).await, ["ann", "bob", "host"]);
    suite.advance(DAY).await;
    assert_eq!(users(&suite, of_fans()).await, ["bob", "host"]);
    // At joining alone: who is in stays in.
    assert_eq!(get(&suite, "accounts/shop/groups/kept").await.member_count, 1);
    // The next day it is asked again.
    let gone = event("g-bob", "bob", InteractionKind::Unfollow, seconds_ago(&suite, 10));
    store(&suite, "shop", &[gone]).await;
    suite.advance(DAY).await;
    assert_eq!(users(&suite, of_fans()).await, ["host"]);

    let tiers = JoinThreshold { min_tier: Tier::TrueLove.into(), ..JoinThreshold::default() };
    update(&suite, Group { threshold: Some(tiers), ..fans() }, &["threshold"]).await.unwrap();
    refused("TRUE_LOVE").await;
    let tags = JoinThreshold { any_tags: vec!["vip".to_owned()], ..JoinThreshold::default() };
    update(&suite, Group { threshold: Some(tags), ..fans() }, &["threshold"]).await.unwrap();
    refused("vip").await;
    suite.finish().await;
}

async fn whoever_asks_is_decided_on_and_whoever_is_invited_has_an_inviter(suite: TestSuite) {
    open(&suite, Group { join_mode: JoinMode::Approval.into(), ..fans() }).await;
    for (user, text) in [("ann", "me, please"), ("bob", "")] {
        let request =
            JoinGroupRequest { text: text.to_owned(), source: JoinSource::Live.into(), ..wish(FANS, user) };
        let asked = try_join(&suite, request).await.unwrap();
        assert_eq!((asked.member, asked.join_request.unwrap().text.as_str()), (None, text));
    }
    let request = ListJoinRequestsRequest { parent: FANS.to_owned(), ..Default::default() };
    let asked = members(&suite).list_join_requests(request.clone()).await.unwrap().into_inner();
    assert_eq!(asked.join_requests.len(), 2);
    let decide = async |user: &str, approve| {
        let name = format!("{FANS}/joinRequests/{user}");
        let request = DecideJoinRequestRequest { name, approve, ..Default::default() };
        Ok::<_, Status>(members(&suite).decide_join_request(request).await?.into_inner().member)
    };
    let ann = decide("ann", true).await.unwrap().unwrap();
    assert_eq!((ann.source(), ann.role()), (JoinSource::Live, MemberRole::Member));
    assert_eq!(decide("bob", false).await.unwrap(), None);
    assert_eq!(refusal(decide("bob", true).await).0, Code::NotFound);
    let left = members(&suite).list_join_requests(request).await.unwrap().into_inner();
    assert_eq!(left.join_requests, []);
    assert_eq!(users(&suite, of_fans()).await, ["ann"]);

    let invited = Group { join_mode: JoinMode::Invitation.into(), ..fans() };
    update(&suite, invited, &["join_mode"]).await.unwrap();
    for inviter in ["", "users/bob"] {
        let request = JoinGroupRequest { inviter: inviter.to_owned(), ..wish(FANS, "cat") };
        let status = try_join(&suite, request).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["inviter".to_owned()]));
    }
    let request = JoinGroupRequest { inviter: "users/ann".to_owned(), ..wish(FANS, "cat") };
    assert_eq!(try_join(&suite, request).await.unwrap().member.unwrap().inviter, "users/ann");
    suite.finish().await;
}

async fn a_group_has_one_owner_and_the_blocked_are_in_none(suite: TestSuite) {
    open(&suite, fans()).await;
    let request = CreateGroupRequest { ..new_group("other") };
    operators(&suite).create_group(request).await.unwrap();
    let other = "accounts/shop/groups/other";
    for user in ["ann", "bob", "cat"] {
        join(&suite, user).await;
        try_join(&suite, wish(other, user)).await.unwrap();
    }
    let set_role = async |user: &str, role: MemberRole| {
        let name = format!("{FANS}/members/{user}");
        let request = SetMemberRoleRequest { name, role: role.into(), ..Default::default() };
        Ok::<_, Status>(members(&suite).set_member_role(request).await?.into_inner().member.unwrap())
    };
    for user in ["ann", "bob"] {
        assert_eq!(set_role(user, MemberRole::Owner).await.unwrap().role(), MemberRole::Owner);
    }
    let listed = members(&suite).list_members(of_fans()).await.unwrap().into_inner().members;
    let roles: Vec<_> = listed.iter().map(Member::role).collect();
    assert_eq!(roles, [MemberRole::Admin, MemberRole::Owner, MemberRole::Member]);
    assert_eq!(refusal(set_role("dan", MemberRole::Admin).await).0, Code::NotFound);

    let name = format!("{FANS}/members/cat");
    let request = RemoveMemberRequest { name, ..Default::default() };
    let removed = members(&suite).remove_member(request).await.unwrap().into_inner().member.unwrap();
    assert_eq!(removed.leave_reason(), LeaveReason::Removed);
    join(&suite, "cat").await;

    let request = BlockMemberRequest {
        parent: PARENT.to_owned(),
        user: "users/cat".to_owned(),
        reason: "advertises".to_owned(),
        ..Default::default()
    };
    let blocked = members(&suite).block_member(request).await.unwrap().into_inner();
    assert_eq!(blocked.removed_count, 2);
    assert_eq!((get(&suite, FANS).await.member_count, get(&suite, other).await.member_count), (2, 2));
    let (code, reason, message) = refusal(try_join(&suite, wish(FANS, "cat")).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "CONDITION_NOT_MET"), "{message}");
    let request = ListBlockedMembersRequest { parent: PARENT.to_owned(), ..Default::default() };
    let listed = members(&suite).list_blocked_members(request).await.unwrap().into_inner().blocked_members;
    assert_eq!((listed.len(), listed[0].reason.as_str()), (1, "advertises"));
    let unblock = async || {
        let name = "accounts/shop/blockedMembers/cat".to_owned();
        members(&suite).unblock_member(UnblockMemberRequest { name, ..Default::default() }).await
    };
    unblock().await.unwrap();
    assert_eq!(refusal(unblock().await).0, Code::NotFound);
    join(&suite, "cat").await;
    suite.finish().await;
}

async fn a_group_is_changed_as_it_was_seen_and_closed_for_good(suite: TestSuite) {
    let created = open(&suite, Group { announcement: "Welcome".to_owned(), ..fans() }).await;
    assert_eq!(created.last_sequence, 1);
    let renamed = Group { display_name: "Friends".to_owned(), etag: created.etag.clone(), ..fans() };
    let changed = update(&suite, renamed, &["display_name"]).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.announcement.as_str()), ("Friends", "Welcome"));
    let late = Group { announcement: "Late".to_owned(), etag: created.etag, ..fans() };
    assert_eq!(refusal(update(&suite, late, &["announcement"]).await).1, "ETAG_MISMATCH");
    let live = Group { announcement: "Live at 20:00".to_owned(), ..fans() };
    assert_eq!(update(&suite, live, &["announcement"]).await.unwrap().last_sequence, 2);
    let request = ListHostMessagesRequest { parent: FANS.to_owned(), ..Default::default() };
    let messages = host(&suite).list_host_messages(request).await.unwrap().into_inner().messages;
    let content = |place: usize| messages[place].content.as_ref().unwrap();
    assert_eq!((content(0).text.as_str(), content(1).text.as_str()), ("Welcome", "Live at 20:00"));
    assert!(content(1).mention_all && messages[1].author == "bots/announcement");

    join(&suite, "ann").await;
    let request = CloseGroupRequest { name: FANS.to_owned(), ..CloseGroupRequest::default() };
    for _ in 0..2 {
        let closed =
            operators(&suite).close_group(request.clone()).await.unwrap().into_inner().group.unwrap();
        assert_eq!((closed.state(), closed.member_count), (GroupState::Closed, 1));
    }
    assert_eq!(refusal(try_join(&suite, wish(FANS, "bob")).await).1, "WRONG_STATE");
    assert_eq!(refusal(chat(&suite).post_message(from_member("ann", "m")).await).1, "WRONG_STATE");
    assert_eq!(refusal(update(&suite, fans(), &["display_name"]).await).1, "WRONG_STATE");
    suite.finish().await;
}

async fn what_is_wrong_is_named_and_nothing_is_made(suite: TestSuite) {
    open(&suite, fans()).await;
    let create = async |request: CreateGroupRequest| {
        let status = operators(&suite).create_group(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        fields(&status)
    };
    let of = |group: Group| CreateGroupRequest { group: Some(group), ..new_group("bad") };
    assert_eq!(create(of(Group { capacity: 1, ..fans() })).await, ["group.capacity"]);
    assert_eq!(create(of(Group { capacity: 10_001, ..fans() })).await, ["group.capacity"]);
    assert_eq!(create(of(Group { purpose: 0, ..fans() })).await, ["group.purpose"]);
    assert_eq!(create(of(Group { display_name: " ".to_owned(), ..fans() })).await, ["group.display_name"]);
    assert_eq!(create(of(Group { name: FANS.to_owned(), ..fans() })).await, ["group.name"]);
    let daily = JoinThreshold { check: ThresholdCheck::Daily.into(), ..JoinThreshold::default() };
    assert_eq!(create(of(Group { threshold: Some(daily), ..fans() })).await, ["group.threshold.check"]);
    let request = CreateGroupRequest { group_id: "Bad".to_owned(), ..new_group("bad") };
    assert_eq!(create(request).await, ["group_id"]);
    assert_eq!(refusal(operators(&suite).create_group(new_group("fans")).await).1, "RESOURCE_EXISTS");
    let nowhere = CreateGroupRequest { parent: "accounts/nowhere".to_owned(), ..new_group("fans") };
    assert_eq!(refusal(operators(&suite).create_group(nowhere).await).1, "RESOURCE_NOT_FOUND");
    for paths in [&["purpose"][..], &[]] {
        let status = update(&suite, fans(), paths).await.unwrap_err();
        assert_eq!(fields(&status), ["update_mask"], "{status}");
    }
    for user in ["ann", "bob", "cat"] {
        join(&suite, user).await;
    }
    let status = update(&suite, Group { capacity: 2, ..fans() }, &["capacity"]).await.unwrap_err();
    assert_eq!(fields(&status), ["group.capacity"]);
    let future = Some(seconds_ago(&suite, -60));
    let request = ListMembersRequest { as_of: future, ..of_fans() };
    let status = members(&suite).list_members(request).await.unwrap_err();
    assert_eq!(fields(&status), ["as_of"]);
    let request = ListGroupsRequest { parent: PARENT.to_owned(), ..ListGroupsRequest::default() };
    assert_eq!(operators(&suite).list_groups(request).await.unwrap().into_inner().groups.len(), 1);
    let agent = suite.operator(PARENT, Role::Agent).await;
    assert_eq!(refusal(GroupServiceClient::new(agent).create_group(new_group("x")).await).1, "ROLE_TOO_LOW");
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    members_come_and_go_and_every_time_can_be_asked_for,
    a_join_that_is_repeated_is_made_once,
    a_full_group_opens_the_next_of_its_series,
    a_threshold_is_asked_of_the_crm_and_again_by_its_rule,
    whoever_asks_is_decided_on_and_whoever_is_invited_has_an_inviter,
    a_group_has_one_owner_and_the_blocked_are_in_none,
    a_group_is_changed_as_it_was_seen_and_closed_for_good,
    what_is_wrong_is_named_and_nothing_is_made,
);
