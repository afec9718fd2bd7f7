use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::envelope::Grab;

statements! {
    INSERT = ["INSERT INTO envelope_share (account_id, envelope_id, place, amount_minor) \
               SELECT $2, $3, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT) FROM ", rows(1), ""];
    /// Account, envelope, and the first and the last place.
    NEXT = ["SELECT envelope_share.account_id, envelope_share.envelope_id, envelope_share.place, \
             envelope_share.amount_minor FROM ", rows(1),
            " CROSS JOIN envelope_share WHERE envelope_share.account_id = input.value->>0 \
             AND envelope_share.envelope_id = input.value->>1 \
             AND envelope_share.place BETWEEN CAST(input.value->>2 AS BIGINT) AND CAST(input.value->>3 AS BIGINT) \
             ORDER BY envelope_share.account_id, envelope_share.envelope_id, envelope_share.place"];
    INSERT_GRABS = ["INSERT INTO envelope_grab (account_id, envelope_id, place, user_id, amount_minor, grab_time) \
                     SELECT input.value->>0, input.value->>1, CAST(input.value->>2 AS BIGINT), input.value->>3, \
                     CAST(input.value->>4 AS BIGINT), CAST(input.value->>5 AS BIGINT) FROM ", rows(1), ""];
    GRABS_OF_USERS = ["SELECT envelope_grab.* FROM ", rows(1),
                      " CROSS JOIN envelope_grab WHERE envelope_grab.account_id = input.value->>0 \
                       AND envelope_grab.envelope_id = input.value->>1 AND envelope_grab.user_id = input.value->>2"];
    LIST = "SELECT * FROM envelope_grab WHERE account_id = $1 AND envelope_id = $2 AND place > $3 ORDER BY place LIMIT $4";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    envelope_id: String,
    place: i64,
    user_id: String,
    amount_minor: i64,
    grab_time: i64,
}

impl From<Row> for Grab {
    fn from(row: Row) -> Self {
        let Row { user_id, place, amount_minor, grab_time, .. } = row;
        Self { user_id, place, amount_minor, grab_time: Micros(grab_time) }
    }
}

/// Stores what an envelope was cut into.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    envelope_id: &str,
    shares: &[i64],
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let shares = rows((1_i64..).zip(shares))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(shares)
        .bind(account_id)
        .bind(envelope_id)
        .execute(conn)
        .await
        .map(drop))
}

/// Account, envelope, place and amount of shares of envelopes that are given with a first and a last place; in order.
pub(crate) async fn next(
    tx: &mut Tx,
    wanted: &[(&str, &str, i64, i64)],
) -> Result<Vec<(String, String, i64, i64)>, DbError> {
    let text = tx.pick(NEXT);
    let wanted = rows(wanted)?;
    on_db!(tx, |conn| sqlx::query_as(text).bind(wanted).fetch_all(conn).await)
}

/// Stores who got which share: grabs with account and envelope.
pub(crate) async fn insert_grabs<'a>(
    tx: &mut Tx,
    grabs: impl IntoIterator<Item = (&'a str, &'a str, &'a Grab)>,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT_GRABS);
    let grabs = rows(grabs.into_iter().map(|(account_id, envelope_id, grab)| {
        let Grab { user_id, place, amount_minor, grab_time } = grab;
        (account_id, envelope_id, place, user_id, amount_minor, grab_time.0)
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(grabs).execute(conn).await.map(drop))
}

/// The shares, with account and envelope, that users have who are given with account and envelope; in no order.
pub(crate) async fn of_users<'a>(
    tx: &mut Tx,
    names: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
) -> Result<Vec<(String, String, Grab)>, DbError> {
    let text = tx.pick(GRABS_OF_USERS);
    let names = rows(names)?;
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text).bind(names).fetch_all(conn).await)?;
    let named = |mut row: Row| {
        let account_id = std::mem::take(&mut row.account_id);
        let envelope_id = std::mem::take(&mut row.envelope_id);
        (account_id, envelope_id, Grab::from(row))
    };
    Ok(found.into_iter().map(named).collect())
}

/// Those of an envelope after a place, in order.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    envelope_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Grab>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(envelope_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    Ok(found.into_iter().map(Grab::from).collect())
}
