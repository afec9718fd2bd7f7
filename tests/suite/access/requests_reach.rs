//! Good requests about reach of `siyu.crm.v1`.

use siyu_proto::{
    common::v1::Role,
    crm::v1::{
        CreateReachPolicyRequest, ExplainReachRequest, GetReachPolicyRequest, ReachChannel, ReachPolicy,
    },
};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    vec![
        good(
            Role::Admin,
            &CreateReachPolicyRequest {
                parent: parent.clone(),
                reach_policy: Some(ReachPolicy::default()),
                ..Default::default()
            },
        ),
        good(Role::Analyst, &GetReachPolicyRequest { parent: parent.clone(), time: None }),
        good(
            Role::Analyst,
            &ExplainReachRequest {
                user: "users/u1".to_owned(),
                message: format!("{parent}/pushes/spring"),
                channel: ReachChannel::Push.into(),
                parent,
                ..Default::default()
            },
        ),
    ]
}
