use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{
    card::{Card, Content, Kind},
    coupon::Stock,
};

statements! {
    GET = "SELECT card.*, coupon.stock, coupon.claimed, coupon.redeemed FROM card \
           LEFT JOIN coupon ON coupon.account_id = card.account_id AND coupon.card_id = card.card_id \
           WHERE card.account_id = $1 AND card.card_id = $2";
    /// Keeps others from changing it until the transaction ends (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT card_id FROM card WHERE account_id = $1 AND card_id = $2",
        postgres: "SELECT card_id FROM card WHERE account_id = $1 AND card_id = $2 FOR NO KEY UPDATE",
    };
    GET_MANY = ["SELECT card.*, (SELECT stock FROM coupon WHERE coupon.account_id = $1 \
                 AND coupon.card_id = card.card_id) AS stock, \
                 (SELECT claimed FROM coupon WHERE coupon.account_id = $1 AND coupon.card_id = card.card_id) AS claimed, \
                 (SELECT redeemed FROM coupon WHERE coupon.account_id = $1 AND coupon.card_id = card.card_id) AS redeemed \
                 FROM ", lookup("card", "card_id", "TEXT", 2), " AND card.account_id = $1 ORDER BY card.card_id"];
    /// An empty kind or state is any.
    LIST = "SELECT card.*, coupon.stock, coupon.claimed, coupon.redeemed FROM card \
            LEFT JOIN coupon ON coupon.account_id = card.account_id AND coupon.card_id = card.card_id \
            WHERE card.account_id = $1 AND card.card_id > $2 \
            AND ($3 = '' OR card.kind = $3) AND ($4 = '' OR card.state = $4) ORDER BY card.card_id LIMIT $5";
    COUNT = "SELECT COUNT(*) FROM card WHERE account_id = $1";
    INSERT = "INSERT INTO card (account_id, card_id, kind, state, revision, display_name, description, picture_uri, \
              conditions, settings, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    UPDATE = "UPDATE card SET state = $3, revision = $4, display_name = $5, description = $6, picture_uri = $7, \
              conditions = $8, settings = $9, update_time = $10 WHERE account_id = $1 AND card_id = $2";
}

/// A card as stored: conditions and settings are JSON; stock, claimed and redeemed are those of its coupon.
#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    card_id: String,
    state: String,
    revision: i64,
    display_name: String,
    description: String,
    picture_uri: String,
    conditions: String,
    settings: String,
    create_time: i64,
    update_time: i64,
    stock: Option<i64>,
    claimed: Option<i64>,
    redeemed: Option<i64>,
}

impl TryFrom<Row> for Card {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let stock = match (row.stock, row.claimed, row.redeemed) {
            (Some(stock), Some(claimed), Some(redeemed)) => Some(Stock { stock, claimed, redeemed }),
            _ => None,
        };
        Ok(Self {
            content: Content {
                display_name: row.display_name,
                description: row.description,
                picture_uri: row.picture_uri,
                conditions: from_json(&row.conditions)?,
                settings: from_json(&row.settings)?,
            },
            account_id: row.account_id,
            card_id: row.card_id,
            archived: row.state == ARCHIVED,
            revision: row.revision,
            stock,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

const ACTIVE: &str = "active";
const ARCHIVED: &str = "archived";

fn state(archived: bool) -> &'static str {
    if archived { ARCHIVED } else { ACTIVE }
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, card_id: &str) -> Result<Option<Card>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(card_id).fetch_optional(conn).await)?;
    found.map(Card::try_from).transpose()
}

/// Keeps others from changing the card until the transaction ends; whether there is one.
pub(crate) async fn lock(tx: &mut Tx, account_id: &str, card_id: &str) -> Result<bool, DbError> {
    let text = tx.pick(LOCK);
    let found: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(card_id)
        .fetch_optional(conn)
        .await)?;
    Ok(found.is_some())
}

/// Those of an account that there are, by id.
pub(crate) async fn get_many<'a>(
    tx: &mut Tx,
    account_id: &str,
    card_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Card>, DbError> {
    let text = tx.pick(GET_MANY);
    let ids = rows(card_ids.into_iter().map(|id| [id]))?;
    let found: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(&ids).fetch_all(conn).await)?;
    found.into_iter().map(Card::try_from).collect()
}

/// Those of an account after `after`, by id; of one kind, and archived or not, where that is said.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    kind: Option<Kind>,
    archived: Option<bool>,
    after: &str,
    limit: i64,
) -> Result<Vec<Card>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(kind.map_or("", Kind::name))
        .bind(archived.map_or("", state))
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Card::try_from).collect()
}

/// How many cards an account has, archived ones included.
pub(crate) async fn count(tx: &mut Tx, account_id: &str) -> Result<i64, DbError> {
    let text = tx.pick(COUNT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_one(conn).await)
}

pub(crate) async fn insert(tx: &mut Tx, card: &Card) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let (conditions, settings) = (to_json(&card.content.conditions)?, to_json(&card.content.settings)?);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&card.account_id)
        .bind(&card.card_id)
        .bind(card.kind().name())
        .bind(state(card.archived))
        .bind(card.revision)
        .bind(&card.content.display_name)
        .bind(&card.content.description)
        .bind(&card.content.picture_uri)
        .bind(conditions)
        .bind(settings)
        .bind(card.create_time.0)
        .bind(card.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores what may change of a card, beside the stock of a coupon.
pub(crate) async fn update(tx: &mut Tx, card: &Card) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    let (conditions, settings) = (to_json(&card.content.conditions)?, to_json(&card.content.settings)?);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&card.account_id)
        .bind(&card.card_id)
        .bind(state(card.archived))
        .bind(card.revision)
        .bind(&card.content.display_name)
        .bind(&card.content.description)
        .bind(&card.content.picture_uri)
        .bind(conditions)
        .bind(settings)
        .bind(card.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::broken(error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::broken(error.to_string()))
}
