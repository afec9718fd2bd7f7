//! What users do at the places an account puts up: its codes outside, its homepage, the cards there.

use rand::RngExt;
use siyu_proto::crm::v1::InteractionKind as Kind;

use super::{Relation, Simulation, Visit, model, pick};
use crate::demo::traffic::{
    brand::STORE,
    places::{self, FANS_COUPON, SKIN_TEST, STORE_VISIT, WELCOME_COUPON},
};

impl Simulation {
    /// Scans a code, which leads to the homepage.
    pub(super) fn scan(&mut self, relation: &mut Relation, visit: &mut Visit) -> anyhow::Result<()> {
        let account_id = self.account_ids[relation.account];
        let code = *pick(&mut self.rng, &model::ENTRY_CODES)?;
        visit.mount = places::entry_code(account_id, code);
        self.act(relation, visit, Kind::Scan, places::homepage(account_id));
        Ok(())
    }

    pub(super) fn look_at_homepage(
        &mut self,
        relation: &mut Relation,
        visit: &mut Visit,
    ) -> anyhow::Result<()> {
        let account_id = self.account_ids[relation.account];
        visit.mount = places::homepage(account_id);
        self.act(relation, visit, Kind::HomepageVisit, places::homepage(account_id));
        if self.rng.random_bool(relation.persona.click) {
            let card = match *pick(&mut self.rng, &model::CARDS)? {
                SKIN_TEST if relation.account == STORE => STORE_VISIT,
                card => card,
            };
            self.use_card(relation, visit, card);
        }
        if self.rng.random_bool(model::HOMEPAGE_TO_MESSAGE) {
            self.act(relation, visit, Kind::Click, places::message_entrance(account_id));
            for _ in 0..self.rng.random_range(1..=2) {
                self.act(relation, visit, Kind::PrivateMessage, String::new());
            }
        }
        Ok(())
    }

    fn use_card(&mut self, relation: &mut Relation, visit: &mut Visit, card_id: &str) {
        let card = places::card(self.account_ids[relation.account], card_id);
        self.act(relation, visit, Kind::Click, card.clone());
        if !self.rng.random_bool(model::USE_CARD) {
            return;
        }
        match card_id {
            WELCOME_COUPON | FANS_COUPON => self.claim(relation, visit, card),
            SKIN_TEST | STORE_VISIT if !relation.left_contact => {
                relation.left_contact = true;
                let kind = if card_id == SKIN_TEST { Kind::Lead } else { Kind::Booking };
                self.act(relation, visit, kind, card);
            }
            _ => {}
        }
    }

    /// Tries to claim a coupon, once. Who learns that it is for followers may follow for it, and tries again.
    fn claim(&mut self, relation: &mut Relation, visit: &mut Visit, card: String) {
        if relation.coupons.contains(&card) {
            return;
        }
        self.act(relation, visit, Kind::CouponClaim, card.clone());
        if card.ends_with(FANS_COUPON) && !relation.following {
            self.perhaps_follow(relation, visit, model::FOLLOW_FOR_COUPON);
            if !relation.following {
                return;
            }
            self.act(relation, visit, Kind::CouponClaim, card.clone());
        }
        relation.coupons.push(card);
    }
}
