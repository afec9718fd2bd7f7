use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{
    envelope::{Envelope, Kind, Seed, State, Terms},
    threshold::Tier,
};

statements! {
    GET = "SELECT envelope.*, CAST(NULL AS BIGINT) AS fan_daily_cap_minor FROM envelope \
           WHERE account_id = $1 AND envelope_id = $2";
    /// With what a fan may get on a day. In one order everywhere, so that no two transactions wait for each other in a circle (SQLite
    /// has one writer anyway).
    LOCK = {
        sqlite: "SELECT envelope.*, envelope_budget.fan_daily_cap_minor FROM json_each($1) AS input \
                 CROSS JOIN envelope JOIN envelope_budget USING (account_id) \
                 WHERE envelope.account_id = input.value->>0 AND envelope.envelope_id = input.value->>1",
        postgres: "SELECT envelope.*, envelope_budget.fan_daily_cap_minor \
                   FROM jsonb_array_elements($1::jsonb) AS input(value) \
                   CROSS JOIN envelope JOIN envelope_budget USING (account_id) \
                   WHERE envelope.account_id = input.value->>0 AND envelope.envelope_id = input.value->>1 \
                   ORDER BY envelope.account_id, envelope.envelope_id FOR NO KEY UPDATE OF envelope",
    };
    LIST = "SELECT envelope.*, CAST(NULL AS BIGINT) AS fan_daily_cap_minor FROM envelope \
            WHERE account_id = $1 AND group_id = $2 AND (create_time, envelope_id) < ($3, $4) \
            ORDER BY create_time DESC, envelope_id DESC LIMIT $5";
    DUE = "SELECT account_id, envelope_id FROM envelope WHERE state = 'open' AND expire_time <= $1 \
           ORDER BY expire_time, account_id, envelope_id LIMIT $2";
    INSERT = "INSERT INTO envelope (account_id, envelope_id, group_id, kind, total_minor, share_count, min_tier, greeting, \
              author, seed, seed_digest, time_zone, message_sequence, state, grabbed_count, grabbed_minor, escrow_minor, \
              refunded_minor, create_time, expire_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, $5, 0, $15, $16)";
    SAVE = ["UPDATE envelope SET state = input.value->>2, grabbed_count = CAST(input.value->>3 AS BIGINT), \
             grabbed_minor = CAST(input.value->>4 AS BIGINT), escrow_minor = CAST(input.value->>5 AS BIGINT), \
             refunded_minor = CAST(input.value->>6 AS BIGINT), end_time = CAST(input.value->>7 AS BIGINT) FROM ", rows(1),
            " WHERE envelope.account_id = input.value->>0 AND envelope.envelope_id = input.value->>1"];
}

/// Where an envelope stands among others, by time.
pub(crate) type Place = (i64, String);

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    envelope_id: String,
    group_id: String,
    kind: String,
    total_minor: i64,
    share_count: i64,
    min_tier: String,
    greeting: String,
    author: String,
    seed: String,
    seed_digest: String,
    time_zone: String,
    message_sequence: i64,
    state: String,
    grabbed_count: i64,
    grabbed_minor: i64,
    escrow_minor: i64,
    refunded_minor: i64,
    create_time: i64,
    expire_time: i64,
    end_time: Option<i64>,
    fan_daily_cap_minor: Option<i64>,
}

impl TryFrom<Row> for Envelope {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let broken = |column: &str, value: &str| DbError::broken(format!("envelope.{column} {value:?}"));
        let min_tier = match row.min_tier.as_str() {
            "" => None,
            name => Some(Tier::named(name).ok_or_else(|| broken("min_tier", name))?),
        };
        Ok(Self {
            terms: Terms {
                kind: Kind::named(&row.kind).ok_or_else(|| broken("kind", &row.kind))?,
                total_minor: row.total_minor,
                share_count: row.share_count,
                min_tier,
                greeting: row.greeting,
            },
            state: State::named(&row.state).ok_or_else(|| broken("state", &row.state))?,
            account_id: row.account_id,
            envelope_id: row.envelope_id,
            group_id: row.group_id,
            author: row.author,
            seed: Seed(row.seed),
            seed_digest: row.seed_digest,
            time_zone: row.time_zone,
            message_sequence: row.message_sequence,
            grabbed_count: row.grabbed_count,
            grabbed_minor: row.grabbed_minor,
            escrow_minor: row.escrow_minor,
            refunded_minor: row.refunded_minor,
            create_time: Micros(row.create_time),
            expire_time: Micros(row.expire_time),
            end_time: row.end_time.map(Micros),
        })
    }
}

pub(crate) async fn get(
    tx: &mut Tx,
    account_id: &str,
    envelope_id: &str,
) -> Result<Option<Envelope>, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(envelope_id)
        .fetch_optional(conn)
        .await)?;
    found.map(Envelope::try_from).transpose()
}

/// Envelopes that are given as account and id, and the most that a fan may get on a day; nobody else changes them until the
/// transaction ends.
pub(crate) async fn lock<'a>(
    tx: &mut Tx,
    names: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(Envelope, Option<i64>)>, DbError> {
    let text = tx.pick(LOCK);
    let names = rows(names)?;
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text).bind(names).fetch_all(conn).await)?;
    let with_cap = |row: Row| {
        let fan_cap = row.fan_daily_cap_minor;
        Ok((Envelope::try_from(row)?, fan_cap))
    };
    found.into_iter().map(with_cap).collect()
}

/// Those of a group before `before`, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    group_id: &str,
    (time, envelope_id): &Place,
    limit: i64,
) -> Result<Vec<Envelope>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(*time)
        .bind(envelope_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Envelope::try_from).collect()
}

/// Account and id of open envelopes whose time is over, longest due first.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}

/// Stores a new one, of which nothing was grabbed.
///
/// # Errors
/// [`DbError::Duplicate`] where the account has one of the id.
pub(crate) async fn insert(tx: &mut Tx, new: &Envelope) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let terms = &new.terms;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&new.account_id)
        .bind(&new.envelope_id)
        .bind(&new.group_id)
        .bind(terms.kind.name())
        .bind(terms.total_minor)
        .bind(terms.share_count)
        .bind(terms.min_tier.map_or("", Tier::name))
        .bind(&terms.greeting)
        .bind(&new.author)
        .bind(&new.seed.0)
        .bind(&new.seed_digest)
        .bind(&new.time_zone)
        .bind(new.message_sequence)
        .bind(new.state.name())
        .bind(new.create_time.0)
        .bind(new.expire_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores what has changed of envelopes: where they stand, and where their money is.
pub(crate) async fn save<'a>(
    tx: &mut Tx,
    changed: impl IntoIterator<Item = &'a Envelope>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let changed = rows(changed.into_iter().map(|envelope| {
        let Envelope { account_id, envelope_id, grabbed_count, grabbed_minor, .. } = envelope;
        let Envelope { escrow_minor, refunded_minor, end_time, .. } = envelope;
        let (state, end_time) = (envelope.state.name(), end_time.map(|time| time.0));
        (account_id, envelope_id, state, grabbed_count, grabbed_minor, escrow_minor, refunded_minor, end_time)
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(changed).execute(conn).await.map(drop))
}
