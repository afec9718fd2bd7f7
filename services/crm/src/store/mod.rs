//! What is stored, one function a statement. Bulk statements take their rows as one JSON parameter, which both
//! databases read at a few hundred thousand rows a second and which needs no generated SQL.

pub(crate) mod account;
pub(crate) mod bitmap;
pub(crate) mod content_topic;
pub(crate) mod fan;
pub(crate) mod fan_change;
pub(crate) mod fan_facts;
pub(crate) mod fan_tag;
pub(crate) mod figures;
pub(crate) mod import;
pub(crate) mod interaction;
pub(crate) mod known_account;
pub(crate) mod lifecycle_rules;
pub(crate) mod package;
pub(crate) mod person;
pub(crate) mod profile;
pub(crate) mod purchase;
pub(crate) mod reach;
pub(crate) mod reach_policy;
pub(crate) mod reach_preference;
pub(crate) mod segment;
pub(crate) mod shared_reach;
pub(crate) mod shared_touch;
pub(crate) mod tag;
pub(crate) mod tag_rule;
pub(crate) mod tier_change;
pub(crate) mod tier_rules;
pub(crate) mod touch;
pub(crate) mod traffic;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [
        account::STATEMENTS,
        content_topic::STATEMENTS,
        fan::STATEMENTS,
        fan_change::STATEMENTS,
        fan_facts::STATEMENTS,
        fan_tag::STATEMENTS,
        figures::STATEMENTS,
        import::STATEMENTS,
        interaction::STATEMENTS,
        known_account::STATEMENTS,
        lifecycle_rules::STATEMENTS,
        package::STATEMENTS,
        person::STATEMENTS,
        profile::STATEMENTS,
        purchase::STATEMENTS,
        reach::STATEMENTS,
        reach_policy::STATEMENTS,
        reach_preference::STATEMENTS,
        segment::STATEMENTS,
        shared_reach::STATEMENTS,
        shared_touch::STATEMENTS,
        tag::STATEMENTS,
        tag_rule::STATEMENTS,
        tier_change::STATEMENTS,
        tier_rules::STATEMENTS,
        touch::STATEMENTS,
        traffic::STATEMENTS,
    ]
    .concat()
}
