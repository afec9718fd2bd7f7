use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, statements};
use siyu_observed::Origin;

use crate::sealing::Sealed;

statements! {
    INSERT = "INSERT INTO lead (account_id, lead_id, card_id, user_id, state, key_id, sealed, consent_version, mount, \
              source_domain, campaign, day, number_of_day, create_time) \
              VALUES ($1, $2, $3, $4, 'stored', $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    GET = "SELECT * FROM lead WHERE account_id = $1 AND lead_id = $2";
    COUNT_OF_DAY = "SELECT COUNT(*) FROM lead WHERE account_id = $1 AND card_id = $2 AND user_id = $3 AND day = $4";
    LIST = "SELECT * FROM lead WHERE account_id = $1 AND (create_time, lead_id) < ($2, $3) \
            ORDER BY create_time DESC, lead_id DESC LIMIT $4";
    LIST_OF_FORM = "SELECT * FROM lead WHERE account_id = $1 AND (create_time, lead_id) < ($2, $3) AND card_id = $5 \
                    ORDER BY create_time DESC, lead_id DESC LIMIT $4";
    ERASE = "UPDATE lead SET state = 'erased', key_id = '', sealed = '', erase_time = $3 \
             WHERE account_id = $1 AND lead_id = $2";
    INSERT_CONSENT = "INSERT INTO lead_consent (account_id, consent_version, consent_text, create_time) \
                      VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, consent_version) DO NOTHING";
    CONSENT = "SELECT consent_text FROM lead_consent WHERE account_id = $1 AND consent_version = $2";
}

/// What a user left in a lead form, as stored.
#[derive(Debug, Clone, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct Lead {
    pub(crate) account_id: String,
    pub(crate) lead_id: String,
    /// The form.
    pub(crate) card_id: String,
    pub(crate) user_id: String,
    pub(crate) key_id: String,
    /// The answers, encrypted; empty once erased.
    pub(crate) sealed: String,
    pub(crate) consent_version: String,
    #[sqlx(flatten)]
    pub(crate) origin: Origin,
    /// The day of the account, in days since 1970.
    pub(crate) day: i64,
    /// Which of the user's leads in this form on that day it is, from 1.
    pub(crate) number_of_day: i64,
    pub(crate) create_time: i64,
    pub(crate) erase_time: Option<i64>,
}

/// The newest lead of those to be listed: all that come before it, by time and id.
pub(crate) type Place = (i64, String);

impl Lead {
    /// `accounts/{account}/leads/{lead}`
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.lead_id)
    }

    pub(crate) fn sealed(&self) -> Sealed {
        Sealed { key_id: self.key_id.clone(), text: self.sealed.clone() }
    }
}

/// `accounts/{account}/leads/{lead}`
pub(crate) fn name(account_id: &str, lead_id: &str) -> String {
    format!("accounts/{account_id}/leads/{lead_id}")
}

pub(crate) async fn insert(tx: &mut Tx, lead: &Lead) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&lead.account_id)
        .bind(&lead.lead_id)
        .bind(&lead.card_id)
        .bind(&lead.user_id)
        .bind(&lead.key_id)
        .bind(&lead.sealed)
        .bind(&lead.consent_version)
        .bind(&lead.origin.mount)
        .bind(&lead.origin.source_domain)
        .bind(&lead.origin.campaign)
        .bind(lead.day)
        .bind(lead.number_of_day)
        .bind(lead.create_time)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, lead_id: &str) -> Result<Option<Lead>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(lead_id).fetch_optional(conn).await)
}

/// How many leads a user has left in a form on a day.
pub(crate) async fn count_of_day(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    user_id: &str,
    day: i64,
) -> Result<i64, DbError> {
    let text = tx.pick(COUNT_OF_DAY);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(card_id)
        .bind(user_id)
        .bind(day)
        .fetch_one(conn)
        .await)
}

/// Those of an account, or of one form, before a place, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    card_id: Option<&str>,
    (time, lead_id): &Place,
    limit: i64,
) -> Result<Vec<Lead>, DbError> {
    let text = tx.pick(if card_id.is_some() { LIST_OF_FORM } else { LIST });
    on_db!(tx, |conn| {
        let query = sqlx::query_as(text).bind(account_id).bind(time).bind(lead_id).bind(limit);
        let query = match card_id {
            Some(card_id) => query.bind(card_id),
            None => query,
        };
        query.fetch_all(conn).await
    })
}

/// Removes the answers.
pub(crate) async fn erase(
    tx: &mut Tx,
    account_id: &str,
    lead_id: &str,
    erase_time: i64,
) -> Result<(), DbError> {
    let text = tx.pick(ERASE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(lead_id)
        .bind(erase_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Keeps the text of a version, for as long as there are leads with it and longer.
pub(crate) async fn insert_consent(
    tx: &mut Tx,
    account_id: &str,
    consent_version: &str,
    consent_text: &str,
    now: i64,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT_CONSENT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(consent_version)
        .bind(consent_text)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
}

/// The text of a version.
pub(crate) async fn consent(
    tx: &mut Tx,
    account_id: &str,
    consent_version: &str,
) -> Result<Option<String>, DbError> {
    let text = tx.pick(CONSENT);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(consent_version)
        .fetch_optional(conn)
        .await)
}
