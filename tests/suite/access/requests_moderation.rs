//! Good requests about moderation and group sendings of the messaging service.

use prost_types::Timestamp;
use siyu_proto::{
    common::v1::Role,
    messaging::v1::{
        AddWordsRequest, BlockUserRequest, CancelGroupSendRequest, CreateGroupSendRequest,
        DecideReviewItemRequest, GetGroupSendRequest, GroupSend, ListBlockedUsersRequest,
        ListGroupSendOutcomesRequest, ListGroupSendsRequest, ListModerationHitsRequest,
        ListReviewItemsRequest, ListWordsRequest, ModerationAction, PauseGroupSendRequest,
        RemoveWordsRequest, ReportMessageRequest, ResumeGroupSendRequest, ReviewState, UnblockUserRequest,
        UpdateWordMatchingRequest, WordMatching,
    },
};
use siyu_tests::{TestSuite, group_sends::sending};

use super::requests::{About, Good, good};
use crate::{
    group_sends::group_sends,
    moderation::{moderation, words},
    support::seconds_ago,
};

/// What there must be in `accounts/{id}` before: the second message to the user `u1` was reported; two group sendings wait.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    let (user, comment) = ("users/u1".to_owned(), String::new());
    let request = ReportMessageRequest { parent: parent.clone(), user, sequence: 2, comment };
    moderation(suite).report_message(request).await.unwrap();
    for id in ["spring", "summer"] {
        let request = group_send(&parent, id, Some(seconds_ago(suite, -30 * 86_400)));
        group_sends(suite).create_group_send(request).await.unwrap();
    }
}

/// To the package `fans` of an account.
fn group_send(parent: &str, id: &str, schedule_time: Option<Timestamp>) -> CreateGroupSendRequest {
    let request = sending(id, 60);
    let package = format!("{parent}/packages/fans");
    let group_send = GroupSend { package, schedule_time, ..request.group_send.unwrap() };
    CreateGroupSendRequest { parent: parent.to_owned(), group_send: Some(group_send), ..request }
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = || about.account();
    let sent = |id: &str| format!("{}/groupSends/{id}", about.account());
    vec![
        good(Role::Operator, &group_send(&parent(), about.turn, None)),
        good(Role::Analyst, &GetGroupSendRequest { name: sent("spring") }),
        good(Role::Analyst, &ListGroupSendsRequest { parent: parent(), ..Default::default() }),
        good(Role::Analyst, &ListGroupSendOutcomesRequest { parent: sent("spring"), ..Default::default() }),
        good(Role::Operator, &PauseGroupSendRequest { name: sent("spring") }),
        good(Role::Operator, &ResumeGroupSendRequest { name: sent("spring") }),
        good(Role::Operator, &CancelGroupSendRequest { name: sent("summer") }),
        good(
            Role::Admin,
            &AddWordsRequest { parent: parent(), words: words(&[("spam", ModerationAction::Mask)]) },
        ),
        good(Role::Admin, &RemoveWordsRequest { parent: parent(), words: vec!["spam".to_owned()] }),
        good(Role::Admin, &ListWordsRequest { parent: parent(), ..Default::default() }),
        good(
            Role::Admin,
            &UpdateWordMatchingRequest { parent: parent(), matching: Some(WordMatching::default()) },
        ),
        good(
            Role::Agent,
            &BlockUserRequest { parent: parent(), user: "users/u2".to_owned(), reason: String::new() },
        ),
        good(Role::Agent, &UnblockUserRequest { parent: parent(), user: "users/u2".to_owned() }),
        good(Role::Agent, &ListBlockedUsersRequest { parent: parent(), ..Default::default() }),
        good(Role::Admin, &ListModerationHitsRequest { parent: parent(), ..Default::default() }),
        good(Role::Admin, &ListReviewItemsRequest { parent: parent(), ..Default::default() }),
        good(
            Role::Admin,
            &DecideReviewItemRequest {
                name: format!("{}/reviewItems/report:2:u1", parent()),
                state: ReviewState::Dismissed.into(),
            },
        ),
    ]
}
