//! Good requests to the groups service.

use prost_types::FieldMask;
use siyu_proto::{
    common::v1::Role,
    groups::v1::{
        BlockMemberRequest, CloseGroupRequest, CreateGroupRequest, DecideJoinRequestRequest, GetGroupRequest,
        Group, JoinGroupRequest, JoinMode, ListBlockedMembersRequest, ListGroupsRequest,
        ListHostMessagesRequest, ListJoinRequestsRequest, ListMembersRequest, MemberRole, MuteMemberRequest,
        PinHostMessageRequest, PostHostMessageRequest, RecallHostMessageRequest, RemoveMemberRequest,
        SetMemberRoleRequest, StreamHostMessagesRequest, UnblockMemberRequest, UpdateGroupRequest,
    },
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::groups::{fans, host, memberships, new_group, operators, said};

/// Roles that calls are made with, and what is made for each beforehand.
const TURNS: [&str; 5] = ["analyst", "agent", "operator", "admin", "owner"];

/// What there must be in `accounts/{id}` before: a group with members and a message, one that users ask to come into, and the
/// blocked.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    for (group_id, join_mode) in [("fans", JoinMode::Open), ("asked", JoinMode::Approval)] {
        let group = Group { join_mode: join_mode.into(), ..fans() };
        let request =
            CreateGroupRequest { parent: parent.clone(), group: Some(group), ..new_group(group_id) };
        operators(suite).create_group(request).await.unwrap();
        for user in TURNS.into_iter().chain(["u1"]) {
            let request = JoinGroupRequest {
                name: format!("{parent}/groups/{group_id}"),
                user: format!("users/{user}"),
                ..Default::default()
            };
            memberships(suite).join_group(request).await.unwrap();
        }
    }
    let request = PostHostMessageRequest { parent: format!("{parent}/groups/fans"), ..said("hello") };
    host(suite).post_host_message(request).await.unwrap();
    for turn in TURNS {
        let user = format!("users/blocked-{turn}");
        let request = BlockMemberRequest { parent: parent.clone(), user, ..Default::default() };
        crate::groups::members(suite).block_member(request).await.unwrap();
    }
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let (account, turn) = (about.account(), about.turn);
    let parent = || account.clone();
    let group = || format!("{account}/groups/fans");
    // Of this role alone: each call finds it as it was.
    let member = || format!("{account}/groups/fans/members/{turn}");
    let own_group = || format!("{account}/groups/{turn}");
    vec![
        good(Role::Operator, &CreateGroupRequest { parent: parent(), ..new_group(turn) }),
        good(Role::Analyst, &GetGroupRequest { name: group() }),
        good(Role::Analyst, &ListGroupsRequest { parent: parent(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateGroupRequest {
                group: Some(Group { name: own_group(), ..fans() }),
                update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Agent, &ListMembersRequest { parent: group(), ..Default::default() }),
        good(
            Role::Operator,
            &SetMemberRoleRequest { name: member(), role: MemberRole::Member.into(), ..Default::default() },
        ),
        good(Role::Agent, &MuteMemberRequest { name: member(), ..Default::default() }),
        good(Role::Agent, &RemoveMemberRequest { name: member(), ..Default::default() }),
        good(
            Role::Agent,
            &ListJoinRequestsRequest { parent: format!("{account}/groups/asked"), ..Default::default() },
        ),
        good(
            Role::Agent,
            &DecideJoinRequestRequest {
                name: format!("{account}/groups/asked/joinRequests/{turn}"),
                approve: true,
                ..Default::default()
            },
        ),
        good(
            Role::Agent,
            &BlockMemberRequest { parent: parent(), user: "users/bad".to_owned(), ..Default::default() },
        ),
        good(
            Role::Agent,
            &UnblockMemberRequest {
                name: format!("{account}/blockedMembers/blocked-{turn}"),
                ..Default::default()
            },
        ),
        good(Role::Agent, &ListBlockedMembersRequest { parent: parent(), ..Default::default() }),
        good(Role::Agent, &PostHostMessageRequest { parent: group(), ..said(turn) }),
        good(Role::Agent, &ListHostMessagesRequest { parent: group(), ..Default::default() }),
        good(Role::Agent, &PinHostMessageRequest { parent: group(), sequence: 0 }),
        good(Role::Agent, &RecallHostMessageRequest { parent: group(), sequence: 1 }),
        good(Role::Agent, &StreamHostMessagesRequest { parent: group(), ..Default::default() }),
        // What an admin may close, an operator has made; an owner closes what they made.
        good(Role::Admin, &CloseGroupRequest { name: own_group(), ..Default::default() }),
    ]
}
