use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};
use siyu_observed::Origin;

use crate::domain::coupon::{Claim, Order, Redemption};

statements! {
    GET = "SELECT * FROM coupon_claim WHERE account_id = $1 AND claim_id = $2";
    /// Reads it and keeps others from redeeming it until the transaction ends (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT * FROM coupon_claim WHERE account_id = $1 AND claim_id = $2",
        postgres: "SELECT * FROM coupon_claim WHERE account_id = $1 AND claim_id = $2 FOR NO KEY UPDATE",
    };
    LOCK_BY_CODE = {
        sqlite: "SELECT * FROM coupon_claim WHERE account_id = $1 AND code = $2",
        postgres: "SELECT * FROM coupon_claim WHERE account_id = $1 AND code = $2 FOR NO KEY UPDATE",
    };
    FIND = ["SELECT coupon_claim.* FROM ", lookup("coupon_claim", "claim_id", "TEXT", 2),
            " AND coupon_claim.account_id = $1"];
    COUNT_BY_FAN = ["SELECT card_id, user_id, COUNT(*) FROM ", lookup("coupon_claim", "user_id", "TEXT", 2),
                    " AND coupon_claim.account_id = $1 GROUP BY card_id, user_id"];
    INSERT = ["INSERT INTO coupon_claim (account_id, claim_id, card_id, user_id, code, mount, source_domain, campaign, \
               claim_time, expire_time, order_id) \
               SELECT $1, input.value->>0, input.value->>1, input.value->>2, input.value->>3, input.value->>4, \
               input.value->>5, input.value->>6, CAST(input.value->>7 AS BIGINT), CAST(input.value->>8 AS BIGINT), '' \
               FROM ", rows(2), ""];
    REDEEM = "UPDATE coupon_claim SET redeem_time = $3, order_id = $4, order_amount_minor = $5 \
              WHERE account_id = $1 AND claim_id = $2";
    LIST = "SELECT * FROM coupon_claim WHERE account_id = $1 AND card_id = $2 AND (claim_time, claim_id) < ($3, $4) \
            ORDER BY claim_time DESC, claim_id DESC LIMIT $5";
    LIST_OF_USER = "SELECT * FROM coupon_claim WHERE account_id = $1 AND user_id = $2 \
                    AND (claim_time, claim_id) < ($3, $4) ORDER BY claim_time DESC, claim_id DESC LIMIT $5";
}

/// Where a claim stands among others, by time.
pub(crate) type Place = (i64, String);

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    claim_id: String,
    card_id: String,
    user_id: String,
    code: String,
    #[sqlx(flatten)]
    origin: Origin,
    claim_time: i64,
    expire_time: i64,
    redeem_time: Option<i64>,
    order_id: String,
    order_amount_minor: Option<i64>,
}

impl From<Row> for Claim {
    fn from(row: Row) -> Self {
        let order = Order { id: row.order_id, amount_minor: row.order_amount_minor };
        Self {
            account_id: row.account_id,
            card_id: row.card_id,
            claim_id: row.claim_id,
            user_id: row.user_id,
            code: row.code,
            origin: row.origin,
            claim_time: Micros(row.claim_time),
            expire_time: Micros(row.expire_time),
            redemption: row.redeem_time.map(|time| Redemption { time: Micros(time), order }),
        }
    }
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, claim_id: &str) -> Result<Option<Claim>, DbError> {
    let text = tx.pick(GET);
    one(tx, text, account_id, claim_id).await
}

/// The claim, which nobody else redeems until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, account_id: &str, claim_id: &str) -> Result<Option<Claim>, DbError> {
    let text = tx.pick(LOCK);
    one(tx, text, account_id, claim_id).await
}

/// As [`lock`], by its code.
pub(crate) async fn lock_by_code(
    tx: &mut Tx,
    account_id: &str,
    code: &str,
) -> Result<Option<Claim>, DbError> {
    let text = tx.pick(LOCK_BY_CODE);
    one(tx, text, account_id, code).await
}

async fn one(tx: &mut Tx, text: &'static str, account_id: &str, key: &str) -> Result<Option<Claim>, DbError> {
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(key).fetch_optional(conn).await)?;
    Ok(found.map(Claim::from))
}

/// Those of the claim ids that there are, in no order.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    account_id: &str,
    claim_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Claim>, DbError> {
    let text = tx.pick(FIND);
    let ids = rows(claim_ids.into_iter().map(|id| [id]))?;
    let found: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(&ids).fetch_all(conn).await)?;
    Ok(found.into_iter().map(Claim::from).collect())
}

/// Card, user and how many claims of that card the user has, for each of the users who has any.
pub(crate) async fn count_by_fan<'a>(
    tx: &mut Tx,
    account_id: &str,
    user_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<(String, String, i64)>, DbError> {
    let text = tx.pick(COUNT_BY_FAN);
    let ids = rows(user_ids.into_iter().map(|id| [id]))?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(&ids).fetch_all(conn).await)
}

/// Stores new claims of one account.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, claims: &[Claim]) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let rows = rows(claims.iter().map(|claim| {
        let Claim { claim_id, card_id, user_id, code, .. } = claim;
        let Origin { mount, source_domain, campaign } = &claim.origin;
        let (claim_time, expire_time) = (claim.claim_time.0, claim.expire_time.0);
        (claim_id, card_id, user_id, code, mount, source_domain, campaign, claim_time, expire_time)
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(&rows).execute(conn).await.map(drop))
}

/// Stores that a claim was redeemed.
pub(crate) async fn redeem(tx: &mut Tx, claim: &Claim) -> Result<(), DbError> {
    let Some(Redemption { time, order }) = &claim.redemption else { return Ok(()) };
    let text = tx.pick(REDEEM);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&claim.account_id)
        .bind(&claim.claim_id)
        .bind(time.0)
        .bind(&order.id)
        .bind(order.amount_minor)
        .execute(conn)
        .await
        .map(drop))
}

/// Those of a coupon before `before`, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    card_id: &str,
    before: &Place,
    limit: i64,
) -> Result<Vec<Claim>, DbError> {
    let text = tx.pick(LIST);
    page(tx, text, account_id, card_id, before, limit).await
}

/// Those of a user before `before`, newest first.
pub(crate) async fn list_of_user(
    tx: &mut Tx,
    account_id: &str,
    user_id: &str,
    before: &Place,
    limit: i64,
) -> Result<Vec<Claim>, DbError> {
    let text = tx.pick(LIST_OF_USER);
    page(tx, text, account_id, user_id, before, limit).await
}

async fn page(
    tx: &mut Tx,
    text: &'static str,
    account_id: &str,
    key: &str,
    (time, claim_id): &Place,
    limit: i64,
) -> Result<Vec<Claim>, DbError> {
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(key)
        .bind(*time)
        .bind(claim_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    Ok(found.into_iter().map(Claim::from).collect())
}
