use siyu_rpc::{Error, Page};

use super::coupon_of;
use crate::{
    Accounts,
    domain::{
        card,
        coupon::{Claim, claim_name},
    },
    store::{self, coupon_claim::Place},
};

impl Accounts {
    /// A claim.
    pub(crate) async fn get_claim(&self, [account_id, card_id, claim_id]: [&str; 3]) -> Result<Claim, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::coupon_claim::get(&mut tx, account_id, claim_id).await?;
        let of_card = found.filter(|claim| claim.card_id == card_id);
        of_card.ok_or_else(|| Error::not_found(&claim_name(account_id, card_id, claim_id)))
    }

    /// A page of the claims of a coupon, newest first, and the token of the next.
    pub(crate) async fn list_claims(
        &self,
        account_id: &str,
        card_id: &str,
        page: &Page<Place>,
    ) -> Result<(Vec<Claim>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let card = store::card::get(&mut tx, account_id, card_id).await?;
        coupon_of(&card.ok_or_else(|| Error::not_found(&card::name(account_id, card_id)))?, "parent")?;
        let mut found =
            store::coupon_claim::list(&mut tx, account_id, card_id, &before(page), page.limit()).await?;
        let next = page.finish(&mut found, place)?;
        Ok((found, next))
    }

    /// A page of what a user has claimed of an account, newest first, and the token of the next.
    pub(crate) async fn list_user_claims(
        &self,
        account_id: &str,
        user_id: &str,
        page: &Page<Place>,
    ) -> Result<(Vec<Claim>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        if store::account::get(&mut tx, account_id).await?.is_none() {
            return Err(Error::not_found(&format!("accounts/{account_id}")));
        }
        let mut found =
            store::coupon_claim::list_of_user(&mut tx, account_id, user_id, &before(page), page.limit())
                .await?;
        let next = page.finish(&mut found, place)?;
        Ok((found, next))
    }
}

fn before(page: &Page<Place>) -> Place {
    page.after.clone().unwrap_or((i64::MAX, String::new()))
}

fn place(claim: &Claim) -> Place {
    (claim.claim_time.0, claim.claim_id.clone())
}
