use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use super::opt_out::OptOut;
use crate::domain::wave::{Wave, WaveState};

statements! {
    INSERT = "INSERT INTO push_wave (account_id, push_id, wave, state, deliver_time, expire_time, fan_count, ordinals) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    LIST = "SELECT account_id, push_id, wave, state, deliver_time, expire_time, fan_count FROM push_wave \
            WHERE account_id = $1 AND push_id = $2 ORDER BY wave";
    UPDATE = "UPDATE push_wave SET state = $4, deliver_time = $5, expire_time = $6 \
              WHERE account_id = $1 AND push_id = $2 AND wave = $3";
    ORDINALS = "SELECT ordinals FROM push_wave WHERE account_id = $1 AND push_id = $2 AND wave = $3";
    /// What may be in a feed: delivered before a place in it, newest first, of what the user follows.
    OF_FEED = "SELECT push_wave.account_id, push_wave.push_id, push_wave.wave, push_wave.deliver_time, \
               push_wave.expire_time, following.ordinal, opt_out.everything, opt_out.topics FROM following \
               JOIN push_wave ON push_wave.account_id = following.account_id AND push_wave.state = 'delivered' \
               AND push_wave.deliver_time <= $2 \
               LEFT JOIN opt_out ON opt_out.user_id = following.user_id AND opt_out.account_id = following.account_id \
               WHERE following.user_id = $1 AND ($3 = '' OR following.account_id = $3) AND push_wave.expire_time > $4 \
               AND (push_wave.deliver_time < $2 OR (push_wave.account_id, push_wave.push_id) < ($5, $6)) \
               ORDER BY push_wave.deliver_time DESC, push_wave.account_id DESC, push_wave.push_id DESC LIMIT $7";
    /// The same of one push, also of one that has expired.
    OF_PUSH = "SELECT push_wave.account_id, push_wave.push_id, push_wave.wave, push_wave.deliver_time, \
               push_wave.expire_time, following.ordinal, opt_out.everything, opt_out.topics FROM following \
               JOIN push_wave ON push_wave.account_id = following.account_id AND push_wave.push_id = $3 \
               AND push_wave.state = 'delivered' \
               LEFT JOIN opt_out ON opt_out.user_id = following.user_id AND opt_out.account_id = following.account_id \
               WHERE following.user_id = $1 AND following.account_id = $2 ORDER BY push_wave.wave";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    push_id: String,
    wave: i64,
    state: String,
    deliver_time: i64,
    expire_time: i64,
    fan_count: i64,
}

impl TryFrom<Row> for Wave {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let state = WaveState::named(&row.state);
        Ok(Self {
            state: state.ok_or_else(|| DbError::broken(format!("push_wave.state {:?}", row.state)))?,
            account_id: row.account_id,
            push_id: row.push_id,
            number: row.wave,
            deliver_time: Micros(row.deliver_time),
            expire_time: Micros(row.expire_time),
            fan_count: row.fan_count,
        })
    }
}

/// Stores a wave with its fans, a bitmap in the portable format.
pub(crate) async fn insert(tx: &mut Tx, wave: &Wave, ordinals: &[u8]) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&wave.account_id)
        .bind(&wave.push_id)
        .bind(wave.number)
        .bind(wave.state.name())
        .bind(wave.deliver_time.0)
        .bind(wave.expire_time.0)
        .bind(wave.fan_count)
        .bind(ordinals)
        .execute(conn)
        .await
        .map(drop))
}

/// The waves of a push, by number.
pub(crate) async fn list(tx: &mut Tx, account_id: &str, push_id: &str) -> Result<Vec<Wave>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(push_id).fetch_all(conn).await)?;
    found.into_iter().map(Wave::try_from).collect()
}

/// Stores where a wave stands.
pub(crate) async fn update(tx: &mut Tx, wave: &Wave) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&wave.account_id)
        .bind(&wave.push_id)
        .bind(wave.number)
        .bind(wave.state.name())
        .bind(wave.deliver_time.0)
        .bind(wave.expire_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// The fans of a wave, a bitmap in the portable format.
pub(crate) async fn ordinals(
    tx: &mut Tx,
    account_id: &str,
    push_id: &str,
    wave: i64,
) -> Result<Vec<u8>, DbError> {
    let text = tx.pick(ORDINALS);
    on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(account_id)
        .bind(push_id)
        .bind(wave)
        .fetch_one(conn)
        .await)
}

/// A wave that may be in the feed of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) account_id: String,
    pub(crate) push_id: String,
    pub(crate) wave: i64,
    pub(crate) deliver_time: i64,
    pub(crate) expire_time: i64,
    /// The user's ordinal with the account, where it is known.
    pub(crate) ordinal: Option<i64>,
    /// What the user does not want of the account.
    pub(crate) opt_out: OptOut,
}

#[derive(sqlx::FromRow)]
struct CandidateRow {
    account_id: String,
    push_id: String,
    wave: i64,
    deliver_time: i64,
    expire_time: i64,
    ordinal: Option<i64>,
    everything: Option<i64>,
    topics: Option<String>,
}

impl TryFrom<CandidateRow> for Candidate {
    type Error = DbError;

    fn try_from(row: CandidateRow) -> Result<Self, DbError> {
        let topics = row.topics.unwrap_or_default();
        Ok(Self {
            account_id: row.account_id,
            push_id: row.push_id,
            wave: row.wave,
            deliver_time: row.deliver_time,
            expire_time: row.expire_time,
            ordinal: row.ordinal,
            opt_out: OptOut::of_row(row.everything.unwrap_or_default(), &topics)?,
        })
    }
}

/// A place in a feed: what follows was delivered earlier, or at the same time and stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Place {
    pub(crate) deliver_time: i64,
    pub(crate) account_id: String,
    pub(crate) push_id: String,
}

/// What may be in the feed of a user after `after`, newest first: of one account where `account_id` is not empty, and not
/// expired at `now`.
pub(crate) async fn of_feed(
    tx: &mut Tx,
    user_id: &str,
    account_id: &str,
    now: Micros,
    after: &Place,
    limit: i64,
) -> Result<Vec<Candidate>, DbError> {
    let text = tx.pick(OF_FEED);
    let found: Vec<CandidateRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(user_id)
        .bind(after.deliver_time)
        .bind(account_id)
        .bind(now.0)
        .bind(&after.account_id)
        .bind(&after.push_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Candidate::try_from).collect()
}

/// The delivered waves of a push, for a user who follows its account; none for others.
pub(crate) async fn of_push(
    tx: &mut Tx,
    user_id: &str,
    account_id: &str,
    push_id: &str,
) -> Result<Vec<Candidate>, DbError> {
    let text = tx.pick(OF_PUSH);
    let found: Vec<CandidateRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(user_id)
        .bind(account_id)
        .bind(push_id)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Candidate::try_from).collect()
}
