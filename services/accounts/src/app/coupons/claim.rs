use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_observed::Origin;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, retrying};
use siyu_telemetry::names;

use super::{
    claiming::{ClaimCall, Claimed, refused, same_claim},
    coupon_of,
};
use crate::{
    Accounts,
    app::cards::{check_active, check_conditions},
    domain::{
        card::{self, Card},
        coupon::Claim,
    },
    store,
};

/// What a user asks for.
#[derive(Debug, Clone)]
pub(crate) struct NewClaim {
    pub(crate) account_id: String,
    pub(crate) card_id: String,
    pub(crate) user_id: String,
    pub(crate) claim_id: String,
    pub(crate) origin: Origin,
}

impl Accounts {
    /// Claims a coupon for a user; again with the same id it answers the first claim.
    pub(crate) async fn claim_coupon(&self, new: &NewClaim) -> Result<Claim, Error> {
        // Again, when the conditions were changed after they were checked.
        let claimed = retrying(|| self.try_to_claim(new)).await;
        let outcome = match &claimed {
            Ok(Claimed { again: false, .. }) => "claimed",
            Ok(Claimed { again: true, .. }) => "again",
            Err(error) => outcome_of(error),
        };
        metrics::counter!(names::COUPON_CLAIMS_TOTAL, "outcome" => outcome).increment(1);
        claimed.map(|claimed| claimed.claim)
    }

    async fn try_to_claim(&self, new: &NewClaim) -> Result<Claimed, Error> {
        let mut tx = self.db.begin_read().await?;
        if let Some(first) = store::coupon_claim::get(&mut tx, &new.account_id, &new.claim_id).await? {
            return same_claim(first, new).map(|claim| Claimed { claim, again: true });
        }
        let card = claimable(&mut tx, new, self.clock.now()).await?;
        drop(tx);
        let conditions = card.content.conditions.clone();
        if !conditions.is_empty() {
            let standing = self.fans.standing(&new.account_id, &new.user_id).await?;
            check_conditions(&conditions, &standing, &card.name())?;
        }
        let call = ClaimCall { new: new.clone(), met: conditions };
        self.claiming.call(&card.name(), call).await?
    }
}

/// The coupon, as somebody sees it who does not wait for its turn: whoever comes too late is refused here, and does not
/// keep the others waiting.
async fn claimable(tx: &mut Tx, new: &NewClaim, now: Micros) -> Result<Card, Error> {
    let found = store::card::get(tx, &new.account_id, &new.card_id).await?;
    let card = found.ok_or_else(|| Error::not_found(&card::name(&new.account_id, &new.card_id)))?;
    let coupon = coupon_of(&card, "name")?;
    check_active(&card)?;
    match coupon.refusal(card.stock.unwrap_or_default(), now) {
        Some(refusal) => Err(refused(refusal, &card.name())),
        None => Ok(card),
    }
}

fn outcome_of(error: &Error) -> &'static str {
    match error.reason() {
        ErrorReason::SoldOut => "sold_out",
        ErrorReason::LimitReached => "limit_reached",
        ErrorReason::OutsideValidity => "outside_validity",
        ErrorReason::ConditionNotMet => "condition_not_met",
        _ => "failed",
    }
}
