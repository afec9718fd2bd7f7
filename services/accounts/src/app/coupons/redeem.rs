use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::{DbError, Tx};
use siyu_observed::interactions_observed;
use siyu_proto::{common::v1::ErrorReason, crm::v1::InteractionKind};
use siyu_rpc::{Error, Mutation, retrying};
use tonic::Code;

use super::{coupon_of, observed, outside_validity};
use crate::{
    Accounts,
    domain::{
        card::{self, Card},
        coupon::{Claim, Order, TillRefusal, Value, claim_name, code},
    },
    store,
};

/// What the fan shows at the till.
#[derive(Debug, Clone)]
pub(crate) enum Till {
    /// The name of the claim: ids of card and claim.
    Name { card_id: String, claim_id: String },
    /// Its code, as it was typed.
    Code(String),
}

/// A claim that was redeemed, and what it is worth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Redeemed {
    pub(crate) claim: Claim,
    pub(crate) value: Value,
}

impl Accounts {
    /// Redeems a claim of the account, once.
    pub(crate) async fn redeem_coupon(
        &self,
        mutation: &Mutation,
        account_id: &str,
        shown: &Till,
        order: &Order,
    ) -> Result<Redeemed, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut claim = locked(&mut tx, account_id, shown).await?;
            let card = card_of(&mut tx, &claim).await?;
            let value = coupon_of(&card, "name")?.value;
            claim.redeem(value, order, now).map_err(|refusal| refused(refusal, &claim.name()))?;
            self.store_redeemed(&mut tx, &claim, now).await?;
            let redeemed = Redeemed { claim, value };
            mutation.finish(tx, &redeemed, now).await?;
            self.outbox.wake();
            Ok(redeemed)
        })
        .await
    }

    async fn store_redeemed(&self, tx: &mut Tx, claim: &Claim, now: Micros) -> Result<(), Error> {
        let Claim { account_id, card_id, claim_id, .. } = claim;
        store::coupon_claim::redeem(tx, claim).await?;
        store::coupon::add_redeemed(tx, account_id, card_id).await?;
        let event_id = format!("redeem:{claim_id}");
        let interaction = observed(claim, InteractionKind::CouponRedeem, event_id, now);
        let events = interactions_observed(account_id, [interaction.into()]);
        Ok(self.outbox.write(tx, events).await?)
    }
}

/// The claim, which nobody else redeems until the transaction ends.
async fn locked(tx: &mut Tx, account_id: &str, shown: &Till) -> Result<Claim, Error> {
    let found = match shown {
        Till::Name { claim_id, .. } => store::coupon_claim::lock(tx, account_id, claim_id).await?,
        Till::Code(typed) => store::coupon_claim::lock_by_code(tx, account_id, &code::typed(typed)).await?,
    };
    match shown {
        Till::Name { card_id, claim_id } => {
            let of_card = found.filter(|claim| claim.card_id == *card_id);
            of_card.ok_or_else(|| Error::not_found(&claim_name(account_id, card_id, claim_id)))
        }
        Till::Code(_) => found.ok_or_else(|| Error::not_found("a claim with this code")),
    }
}

/// The coupon of a claim; archived ones too.
async fn card_of(tx: &mut Tx, claim: &Claim) -> Result<Card, Error> {
    let found = store::card::get(tx, &claim.account_id, &claim.card_id).await?;
    let missing = || DbError::broken(format!("no {}", card::name(&claim.account_id, &claim.card_id)));
    Ok(found.ok_or_else(missing)?)
}

/// What the till is told when the claim `name` cannot be redeemed.
fn refused(refusal: TillRefusal, name: &str) -> Error {
    match refusal {
        TillRefusal::Redeemed { time } => {
            let message = format!("{name} was redeemed at {time}: it is redeemed once");
            let error = Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message);
            error.with("resource", name).with("redeem_time", time.to_string())
        }
        TillRefusal::Expired { end } => {
            outside_validity(format!("{name} could be redeemed until {end}"), "end_time", end)
        }
        TillRefusal::BelowThreshold { threshold_minor } => {
            let message = format!("{name}: the order must amount to {threshold_minor} at least");
            let error = Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message);
            error.with("condition", "threshold_minor").with("required", threshold_minor.to_string())
        }
    }
}
