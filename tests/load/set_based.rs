//! Plain SQL that writes the rows the service wrote, in transactions of the same size: what the database itself allows.

use std::{collections::BTreeMap, time::Duration};

use siyu_clock::Stopwatch;
use siyu_db::Db;
use sqlx::{PgPool, SqlitePool};
use tokio::task::JoinSet;

use crate::rows::Rows;

/// Statements of one engine, in the order of [`Rows`].
struct Statements {
    interaction: &'static str,
    fan: &'static str,
    purchase: &'static str,
    tier_change: &'static str,
}

macro_rules! fan_columns {
    () => {
        "account_id, ordinal, user_id, following, follow_time, follow_event_id, tier, tier_since, score, score_time, \
         next_change_at, rules_version, first_time, last_time, interaction_count"
    };
}

macro_rules! fan_conflict {
    () => {
        " ON CONFLICT (account_id, ordinal) DO UPDATE SET following = excluded.following, \
         follow_time = excluded.follow_time, follow_event_id = excluded.follow_event_id, tier = excluded.tier, \
         tier_since = excluded.tier_since, score = excluded.score, score_time = excluded.score_time, \
         next_change_at = excluded.next_change_at, rules_version = excluded.rules_version, \
         first_time = excluded.first_time, last_time = excluded.last_time, \
         interaction_count = excluded.interaction_count"
    };
}

macro_rules! purchase_conflict {
    () => {
        " ON CONFLICT (account_id, order_id) DO UPDATE SET order_time = excluded.order_time, \
         local_day = excluded.local_day, local_month = excluded.local_month, amount_minor = excluded.amount_minor, \
         refunded_minor = excluded.refunded_minor, placed = excluded.placed, cancelled = excluded.cancelled"
    };
}

/// Each takes the account and its rows as a JSON array of arrays.
const SQLITE: Statements = Statements {
    interaction: "INSERT INTO interaction (account_id, ordinal, event_time, event_id, kind, target, source, order_id, \
                  amount_minor, quantity, ingest_time, mount, campaign) SELECT ?1, value->>0, value->>1, value->>2, value->>3, \
                  value->>4, value->>5, value->>6, value->>7, value->>8, value->>9, '', '' FROM json_each(?2)",
    fan: concat!(
        "INSERT INTO fan (",
        fan_columns!(),
        ", active_count, share_count) SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, \
         value->>8, value->>9, value->>10, value->>11, value->>12, value->>13, 0, 0 \
         FROM json_each(?2) WHERE TRUE",
        fan_conflict!()
    ),
    purchase: concat!(
        "INSERT INTO purchase (account_id, order_id, ordinal, order_time, local_day, local_month, amount_minor, \
         refunded_minor, placed, cancelled) SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, \
         value->>5, value->>6, value->>7, value->>8 FROM json_each(?2) WHERE TRUE",
        purchase_conflict!()
    ),
    tier_change: "INSERT INTO tier_change (account_id, sequence, ordinal, from_tier, to_tier, cause, event_id, \
                  rules_version, score, change_time) SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, \
                  value->>5, value->>6, value->>7, value->>8 FROM json_each(?2)",
};

/// Each takes the account and one array for each other column.
const POSTGRES: Statements = Statements {
    interaction: "INSERT INTO interaction (account_id, ordinal, event_time, event_id, kind, target, source, order_id, \
                  amount_minor, quantity, ingest_time, mount, campaign) SELECT $1, *, '', '' FROM UNNEST($2::BIGINT[], $3::BIGINT[], \
                  $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[], $8::TEXT[], $9::BIGINT[], $10::BIGINT[], \
                  $11::BIGINT[])",
    fan: concat!(
        "INSERT INTO fan (",
        fan_columns!(),
        ", active_count, share_count) SELECT $1, *, 0, 0 FROM UNNEST($2::BIGINT[], $3::TEXT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[], $7::TEXT[], \
         $8::BIGINT[], $9::DOUBLE PRECISION[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[], $13::BIGINT[], \
         $14::BIGINT[], $15::BIGINT[])",
        fan_conflict!()
    ),
    purchase: concat!(
        "INSERT INTO purchase (account_id, order_id, ordinal, order_time, local_day, local_month, amount_minor, \
         refunded_minor, placed, cancelled) SELECT $1, * FROM UNNEST($2::TEXT[], $3::BIGINT[], $4::BIGINT[], \
         $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[])",
        purchase_conflict!()
    ),
    tier_change: "INSERT INTO tier_change (account_id, sequence, ordinal, from_tier, to_tier, cause, event_id, \
                  rules_version, score, change_time) SELECT $1, * FROM UNNEST($2::BIGINT[], $3::BIGINT[], $4::TEXT[], \
                  $5::TEXT[], $6::TEXT[], $7::TEXT[], $8::BIGINT[], $9::DOUBLE PRECISION[], $10::BIGINT[])",
};

/// Writes the transactions, and answers how long that took. On PostgreSQL the accounts are written side by side.
pub(crate) async fn write(db: &Db, transactions: Vec<Rows>) -> anyhow::Result<Duration> {
    match db {
        Db::Sqlite { writer, .. } => write_sqlite(writer, &transactions).await,
        Db::Postgres(pool) => write_postgres(pool, transactions).await,
    }
}

async fn write_sqlite(writer: &SqlitePool, transactions: &[Rows]) -> anyhow::Result<Duration> {
    // Making the texts is the work of a client: it does not count.
    let texts: Vec<(&str, [(&'static str, String); 4])> = transactions
        .iter()
        .map(|rows| Ok((rows.account_id.as_str(), texts(rows)?)))
        .collect::<anyhow::Result<_>>()?;
    let stopwatch = Stopwatch::start();
    for (account_id, statements) in &texts {
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        for (statement, text) in statements {
            sqlx::query(*statement).bind(*account_id).bind(text).execute(&mut *tx).await?;
        }
        tx.commit().await?;
    }
    Ok(stopwatch.elapsed())
}

/// The rows named by their fields, as a JSON array of arrays.
macro_rules! text {
    ($rows:expr, $($field:ident)+) => {
        serde_json::to_string(&$rows.iter().map(|row| ($(&row.$field),+)).collect::<Vec<_>>())?
    };
}

fn texts(rows: &Rows) -> anyhow::Result<[(&'static str, String); 4]> {
    let Rows { interactions, fans, purchases, tier_changes, .. } = rows;
    let interactions = text!(interactions, ordinal event_time event_id kind target source order_id amount_minor
        quantity ingest_time);
    let fans = text!(fans, ordinal user_id following follow_time follow_event_id tier tier_since score score_time
        next_change_at rules_version first_time last_time interaction_count);
    let purchases = text!(purchases, order_id ordinal order_time local_day local_month amount_minor refunded_minor
        placed cancelled);
    let tier_changes = text!(tier_changes, sequence ordinal from_tier to_tier cause event_id rules_version score
        change_time);
    Ok([
        (SQLITE.interaction, interactions),
        (SQLITE.fan, fans),
        (SQLITE.purchase, purchases),
        (SQLITE.tier_change, tier_changes),
    ])
}

async fn write_postgres(pool: &PgPool, transactions: Vec<Rows>) -> anyhow::Result<Duration> {
    let mut by_account: BTreeMap<String, Vec<Rows>> = BTreeMap::new();
    for rows in transactions {
        by_account.entry(rows.account_id.clone()).or_default().push(rows);
    }
    let stopwatch = Stopwatch::start();
    let mut writers = JoinSet::new();
    for of_account in by_account.into_values() {
        let pool = pool.clone();
        writers.spawn(async move {
            for rows in of_account {
                write_transaction(&pool, &rows).await?;
            }
            Ok::<_, sqlx::Error>(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    Ok(stopwatch.elapsed())
}

/// Runs a statement with the account and each named field of the rows as an array.
macro_rules! insert {
    ($tx:expr, $statement:expr, $account:expr, $rows:expr, $($field:ident)+) => {
        sqlx::query($statement)
            .bind($account)
            $(.bind($rows.iter().map(|row| row.$field.clone()).collect::<Vec<_>>()))+
            .execute(&mut *$tx)
            .await?
    };
}

async fn write_transaction(pool: &PgPool, rows: &Rows) -> Result<(), sqlx::Error> {
    let account = &rows.account_id;
    let mut tx = pool.begin().await?;
    insert!(tx, POSTGRES.interaction, account, rows.interactions, ordinal event_time event_id kind target source
        order_id amount_minor quantity ingest_time);
    insert!(tx, POSTGRES.fan, account, rows.fans, ordinal user_id following follow_time follow_event_id tier
        tier_since score score_time next_change_at rules_version first_time last_time interaction_count);
    insert!(tx, POSTGRES.purchase, account, rows.purchases, order_id ordinal order_time local_day local_month
        amount_minor refunded_minor placed cancelled);
    insert!(tx, POSTGRES.tier_change, account, rows.tier_changes, sequence ordinal from_tier to_tier cause event_id
        rules_version score change_time);
    tx.commit().await
}
