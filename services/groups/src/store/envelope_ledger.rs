use futures_util::TryStreamExt;
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::ledger::{Comparison, Entry, Figures, Line};

statements! {
    INSERT = ["INSERT INTO envelope_entry (account_id, subject, cause, place, debit, credit, amount_minor, create_time) \
               SELECT input.value->>0, input.value->>1, input.value->>2, CAST(input.value->>3 AS BIGINT), input.value->>4, \
               input.value->>5, CAST(input.value->>6 AS BIGINT), $2 FROM ", rows(1), ""];
    /// Each account of the ledger: by its entries, by its balance, and by what was paid in, the envelopes, their shares and who has
    /// which.
    COMPARE = "SELECT ledger_account, CAST(SUM(posted) AS BIGINT) AS posted, CAST(SUM(balance) AS BIGINT) AS balance, \
               CAST(SUM(counted) AS BIGINT) AS counted FROM ( \
               SELECT credit AS ledger_account, amount_minor AS posted, 0 AS balance, 0 AS counted \
               FROM envelope_entry WHERE account_id = $1 \
               UNION ALL SELECT debit, -amount_minor, 0, 0 FROM envelope_entry WHERE account_id = $1 \
               UNION ALL SELECT 'funding', 0, -funded_minor, -funded_minor FROM envelope_budget WHERE account_id = $1 \
               UNION ALL SELECT 'budget', 0, balance_minor, funded_minor FROM envelope_budget WHERE account_id = $1 \
               UNION ALL SELECT 'budget', 0, 0, refunded_minor - total_minor FROM envelope WHERE account_id = $1 \
               UNION ALL SELECT 'escrow/' || envelope_id, 0, escrow_minor, -refunded_minor \
               FROM envelope WHERE account_id = $1 \
               UNION ALL SELECT 'escrow/' || envelope_id, 0, 0, amount_minor FROM envelope_share WHERE account_id = $1 \
               UNION ALL SELECT 'escrow/' || envelope_id, 0, 0, -amount_minor FROM envelope_grab WHERE account_id = $1 \
               UNION ALL SELECT 'payable/' || user_id, 0, 0, amount_minor FROM envelope_grab WHERE account_id = $1 \
               UNION ALL SELECT 'payable/' || user_id, 0, payable_minor, 0 FROM envelope_fan WHERE account_id = $1 \
               ) AS line GROUP BY ledger_account ORDER BY ledger_account";
}

#[derive(sqlx::FromRow)]
struct Row {
    ledger_account: String,
    posted: i64,
    balance: i64,
    counted: i64,
}

impl From<Row> for Line {
    fn from(row: Row) -> Self {
        let Row { ledger_account, posted, balance, counted } = row;
        Self { ledger_account, figures: Figures { posted, balance, counted } }
    }
}

/// Posts entries, each with its account of the platform.
///
/// # Errors
/// [`DbError::Duplicate`] for a step that was posted before.
pub(crate) async fn post<'a>(
    tx: &mut Tx,
    entries: impl IntoIterator<Item = (&'a str, Entry)>,
    now: Micros,
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let entries = rows(entries.into_iter().map(|(account_id, entry)| {
        let Entry { cause, subject, place, debit, credit, amount_minor } = entry;
        (account_id, subject, cause.name(), place, debit.name(), credit.name(), amount_minor)
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(entries).bind(now.0).execute(conn).await.map(drop))
}

/// Compares all accounts of the ledger of an account, one after the other: however many there are, they are never all in memory.
pub(crate) async fn compare(tx: &mut Tx, account_id: &str) -> Result<Comparison, DbError> {
    let text = tx.pick(COMPARE);
    let added = async |mut comparison: Comparison, row: Row| {
        comparison.add(row.into());
        Ok(comparison)
    };
    on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .fetch(conn)
        .try_fold(Comparison::default(), added)
        .await)
}
