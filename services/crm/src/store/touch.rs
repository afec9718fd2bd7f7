use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::reach::Channel;

statements! {
    INSERT = ["INSERT INTO touch (account_id, user_id, touch_time, message, channel, author) \
               SELECT $1, input.value->>0, CAST(input.value->>1 AS BIGINT), input.value->>2, input.value->>3, \
               input.value->>4 FROM ", rows(2),
              " WHERE TRUE ON CONFLICT (account_id, user_id, touch_time, message) DO NOTHING"];
    LIST = "SELECT touch_time, message, channel, author FROM touch WHERE account_id = $1 AND user_id = $2 \
            AND (touch_time, message) < ($3, $4) ORDER BY touch_time DESC, message DESC LIMIT $5";
}

/// One time an account reached a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) user_id: String,
    pub(crate) time: Micros,
    /// Resource name of the message.
    pub(crate) message: String,
    pub(crate) channel: Channel,
    /// Who wrote it for the account.
    pub(crate) author: String,
}

/// Stores touches that are new; those that are known stay as they are.
pub(crate) async fn insert(tx: &mut Tx, account_id: &str, touches: &[Touch]) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    let touches =
        rows(touches.iter().map(|touch| {
            (&touch.user_id, touch.time.0, &touch.message, touch.channel.name(), &touch.author)
        }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(touches).execute(conn).await.map(drop))
}

/// Touches of one user before a time and message, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    user_id: &str,
    before: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Touch>, DbError> {
    let text = tx.pick(LIST);
    let (time, message) = before.unwrap_or((i64::MAX, ""));
    let found: Vec<(i64, String, String, String)> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .bind(time)
        .bind(message)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    let touch = |(time, message, channel, author): (i64, String, String, String)| {
        let named = Channel::named(&channel);
        Ok(Touch {
            user_id: user_id.to_owned(),
            time: Micros(time),
            message,
            channel: named.ok_or_else(|| DbError::broken(format!("touch.channel {channel:?}")))?,
            author,
        })
    };
    found.into_iter().map(touch).collect()
}
