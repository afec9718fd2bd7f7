use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::{
    reservation::{Reservation, State},
    right::RightKind,
};

statements! {
    GET = "SELECT * FROM right_reservation WHERE account_id = $1 AND reservation_id = $2";
    INSERT = "INSERT INTO right_reservation (account_id, reservation_id, kind, amount, asked_use_time, \
              asked_expire_time, use_time, expire_time, state, parts, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    UPDATE = "UPDATE right_reservation SET moved_use_time = $3, use_time = $4, expire_time = $5, state = $6, parts = $7, \
              update_time = $8 \
              WHERE account_id = $1 AND reservation_id = $2";
    /// Of one wallet, those whose time is over.
    OVERDUE = "SELECT * FROM right_reservation WHERE account_id = $1 AND kind = $2 AND state = 'reserved' \
               AND expire_time <= $3 ORDER BY expire_time, reservation_id";
    /// Wallets with such a reservation.
    DUE = "SELECT DISTINCT account_id, kind FROM right_reservation \
           WHERE state = 'reserved' AND expire_time <= $1 LIMIT $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    reservation_id: String,
    kind: String,
    amount: i64,
    asked_use_time: Option<i64>,
    asked_expire_time: Option<i64>,
    moved_use_time: Option<i64>,
    use_time: i64,
    expire_time: Option<i64>,
    state: String,
    parts: String,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for Reservation {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let unknown =
            |column: &str, text: &str| DbError::broken(format!("right_reservation.{column} {text:?}"));
        Ok(Self {
            kind: RightKind::named(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
            state: State::named(&row.state).ok_or_else(|| unknown("state", &row.state))?,
            parts: serde_json::from_str(&row.parts).map_err(|_| unknown("parts", &row.parts))?,
            id: row.reservation_id,
            amount: row.amount,
            asked_use_time: row.asked_use_time.map(Micros),
            asked_expire_time: row.asked_expire_time.map(Micros),
            moved_use_time: row.moved_use_time.map(Micros),
            use_time: Micros(row.use_time),
            expire_time: row.expire_time.map(Micros),
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, id: &str) -> Result<Option<Reservation>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(id).fetch_optional(conn).await)?;
    found.map(Reservation::try_from).transpose()
}

pub(crate) async fn insert(tx: &mut Tx, account_id: &str, reservation: &Reservation) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let parts = parts(reservation)?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&reservation.id)
        .bind(reservation.kind.name())
        .bind(reservation.amount)
        .bind(reservation.asked_use_time.map(|time| time.0))
        .bind(reservation.asked_expire_time.map(|time| time.0))
        .bind(reservation.use_time.0)
        .bind(reservation.expire_time.map(|time| time.0))
        .bind(reservation.state.name())
        .bind(parts)
        .bind(reservation.create_time.0)
        .bind(reservation.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores what may change of a reservation.
pub(crate) async fn update(tx: &mut Tx, account_id: &str, reservation: &Reservation) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    let parts = parts(reservation)?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(&reservation.id)
        .bind(reservation.moved_use_time.map(|time| time.0))
        .bind(reservation.use_time.0)
        .bind(reservation.expire_time.map(|time| time.0))
        .bind(reservation.state.name())
        .bind(parts)
        .bind(reservation.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Those of a wallet whose time is over by `now`, oldest first.
pub(crate) async fn overdue(
    tx: &mut Tx,
    account_id: &str,
    kind: RightKind,
    now: Micros,
) -> Result<Vec<Reservation>, DbError> {
    let text = tx.pick(OVERDUE);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(kind.name())
        .bind(now.0)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Reservation::try_from).collect()
}

/// Accounts and kinds of some wallets with a reservation whose time is over by `now`.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}

fn parts(reservation: &Reservation) -> Result<String, DbError> {
    serde_json::to_string(&reservation.parts).map_err(|error| DbError::broken(error.to_string()))
}
