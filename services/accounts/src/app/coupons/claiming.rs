//! Claims of concurrent calls, decided together: one transaction, one sync of the disk, an answer for each.

use std::collections::{BTreeMap, BTreeSet};

use siyu_clock::{Clock, Ids, Micros};
use siyu_db::{Db, DbError, Engine, Tx};
use siyu_observed::interactions_observed;
use siyu_outbox::{Draft, Outbox};
use siyu_proto::{common::v1::ErrorReason, crm::v1::InteractionKind};
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};
use tonic::Code;

use super::{NewClaim, coupon_of, observed, outside_validity};
use crate::{
    app::cards::check_active,
    domain::{
        card::{self, Card},
        conditions::Conditions,
        coupon::{Claim, ClaimRefusal, Claims, Stock, claim_name, code},
    },
    events, store,
};

/// Transactions at once under PostgreSQL; SQLite has one writer. Claims of one coupon take turns anyway.
const LANES: usize = 4;
/// Calls after which a transaction takes no others: its statements are as good as they get.
const MOST_CALLS: usize = 256;

/// One call.
#[derive(Debug)]
pub(crate) struct ClaimCall {
    pub(crate) new: NewClaim,
    /// The conditions that the user was seen to meet.
    pub(crate) met: Conditions,
}

/// What a call gets.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) claim: Claim,
    /// It was claimed before, by the same call.
    pub(crate) again: bool,
}

/// Decides claims.
#[derive(Debug)]
pub(crate) struct Claiming {
    db: Db,
    clock: Clock,
    ids: Ids,
    outbox: Outbox,
}

impl Claiming {
    /// Starts it. To be called inside a tokio runtime.
    pub(crate) fn start(db: Db, clock: Clock, ids: Ids, outbox: Outbox) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        let limits = Limits { lanes, calls: MOST_CALLS, weight: MOST_CALLS };
        GroupCommit::start(Self { db, clock, ids, outbox }, limits)
    }
}

#[tonic::async_trait]
impl Batch for Claiming {
    const NAME: &'static str = "accounts.claim";
    type Call = ClaimCall;
    type Answer = Result<Claimed, Error>;

    fn weight(_: &ClaimCall) -> usize {
        1
    }

    async fn run(&self, calls: &[ClaimCall]) -> Result<Vec<Self::Answer>, Error> {
        // In one order everywhere: two transactions that take several accounts never wait for each other in a circle.
        let mut accounts: BTreeMap<&str, Vec<(usize, &ClaimCall)>> = BTreeMap::new();
        for (place, call) in calls.iter().enumerate() {
            accounts.entry(&call.new.account_id).or_default().push((place, call));
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let mut answers = Vec::with_capacity(calls.len());
        for (account_id, calls) in accounts {
            let mut counter = Counter::open(&mut tx, account_id, &calls).await?;
            for (place, call) in calls {
                answers.push((place, counter.serve(call, &self.ids, now)));
            }
            let events = counter.close(&mut tx, account_id).await?;
            self.outbox.write(&mut tx, events).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        answers.sort_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

/// Coupons of one account, which nobody else changes until the transaction ends.
struct Counter {
    coupons: BTreeMap<String, (Card, Claims)>,
    /// Claims that there are, of those that are asked for.
    claims: BTreeMap<String, Claim>,
    new: Vec<Claim>,
}

impl Counter {
    /// Locks the coupons that the calls are about, and loads what is decided by.
    async fn open(tx: &mut Tx, account_id: &str, calls: &[(usize, &ClaimCall)]) -> Result<Self, Error> {
        let asked = || calls.iter().map(|(_, call)| &call.new);
        let card_ids: BTreeSet<&str> = asked().map(|new| new.card_id.as_str()).collect();
        let user_ids: BTreeSet<&str> = asked().map(|new| new.user_id.as_str()).collect();
        let claim_ids: BTreeSet<&str> = asked().map(|new| new.claim_id.as_str()).collect();
        store::coupon::lock(tx, account_id, card_ids.iter().copied()).await?;
        let mut counts: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for (card_id, user_id, count) in store::coupon_claim::count_by_fan(tx, account_id, user_ids).await? {
            counts.entry(card_id).or_default().insert(user_id, count);
        }
        let mut coupons = BTreeMap::new();
        for card in store::card::get_many(tx, account_id, card_ids).await? {
            let (coupon, stock) = (*coupon_of(&card, "name")?, card.stock.unwrap_or_default());
            let by_fan = counts.remove(&card.card_id).unwrap_or_default();
            coupons.insert(card.card_id.clone(), (card, Claims::new(coupon, stock, by_fan)));
        }
        let claims = store::coupon_claim::find(tx, account_id, claim_ids).await?;
        let claims = claims.into_iter().map(|claim| (claim.claim_id.clone(), claim)).collect();
        Ok(Self { coupons, claims, new: Vec::new() })
    }

    /// Decides one call.
    fn serve(&mut self, call: &ClaimCall, ids: &Ids, now: Micros) -> Result<Claimed, Error> {
        let new = &call.new;
        if let Some(first) = self.claims.get(&new.claim_id) {
            return same_claim(first.clone(), new).map(|claim| Claimed { claim, again: true });
        }
        let name = card::name(&new.account_id, &new.card_id);
        let (card, claims) = self.coupons.get_mut(&new.card_id).ok_or_else(|| Error::not_found(&name))?;
        check_active(card)?;
        if card.content.conditions != call.met {
            return Err(conflict("the conditions of the coupon were changed just now; try again"));
        }
        let expire_time = claims.claim(&new.user_id, now).map_err(|refusal| refused(refusal, &name))?;
        let mut random = [0; 8];
        ids.fill(&mut random);
        let claim = Claim {
            account_id: new.account_id.clone(),
            card_id: new.card_id.clone(),
            claim_id: new.claim_id.clone(),
            user_id: new.user_id.clone(),
            code: code::of(random),
            origin: new.origin.clone(),
            claim_time: now,
            expire_time,
            redemption: None,
        };
        self.claims.insert(claim.claim_id.clone(), claim.clone());
        self.new.push(claim.clone());
        Ok(Claimed { claim, again: false })
    }

    /// Stores what was decided; answers what is to be told of it.
    async fn close(self, tx: &mut Tx, account_id: &str) -> Result<Vec<Draft>, Error> {
        if self.new.is_empty() {
            return Ok(Vec::new());
        }
        store::coupon_claim::insert(tx, account_id, &self.new).await.map_err(taken_meanwhile)?;
        let counts = self.coupons.iter().map(|(card_id, (_, claims))| (card_id.as_str(), claims.accepted()));
        let counts: Vec<_> = counts.filter(|(_, accepted)| *accepted > 0).collect();
        store::coupon::add_claimed(tx, account_id, &counts).await?;
        let interactions = self.new.iter().map(|claim| {
            let event_id = format!("claim:{}", claim.claim_id);
            observed(claim, InteractionKind::CouponClaim, event_id, claim.claim_time).into()
        });
        let mut told = interactions_observed(account_id, interactions);
        told.extend(self.coupons.values().filter_map(sold_out));
        Ok(told)
    }
}

/// Tells that the last of a coupon was claimed just now, if it was: whoever shows it shows it otherwise from now on.
fn sold_out((card, claims): &(Card, Claims)) -> Option<Draft> {
    let stock = card.stock.filter(|_| claims.accepted() > 0)?;
    let claimed = stock.claimed + claims.accepted();
    let card = Card { stock: Some(Stock { claimed, ..stock }), ..card.clone() };
    (claimed >= stock.stock).then(|| events::card_changed(&card))
}

/// The claim that has the id of a call, if it is what the call asks for.
///
/// # Errors
/// ALREADY_EXISTS when the id names another claim.
pub(super) fn same_claim(first: Claim, new: &NewClaim) -> Result<Claim, Error> {
    if first.user_id == new.user_id && first.card_id == new.card_id {
        return Ok(first);
    }
    let name = claim_name(&new.account_id, &new.card_id, &new.claim_id);
    let message = format!("claim_id: {:?} names another claim of the account", new.claim_id);
    Err(Error::new(Code::AlreadyExists, ErrorReason::ResourceExists, message).with("resource", name))
}

/// What a user is told who does not get the coupon `name`.
pub(super) fn refused(refusal: ClaimRefusal, name: &str) -> Error {
    match refusal {
        ClaimRefusal::NotYet { start } => {
            outside_validity(format!("{name} can be claimed from {start} on"), "start_time", start)
        }
        ClaimRefusal::Over { end } => {
            outside_validity(format!("{name} could be claimed until {end}"), "end_time", end)
        }
        ClaimRefusal::CapReached { cap } => {
            let message = format!("{name}: the user has claimed {cap}, as many as one may have");
            let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
            error.with("limit", cap.to_string())
        }
        ClaimRefusal::SoldOut { stock } => {
            let message = format!("{name}: all {stock} are claimed");
            Error::new(Code::ResourceExhausted, ErrorReason::SoldOut, message).with("resource", name)
        }
    }
}

/// Another transaction took a claim id or, once in a very long time, a code: the next attempt sees it.
fn taken_meanwhile(error: DbError) -> Error {
    match error {
        DbError::Duplicate { .. } => {
            conflict("another call used the same claim_id just now; try again").caused_by(error)
        }
        other => other.into(),
    }
}

fn conflict(message: &str) -> Error {
    Error::new(Code::Aborted, ErrorReason::Contention, message)
}
