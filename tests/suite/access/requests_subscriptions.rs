//! Good requests to the subscriptions service.

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{GrantRightRequest, RightKind, rights_service_client::RightsServiceClient},
    common::v1::Role,
    crm::v1::{CreateReachPolicyRequest, QuietHours, ReachPolicy, reach_service_client::ReachServiceClient},
    subscriptions::v1::{
        CancelPushRequest, CreatePushRequest, ExplainPushRequest, GetPushRequest, GetPushResultsRequest,
        ImportFollowersRequest, ImportedFollower, ListFollowersRequest, ListPushesRequest, PausePushRequest,
        PlanPushRequest, Push, RecallPushRequest, ResumePushRequest, SchedulePushRequest, SetMutualRequest,
        UpdatePushRequest,
    },
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::{
    follows,
    pushes::{pushes, text},
};

const TURNS: [&str; 3] = ["operator", "admin", "owner"];

/// What there must be in `accounts/{id}` before: the user `u1` follows, and it is quiet all day but for the hour before the
/// clock began; a push is held by that, and there is one for each role to cancel, to schedule and to recall.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let parent = format!("accounts/{id}");
    follows::follow(suite, &parent, "u1").await.unwrap();
    let grant = GrantRightRequest {
        parent: parent.clone(),
        kind: RightKind::Push.into(),
        amount: 100,
        reason: "access".to_owned(),
        ..GrantRightRequest::default()
    };
    RightsServiceClient::new(suite.client()).grant_right(grant).await.unwrap();
    let quiet_hours = Some(QuietHours { start_minute: 8 * 60, end_minute: 7 * 60 });
    let request = CreateReachPolicyRequest {
        parent: parent.clone(),
        reach_policy: Some(ReachPolicy { quiet_hours, ..ReachPolicy::default() }),
        ..CreateReachPolicyRequest::default()
    };
    ReachServiceClient::new(suite.client()).create_reach_policy(request).await.unwrap();
    make(suite, &parent, "draft", false).await;
    make(suite, &parent, "held", true).await;
    for turn in TURNS {
        make(suite, &parent, &format!("cancel-{turn}"), false).await;
        make(suite, &parent, &format!("schedule-{turn}"), false).await;
        make(suite, &parent, &format!("recall-{turn}"), true).await;
    }
}

async fn make(suite: &TestSuite, parent: &str, id: &str, is_scheduled: bool) {
    let request = CreatePushRequest {
        parent: parent.to_owned(),
        push_id: id.to_owned(),
        push: Some(push()),
        ..CreatePushRequest::default()
    };
    pushes(suite).create_push(request).await.unwrap();
    if is_scheduled {
        let name = format!("{parent}/pushes/{id}");
        let request = SchedulePushRequest { name, ..SchedulePushRequest::default() };
        pushes(suite).schedule_push(request).await.unwrap();
    }
}

fn push() -> Push {
    Push { content: Some(text("Spring is here")), ..Push::default() }
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    [followers(about), pushed(about)].concat()
}

fn followers(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let followers = vec![ImportedFollower { user: "users/u2".to_owned(), ..Default::default() }];
    vec![
        good(Role::Analyst, &ListFollowersRequest { parent: parent.clone(), ..Default::default() }),
        good(
            Role::Agent,
            &SetMutualRequest { parent: parent.clone(), user: "users/u1".to_owned(), mutual: true },
        ),
        good(Role::Admin, &ImportFollowersRequest { parent, followers }),
    ]
}

fn pushed(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let name = |id: &str| format!("{parent}/pushes/{id}");
    let own = |step: &str| name(&format!("{step}-{}", about.turn));
    let changed = Push { name: name("draft"), topic: about.turn.to_owned(), ..Push::default() };
    let new = CreatePushRequest { parent: parent.clone(), push: Some(push()), ..Default::default() };
    vec![
        good(Role::Operator, &new),
        good(Role::Analyst, &GetPushRequest { name: name("draft") }),
        good(Role::Analyst, &ListPushesRequest { parent: parent.clone(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdatePushRequest {
                push: Some(changed),
                update_mask: Some(FieldMask { paths: vec!["topic".to_owned()] }),
                ..Default::default()
            },
        ),
        good(Role::Operator, &PlanPushRequest { name: name("draft"), ..Default::default() }),
        good(Role::Operator, &SchedulePushRequest { name: own("schedule"), ..Default::default() }),
        good(Role::Operator, &CancelPushRequest { name: own("cancel") }),
        good(Role::Operator, &PausePushRequest { name: name("held") }),
        good(Role::Operator, &ResumePushRequest { name: name("held") }),
        good(Role::Operator, &RecallPushRequest { name: own("recall"), ..Default::default() }),
        good(Role::Analyst, &ExplainPushRequest { name: name("draft"), user: "users/u1".to_owned() }),
        good(Role::Analyst, &GetPushResultsRequest { name: name("draft"), ..Default::default() }),
    ]
}
