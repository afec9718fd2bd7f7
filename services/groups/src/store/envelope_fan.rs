use std::collections::BTreeMap;

use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::envelope::Fan;

statements! {
    ENSURE = ["INSERT INTO envelope_fan (account_id, user_id, payable_minor, day, day_minor) \
               SELECT input.value->>0, input.value->>1, 0, '', 0 FROM ", rows(1), " WHERE TRUE ON CONFLICT DO NOTHING"];
    /// In one order everywhere, so that no two transactions wait for each other in a circle (SQLite has one writer anyway).
    LOCK = {
        sqlite: "SELECT envelope_fan.* FROM json_each($1) AS input CROSS JOIN envelope_fan \
                 WHERE envelope_fan.account_id = input.value->>0 AND envelope_fan.user_id = input.value->>1",
        postgres: "SELECT envelope_fan.* FROM jsonb_array_elements($1::jsonb) AS input(value) CROSS JOIN envelope_fan \
                   WHERE envelope_fan.account_id = input.value->>0 AND envelope_fan.user_id = input.value->>1 \
                   ORDER BY envelope_fan.account_id, envelope_fan.user_id FOR NO KEY UPDATE OF envelope_fan",
    };
    SAVE = ["UPDATE envelope_fan SET payable_minor = CAST(input.value->>2 AS BIGINT), day = input.value->>3, \
             day_minor = CAST(input.value->>4 AS BIGINT) FROM ", rows(1),
            " WHERE envelope_fan.account_id = input.value->>0 AND envelope_fan.user_id = input.value->>1"];
}

/// Account and user.
pub(crate) type Key = (String, String);

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    user_id: String,
    payable_minor: i64,
    day: String,
    day_minor: i64,
}

/// What fans have got who are given in the order of account and user; nobody else changes it until the transaction ends. Rows are made
/// on first use.
pub(crate) async fn lock<'a>(
    tx: &mut Tx,
    names: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<Key, Fan>, DbError> {
    let names = rows(names)?;
    let (ensure, text) = (tx.pick(ENSURE), tx.pick(LOCK));
    on_db!(&mut *tx, |conn| sqlx::query(ensure).bind(&names).execute(conn).await.map(drop))?;
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text).bind(&names).fetch_all(conn).await)?;
    let fan = |row: Row| {
        let Row { account_id, user_id, payable_minor, day, day_minor } = row;
        ((account_id, user_id), Fan { payable_minor, day, day_minor })
    };
    Ok(found.into_iter().map(fan).collect())
}

/// Stores what fans have got now.
pub(crate) async fn save<'a>(
    tx: &mut Tx,
    fans: impl IntoIterator<Item = (&'a Key, &'a Fan)>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let fans = rows(fans.into_iter().map(|((account_id, user_id), fan)| {
        let Fan { payable_minor, day, day_minor } = fan;
        (account_id, user_id, payable_minor, day, day_minor)
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(fans).execute(conn).await.map(drop))
}
