//! Raw COPY into PostgreSQL: the fastest that rows can be brought in at all.

use std::{fmt::Write, time::Duration};

use anyhow::Context;
use siyu_clock::Stopwatch;
use siyu_db::Db;

use crate::rows::Rows;

const COPY: &str = "COPY interaction (account_id, ordinal, event_time, event_id, kind, target, source, order_id, \
                    amount_minor, quantity, ingest_time) FROM STDIN";

/// Copies all interactions, and nothing else, in one transaction; answers how long that took.
pub(crate) async fn interactions(db: &Db, all: &[Rows]) -> anyhow::Result<Duration> {
    let Db::Postgres(pool) = db else { anyhow::bail!("COPY is for PostgreSQL") };
    let mut text = String::new();
    for rows in all {
        for row in &rows.interactions {
            // Nothing in these texts needs escaping.
            writeln!(
                text,
                "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                rows.account_id,
                row.ordinal,
                row.event_time,
                row.event_id,
                row.kind,
                row.target,
                row.source,
                row.order_id.as_deref().unwrap_or("\\N"),
                row.amount_minor,
                row.quantity,
                row.ingest_time
            )
            .context("a line of text")?;
        }
    }
    let stopwatch = Stopwatch::start();
    let mut connection = pool.acquire().await?;
    let mut copy = connection.copy_in_raw(COPY).await?;
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(stopwatch.elapsed())
}
