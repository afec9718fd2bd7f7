//! Coupons in the hands of fans (A6).

mod claim;
mod claiming;
mod read;
mod redeem;

use siyu_clock::Micros;
use siyu_observed::interaction;
use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{Interaction, InteractionKind},
};
use siyu_rpc::Error;
use tonic::Code;

use crate::domain::{
    card::{self, Card, Settings},
    coupon::{Claim, Coupon},
};

pub(crate) use claim::NewClaim;
pub(crate) use claiming::Claiming;
pub(crate) use redeem::Till;

/// The settings of a coupon.
///
/// # Errors
/// INVALID_ARGUMENT for `field` when the card is of another kind.
fn coupon_of<'a>(card: &'a Card, field: &str) -> Result<&'a Coupon, Error> {
    match &card.content.settings {
        Settings::Coupon(coupon) => Ok(coupon),
        other => {
            let rule = format!("must be a coupon: the card is of the kind {}", other.kind().name());
            Err(Error::invalid_field(field, rule))
        }
    }
}

/// Refused because of the time, or of the moment that comes next.
fn outside_validity(message: String, key: &str, moment: Micros) -> Error {
    let error = Error::new(Code::FailedPrecondition, ErrorReason::OutsideValidity, message);
    error.with(key, moment.to_string())
}

/// What a fan did with a claim, for the CRM.
fn observed(claim: &Claim, kind: InteractionKind, event_id: String, time: Micros) -> Interaction {
    let target = card::name(&claim.account_id, &claim.card_id);
    interaction(event_id, &claim.user_id, kind, time, target, &claim.origin)
}
