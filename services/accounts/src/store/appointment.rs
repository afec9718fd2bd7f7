use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    GET = "SELECT * FROM live_appointment WHERE account_id = $1 AND content_id = $2 AND user_id = $3";
    INSERT = "INSERT INTO live_appointment (account_id, content_id, user_id, card_id, mount, cancelled, told, create_time, \
              update_time) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)";
    UPDATE = "UPDATE live_appointment SET card_id = $4, mount = $5, cancelled = $6, create_time = $7, update_time = $8 \
              WHERE account_id = $1 AND content_id = $2 AND user_id = $3";
    LIST = "SELECT * FROM live_appointment WHERE account_id = $1 AND content_id = $2 AND user_id > $3 \
            ORDER BY user_id LIMIT $4";
    LIST_OF_USER = "SELECT * FROM live_appointment WHERE account_id = $1 AND user_id = $2 AND content_id > $3 \
                    ORDER BY content_id LIMIT $4";
    /// Marks some of those who were told less, and answers who they are.
    TELL = "UPDATE live_appointment SET told = $3, update_time = $5 \
            WHERE account_id = $1 AND content_id = $2 AND user_id IN \
            (SELECT user_id FROM live_appointment WHERE account_id = $1 AND content_id = $2 AND cancelled = 0 \
             AND told < $3 ORDER BY told, user_id LIMIT $4) RETURNING user_id";
    /// The live was moved: it starts soon once more.
    FORGET_HEADS_UP = "UPDATE live_appointment SET told = 0 WHERE account_id = $1 AND content_id = $2 AND told = 1";
}

/// An appointment of a user with a live.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Appointment {
    pub(crate) account_id: String,
    pub(crate) content_id: String,
    pub(crate) user_id: String,
    /// Empty where it was made without a card.
    pub(crate) card_id: String,
    pub(crate) mount: String,
    /// 1 where the user cancelled it.
    pub(crate) cancelled: i64,
    pub(crate) create_time: i64,
    pub(crate) update_time: i64,
}

impl Appointment {
    /// `accounts/{account}/contents/{content}/appointments/{user}`
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/contents/{}/appointments/{}", self.account_id, self.content_id, self.user_id)
    }
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    content_id: &str,
    user_id: &str,
) -> Result<Option<Appointment>, DbError> {
    let text = tx.pick(GET);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(content_id)
        .bind(user_id)
        .fetch_optional(conn)
        .await)
}

/// Stores a new one, whose user was told nothing yet.
pub(crate) async fn insert(tx: &mut Tx, appointment: &Appointment) -> Result<(), DbError> {
    write(tx, INSERT, appointment).await
}

/// Stores what the user may change.
pub(crate) async fn update(tx: &mut Tx, appointment: &Appointment) -> Result<(), DbError> {
    write(tx, UPDATE, appointment).await
}

async fn write(tx: &mut Tx, statement: siyu_db::Statement, appointment: &Appointment) -> Result<(), DbError> {
    let text = tx.pick(statement);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&appointment.account_id)
        .bind(&appointment.content_id)
        .bind(&appointment.user_id)
        .bind(&appointment.card_id)
        .bind(&appointment.mount)
        .bind(appointment.cancelled)
        .bind(appointment.create_time)
        .bind(appointment.update_time)
        .execute(conn)
        .await
        .map(drop))
}

/// Those with a live, of users after `after`.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    content_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Appointment>, DbError> {
    let text = tx.pick(LIST);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(content_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)
}

/// Those of a user with contents after `after`.
pub(crate) async fn list_of_user(
    tx: &mut Tx,
    account_id: &str,
    user_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Appointment>, DbError> {
    let text = tx.pick(LIST_OF_USER);
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)
}

/// Marks up to `limit` of those that stand and whose users were told less than `told`; answers the users, in no order.
pub(crate) async fn tell(
    tx: &mut Tx,
    account_id: &str,
    content_id: &str,
    told: i64,
    limit: i64,
    now: Micros,
) -> Result<Vec<String>, DbError> {
    let text = tx.pick(TELL);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(content_id)
        .bind(told)
        .bind(limit)
        .bind(now.0)
        .fetch_all(conn)
        .await)
}

/// Whoever was told that the live starts soon is told so again.
pub(crate) async fn forget_heads_up(tx: &mut Tx, account_id: &str, content_id: &str) -> Result<(), DbError> {
    let text = tx.pick(FORGET_HEADS_UP);
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(content_id).execute(conn).await.map(drop))
}
