//! What is stored, one function a statement.

pub(crate) mod account;
pub(crate) mod api_key;
pub(crate) mod appointment;
pub(crate) mod booking;
pub(crate) mod booking_slot;
pub(crate) mod card;
pub(crate) mod certification;
pub(crate) mod content;
pub(crate) mod coupon;
pub(crate) mod coupon_claim;
pub(crate) mod enterprise;
pub(crate) mod entry_code;
pub(crate) mod entry_scan;
pub(crate) mod homepage;
pub(crate) mod lead;
pub(crate) mod lead_change;
pub(crate) mod lead_pipeline;
pub(crate) mod lead_task;
pub(crate) mod operator;
pub(crate) mod right_ledger;
pub(crate) mod right_policy;
pub(crate) mod right_reservation;
pub(crate) mod right_wallet;
pub(crate) mod signing_key;

use siyu_db::Statement;

/// Every SQL statement of the service.
pub(crate) fn statements() -> Vec<Statement> {
    [
        account::STATEMENTS,
        api_key::STATEMENTS,
        booking::STATEMENTS,
        booking_slot::STATEMENTS,
        appointment::STATEMENTS,
        card::STATEMENTS,
        certification::STATEMENTS,
        content::STATEMENTS,
        coupon::STATEMENTS,
        coupon_claim::STATEMENTS,
        enterprise::STATEMENTS,
        homepage::STATEMENTS,
        homepage::schedule::STATEMENTS,
        homepage::version::STATEMENTS,
        lead::STATEMENTS,
        lead_change::STATEMENTS,
        lead_pipeline::STATEMENTS,
        lead_task::STATEMENTS,
        entry_code::STATEMENTS,
        entry_scan::STATEMENTS,
        operator::STATEMENTS,
        right_ledger::STATEMENTS,
        right_policy::STATEMENTS,
        right_reservation::STATEMENTS,
        right_wallet::STATEMENTS,
        signing_key::STATEMENTS,
    ]
    .concat()
}
