//! The catalog of cards (A6).

mod change;
mod mountable;

use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use crate::{
    Accounts,
    domain::{
        card::{self, Card, Content, Kind, Settings},
        conditions::Conditions,
        coupon::Stock,
    },
    events,
    store::{self, account::Account},
};

use super::fans::Standing;

pub(crate) use change::Change;
pub(crate) use mountable::mountable;

/// Most cards of an account, archived ones included.
const MOST_CARDS: i64 = 5_000;

/// What is chosen of a card when it is made.
#[derive(Debug, Clone)]
pub(crate) struct NewCard {
    pub(crate) content: Content,
    /// Of a coupon.
    pub(crate) stock: Option<i64>,
}

impl Accounts {
    /// Makes a card, under `card_id`, or under an id of our own when that is empty.
    pub(crate) async fn create_card(
        &self,
        mutation: &Mutation,
        account_id: &str,
        card_id: String,
        new: NewCard,
    ) -> Result<Card, Error> {
        check(&new.content, account_id)?;
        let now = self.clock.now();
        let card = Card {
            account_id: account_id.to_owned(),
            card_id: if card_id.is_empty() { self.ids.ulid(now) } else { card_id },
            content: new.content,
            archived: false,
            revision: 1,
            stock: new.stock.map(|stock| Stock { stock, claimed: 0, redeemed: 0 }),
            create_time: now,
            update_time: now,
        };
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            // Also keeps two from making the last card.
            lock_account(&mut tx, account_id).await?;
            check_is_new(&mut tx, &card).await?;
            store::card::insert(&mut tx, &card).await?;
            if let Some(stock) = card.stock {
                store::coupon::insert(&mut tx, account_id, &card.card_id, stock.stock).await?;
            }
            self.outbox.write(&mut tx, [events::card_changed(&card)]).await?;
            mutation.finish(tx, &card, now).await?;
            self.outbox.wake();
            Ok(card.clone())
        })
        .await
    }

    /// A card, also an archived one.
    pub(crate) async fn get_card(&self, account_id: &str, card_id: &str) -> Result<Card, Error> {
        let mut tx = self.db.begin_read().await?;
        loaded(&mut tx, account_id, card_id).await
    }

    /// A page of the cards of an account, and the token of the next.
    pub(crate) async fn list_cards(
        &self,
        account_id: &str,
        kind: Option<Kind>,
        archived: Option<bool>,
        page: &Page<String>,
    ) -> Result<(Vec<Card>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        if store::account::get(&mut tx, account_id).await?.is_none() {
            return Err(Error::not_found(&format!("accounts/{account_id}")));
        }
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::card::list(&mut tx, account_id, kind, archived, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.card_id.clone())?;
        Ok((found, next))
    }

    /// Makes changes to a card whose caller has seen it as `etag` says.
    pub(crate) async fn update_card(
        &self,
        mutation: &Mutation,
        [account_id, card_id]: [&str; 2],
        etag: &str,
        changes: &[Change],
    ) -> Result<Card, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut card = locked(&mut tx, account_id, card_id).await?;
            etag::check(etag, card.revision, &card.name())?;
            check_active(&card)?;
            for change in changes {
                change.apply(&mut card)?;
            }
            check(&card.content, account_id)?;
            change::store_stock(&mut tx, &card).await?;
            card.revision += 1;
            card.update_time = now;
            store::card::update(&mut tx, &card).await?;
            self.outbox.write(&mut tx, [events::card_changed(&card)]).await?;
            mutation.finish(tx, &card, now).await?;
            self.outbox.wake();
            Ok(card)
        })
        .await
    }

    /// Takes a card out of use.
    pub(crate) async fn archive_card(
        &self,
        mutation: &Mutation,
        account_id: &str,
        card_id: &str,
    ) -> Result<Card, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut card = locked(&mut tx, account_id, card_id).await?;
            if !card.archived {
                card.archived = true;
                card.revision += 1;
                card.update_time = now;
                store::card::update(&mut tx, &card).await?;
                self.outbox.write(&mut tx, [events::card_changed(&card)]).await?;
            }
            mutation.finish(tx, &card, now).await?;
            self.outbox.wake();
            Ok(card)
        })
        .await
    }
}

/// The card, which must be in use.
///
/// # Errors
/// NOT_FOUND where there is none, FAILED_PRECONDITION with WRONG_STATE where it is archived.
pub(crate) async fn card_in_use(tx: &mut Tx, account_id: &str, card_id: &str) -> Result<Card, Error> {
    let card = loaded(tx, account_id, card_id).await?;
    check_active(&card)?;
    Ok(card)
}

/// Refuses a card that is out of use.
///
/// # Errors
/// FAILED_PRECONDITION with WRONG_STATE.
pub(crate) fn check_active(card: &Card) -> Result<(), Error> {
    if !card.archived {
        return Ok(());
    }
    let message = format!("{} is archived", card.name());
    Err(Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("resource", card.name()))
}

/// Refuses somebody who does not meet the conditions of the card `name`.
///
/// # Errors
/// FAILED_PRECONDITION with CONDITION_NOT_MET.
pub(crate) fn check_conditions(
    conditions: &Conditions,
    standing: &Standing,
    name: &str,
) -> Result<(), Error> {
    let Some(unmet) = conditions.unmet(standing) else { return Ok(()) };
    let message = format!("{name}: the user does not meet {}: {}", unmet.condition, unmet.required);
    let error = Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message);
    Err(error.with("resource", name).with("condition", unmet.condition).with("required", unmet.required))
}

/// The card, as it is now.
async fn loaded(tx: &mut Tx, account_id: &str, card_id: &str) -> Result<Card, Error> {
    let found = store::card::get(tx, account_id, card_id).await?;
    found.ok_or_else(|| Error::not_found(&card::name(account_id, card_id)))
}

/// The card, which nobody else changes until the transaction ends.
async fn locked(tx: &mut Tx, account_id: &str, card_id: &str) -> Result<Card, Error> {
    // It is read by a statement after the lock: PostgreSQL shows one what was committed before it began.
    if store::card::lock(tx, account_id, card_id).await? {
        loaded(tx, account_id, card_id).await
    } else {
        Err(Error::not_found(&card::name(account_id, card_id)))
    }
}

async fn lock_account(tx: &mut Tx, account_id: &str) -> Result<Account, Error> {
    let found = store::account::get_for_update(tx, account_id).await?;
    found.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}")))
}

async fn check_is_new(tx: &mut Tx, card: &Card) -> Result<(), Error> {
    if store::card::get(tx, &card.account_id, &card.card_id).await?.is_some() {
        return Err(Error::exists(&card.name()));
    }
    if store::card::count(tx, &card.account_id).await? < MOST_CARDS {
        return Ok(());
    }
    let message = format!("accounts/{} has {MOST_CARDS} cards: as many as it may have", card.account_id);
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    Err(error.with("limit", MOST_CARDS.to_string()))
}

/// Refuses what breaks a rule of cards.
fn check(content: &Content, account_id: &str) -> Result<(), Error> {
    if let Some((field, rule)) = content.mistake(account_id) {
        return Err(Error::invalid_field(format!("card.{field}"), rule));
    }
    match &content.settings {
        Settings::LeadForm(form) => match form.mistake() {
            Some((field, rule)) => Err(Error::invalid_field(format!("card.lead_form.{field}"), rule)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
