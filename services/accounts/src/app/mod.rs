//! The use cases.

mod api_keys;
mod appointments;
mod authority;
mod bookings;
pub(crate) mod cards;
mod certification;
mod contents;
pub(crate) mod coupons;
mod create;
pub(crate) mod engagement;
mod entry_codes;
pub(crate) mod fans;
mod grants;
pub(crate) mod homepage;
mod lead_pipeline;
mod leads;
mod operators;
mod read;
pub(crate) mod rights;
mod signing_keys;
mod tokens;
mod update;

use siyu_db::{DbError, Tx};
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use tonic::Code;

use crate::store::{self, account::Account};

pub(crate) use api_keys::NewApiKey;
pub(crate) use appointments::{NewAppointment, With};
pub(crate) use bookings::{BookingView, NewBooking, NewSlot};
pub(crate) use certification::{Application, Decision, certification_class};
pub(crate) use contents::{ContentChange, NewContent};
pub(crate) use entry_codes::{EntryCodeChange, NewEntryCode, ScanCall, Scans};
pub(crate) use lead_pipeline::{
    NewSettings as NewLeadSettings, ReportRow as LeadReportRow, Target as HandOverTarget, Wish as LeadWish,
};
pub(crate) use leads::{LeadView, NewLead, newest_lead};
pub(crate) use operators::NewOperator;
pub(crate) use tokens::DEFAULT_LIFE as DEFAULT_TOKEN_LIFE;
pub(crate) use update::Change;

/// What may be chosen of an account when it is created.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewAccount {
    pub(crate) display_name: String,
    pub(crate) time_zone: String,
    pub(crate) currency_code: String,
    pub(crate) profile: Profile,
}

/// Who an account is to its fans.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    pub(crate) industry: String,
    pub(crate) persona: String,
    pub(crate) regions: Vec<String>,
    pub(crate) opening_hours: Vec<crate::domain::calendar::Period>,
}

/// Another call stored something under the same key meanwhile: the next attempt will see it.
fn collided(error: DbError) -> Error {
    match error {
        DbError::Duplicate { .. } => {
            let message = "another call did the same meanwhile; try again";
            Error::new(Code::Aborted, ErrorReason::Contention, message)
        }
        other => other.into(),
    }
}

/// The account, which must exist.
async fn account(tx: &mut Tx, account_id: &str) -> Result<Account, Error> {
    let found = store::account::get(tx, account_id).await?;
    found.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}")))
}
