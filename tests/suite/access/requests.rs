//! A good request to every method that needs a role somewhere: a file for each package.

use prost::Message;
use siyu_proto::{
    Call, METHODS,
    common::v1::{Access, Role},
};
use siyu_tests::TestSuite;

/// What good requests are about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) suite: &'a TestSuite,
    /// Of the account `accounts/{id}` in the enterprise `enterprises/{id}`.
    pub(super) id: &'a str,
    /// Different whenever the requests are sent again, for what can be made but once: lower-case letters.
    pub(super) turn: &'a str,
}

impl About<'_> {
    pub(super) fn account(&self) -> String {
        format!("accounts/{}", self.id)
    }

    pub(super) fn enterprise(&self) -> String {
        format!("enterprises/{}", self.id)
    }
}

/// A request that whoever has the role can make.
#[derive(Clone)]
pub(super) struct Good {
    pub(super) path: &'static str,
    /// The least role it takes.
    pub(super) least: Role,
    pub(super) message: Vec<u8>,
}

pub(super) fn good<T: Call + Message>(least: Role, request: &T) -> Good {
    Good { path: T::method().path, least, message: request.encode_to_vec() }
}

/// Good requests to all methods that need a role.
pub(super) fn all(about: About<'_>) -> Vec<Good> {
    [
        super::requests_accounts::all(about),
        super::requests_audiences::all(about),
        super::requests_cards::all(about),
        super::requests_codes::all(about),
        super::requests_common::all(about),
        super::requests_crm::all(about),
        super::requests_envelopes::all(about),
        super::requests_groups::all(about),
        super::requests_homepage::all(about),
        super::requests_leads::all(about),
        super::requests_messaging::all(about),
        super::requests_subscriptions::all(about),
        super::requests_reach::all(about),
        super::requests_tags::all(about),
        super::requests_traffic::all(about),
    ]
    .concat()
}

async fn every_method_that_needs_a_role_has_one_good_request(suite: TestSuite) {
    let requests = all(About { suite: &suite, id: "mine", turn: "once" });
    let wrong = METHODS.iter().filter(|method| method.access == Access::Resource).filter_map(|method| {
        let count = requests.iter().filter(|request| request.path == method.path).count();
        let package = method.path.split('.').nth(1)?;
        (count != 1).then(|| format!("{}: {count} in requests_{package}.rs", method.path))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "one good request each in tests/suite/access/:\n{}", wrong.join("\n"));
    suite.finish().await;
}

siyu_tests::on_both_engines!(every_method_that_needs_a_role_has_one_good_request);
