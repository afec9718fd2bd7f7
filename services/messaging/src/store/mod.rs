//! What is stored, one function a statement.

pub(crate) mod account_setting;
pub(crate) mod agent;
pub(crate) mod archive;
pub(crate) mod canned_reply;
pub(crate) mod conversation;
pub(crate) mod desk;
pub(crate) mod desk_macro;
pub(crate) mod group_send;
pub(crate) mod inbox;
pub(crate) mod message;
pub(crate) mod moderation;
pub(crate) mod note;
pub(crate) mod policy;
pub(crate) mod questionnaire;
pub(crate) mod questionnaire_run;
pub(crate) mod queue;
pub(crate) mod reply_rule;
pub(crate) mod retention;
pub(crate) mod review;
pub(crate) mod used_right;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [
        archive::STATEMENTS,
        conversation::STATEMENTS,
        group_send::STATEMENTS,
        inbox::STATEMENTS,
        message::STATEMENTS,
        moderation::STATEMENTS,
        policy::STATEMENTS,
        questionnaire::STATEMENTS,
        questionnaire_run::STATEMENTS,
        retention::STATEMENTS,
        review::STATEMENTS,
        used_right::STATEMENTS,
        agent::STATEMENTS,
        canned_reply::STATEMENTS,
        desk::STATEMENTS,
        desk_macro::STATEMENTS,
        note::STATEMENTS,
        queue::STATEMENTS,
        account_setting::STATEMENTS,
        reply_rule::STATEMENTS,
    ]
    .concat()
}
