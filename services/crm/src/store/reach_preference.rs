use serde::{Deserialize, Serialize};
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::reach::quiet_hours::QuietHours;

statements! {
    GET = "SELECT opted_out, quiet_start, quiet_end, revision, update_time FROM reach_preference \
           WHERE account_id = $1 AND user_id = $2";
    TOPICS = "SELECT topic FROM reach_topic_opt_out WHERE account_id = $1 AND user_id = $2 ORDER BY topic";
    SAVE = "INSERT INTO reach_preference (account_id, user_id, opted_out, quiet_start, quiet_end, revision, update_time) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, user_id) DO UPDATE SET \
            opted_out = excluded.opted_out, quiet_start = excluded.quiet_start, quiet_end = excluded.quiet_end, \
            revision = excluded.revision, update_time = excluded.update_time";
    REMOVE_TOPICS = "DELETE FROM reach_topic_opt_out WHERE account_id = $1 AND user_id = $2";
    INSERT_TOPICS = ["INSERT INTO reach_topic_opt_out (account_id, topic, user_id) SELECT $1, input.value->>0, $3 FROM ",
                     rows(2), ""];
    /// In this order: those who want nothing are few beside all fans.
    OPTED_OUT = "SELECT fan.ordinal FROM reach_preference CROSS JOIN fan WHERE reach_preference.account_id = $1 \
                 AND opted_out = 1 AND fan.account_id = $1 AND fan.user_id = reach_preference.user_id";
    TOPIC_OPTED_OUT = "SELECT fan.ordinal FROM reach_topic_opt_out CROSS JOIN fan \
                       WHERE reach_topic_opt_out.account_id = $1 AND topic = $2 AND fan.account_id = $1 \
                       AND fan.user_id = reach_topic_opt_out.user_id";
    QUIET = "SELECT quiet_start, quiet_end, fan.ordinal FROM reach_preference CROSS JOIN fan \
             WHERE reach_preference.account_id = $1 AND quiet_start IS NOT NULL AND fan.account_id = $1 \
             AND fan.user_id = reach_preference.user_id";
}

/// What a user wants of an account. Revision 0 is that of somebody who never said anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preference {
    pub(crate) opted_out: bool,
    /// In alphabetical order.
    pub(crate) opted_out_topics: Vec<String>,
    pub(crate) quiet_hours: Option<QuietHours>,
    /// Grows with every change.
    pub(crate) revision: i64,
    pub(crate) update_time: Option<i64>,
}

/// Opted out, quiet hours from and to, revision, time of the last change.
type Row = (i64, Option<i64>, Option<i64>, i64, i64);

/// What a user wants.
pub(crate) async fn get(tx: &mut Tx, account_id: &str, user_id: &str) -> Result<Preference, DbError> {
    let text = tx.pick(GET);
    let found: Option<Row> = on_db!(&mut *tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(user_id)
        .fetch_optional(conn)
        .await)?;
    let Some((opted_out, start, end, revision, update_time)) = found else {
        return Ok(Preference::default());
    };
    let text = tx.pick(TOPICS);
    let opted_out_topics =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(user_id).fetch_all(conn).await)?;
    let quiet_hours =
        start.zip(end).map(|(start_minute, end_minute)| QuietHours { start_minute, end_minute });
    Ok(Preference {
        opted_out: opted_out == 1,
        opted_out_topics,
        quiet_hours,
        revision,
        update_time: Some(update_time),
    })
}

/// Stores what a user wants now.
pub(crate) async fn save(
    tx: &mut Tx,
    account_id: &str,
    user_id: &str,
    preference: &Preference,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let (start, end) = preference.quiet_hours.map(|hours| (hours.start_minute, hours.end_minute)).unzip();
    on_db!(&mut *tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(user_id)
        .bind(i64::from(preference.opted_out))
        .bind(start)
        .bind(end)
        .bind(preference.revision)
        .bind(preference.update_time)
        .execute(conn)
        .await
        .map(drop))?;
    let text = tx.pick(REMOVE_TOPICS);
    on_db!(&mut *tx, |conn| sqlx::query(text).bind(account_id).bind(user_id).execute(conn).await.map(drop))?;
    let text = tx.pick(INSERT_TOPICS);
    let topics = rows(preference.opted_out_topics.iter().map(|topic| [topic]))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(topics)
        .bind(user_id)
        .execute(conn)
        .await
        .map(drop))
}

/// The ordinals of the fans who want nothing, in no order.
pub(crate) async fn opted_out(tx: &mut Tx, account_id: &str) -> Result<Vec<i64>, DbError> {
    let text = tx.pick(OPTED_OUT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).fetch_all(conn).await)
}

/// The ordinals of the fans who want nothing about a topic, in no order.
pub(crate) async fn topic_opted_out(tx: &mut Tx, account_id: &str, topic: &str) -> Result<Vec<i64>, DbError> {
    let text = tx.pick(TOPIC_OPTED_OUT);
    on_db!(tx, |conn| sqlx::query_scalar(text).bind(account_id).bind(topic).fetch_all(conn).await)
}

/// Quiet hours of fans' own, each with the ordinal of the fan, in no order.
pub(crate) async fn quiet(tx: &mut Tx, account_id: &str) -> Result<Vec<(QuietHours, i64)>, DbError> {
    let text = tx.pick(QUIET);
    let found: Vec<(i64, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).fetch_all(conn).await)?;
    let quiet = |(start_minute, end_minute, ordinal)| (QuietHours { start_minute, end_minute }, ordinal);
    Ok(found.into_iter().map(quiet).collect())
}
