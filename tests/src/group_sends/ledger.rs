//! What is stored of a group sending, read beside the service.

use anyhow::Context;
use serde_json::Value;
use siyu_db::on_db;

use crate::installation::Installation;

const GROUP_SEND: &str = "SELECT body FROM group_send WHERE group_send_id = $1";
const REST: &str =
    "SELECT CAST(COALESCE(SUM(rest_count), 0) AS BIGINT) FROM group_send_chunk WHERE group_send_id = $1";
const MESSAGES: &str = "SELECT COUNT(*) FROM message WHERE author = $1";

/// Where its recipients stand.
#[derive(Debug)]
pub(super) struct Ledger {
    planned: i64,
    pub(super) sent: i64,
    refused: i64,
    /// Those of whom nothing has become.
    rest: i64,
    /// Its messages in conversations.
    messages: i64,
}

impl Ledger {
    /// As of one moment.
    pub(super) async fn read(installation: &Installation, id: &str) -> anyhow::Result<Self> {
        let db = installation.open_messaging().await?;
        let mut tx = db.begin_read().await?;
        let body: String =
            on_db!(&mut tx, |conn| sqlx::query_scalar(GROUP_SEND).bind(id).fetch_one(conn).await)?;
        let rest = on_db!(&mut tx, |conn| sqlx::query_scalar(REST).bind(id).fetch_one(conn).await)?;
        let author = format!("bots/groupSends/{id}");
        let messages =
            on_db!(&mut tx, |conn| sqlx::query_scalar(MESSAGES).bind(author).fetch_one(conn).await)?;
        drop(tx);
        db.close().await;
        let body: Value = serde_json::from_str(&body)?;
        let count = |field: &str| body[field].as_i64().with_context(|| format!("{field} of {body}"));
        let refused = body["refused"].as_object().context("who is refused")?;
        Ok(Self {
            planned: count("planned_count")?,
            sent: count("sent_count")?,
            refused: refused.values().filter_map(Value::as_i64).sum(),
            rest,
            messages,
        })
    }

    /// What does not add up: planned = sent + refused + rest, and a message for each who was sent it.
    pub(super) fn imbalance(&self) -> Option<String> {
        let somewhere = self.sent + self.refused + self.rest;
        let adds_up = (self.planned, self.sent) == (somewhere, self.messages);
        (!adds_up).then(|| format!("it does not add up: {self:?}"))
    }
}
