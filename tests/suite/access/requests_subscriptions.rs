//! Good requests to the subscriptions service.

use siyu_proto::{
    common::v1::Role,
    subscriptions::v1::{ImportFollowersRequest, ImportedFollower, ListFollowersRequest, SetMutualRequest},
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::follows;

/// What there must be in `accounts/{id}` before: the user `u1` follows.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    follows::follow(suite, &format!("accounts/{id}"), "u1").await.unwrap();
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
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
