use std::ops::RangeInclusive;

use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::{
    interaction::{Interaction, Kind, Purchase},
    standing::Fact,
};

statements! {
    FIND = ["SELECT interaction.*, (SELECT user_id FROM fan WHERE fan.account_id = $1 \
             AND fan.ordinal = interaction.ordinal) AS user_id FROM ",
            lookup("interaction", "event_id", "TEXT", 2), " AND interaction.account_id = $1"];
    INSERT = ["INSERT INTO interaction (account_id, ordinal, event_time, event_id, kind, target, source, mount, \
               campaign, order_id, amount_minor, quantity, ingest_time) \
               SELECT $1, CAST(input.value->>0 AS BIGINT), CAST(input.value->>1 AS BIGINT), input.value->>2, \
               input.value->>3, input.value->>4, input.value->>5, input.value->>6, input.value->>7, \
               input.value->>8, CAST(input.value->>9 AS BIGINT), CAST(input.value->>10 AS BIGINT), $3 FROM ", rows(2), ""];
    TIMELINE = "SELECT interaction.*, $5 AS user_id FROM interaction WHERE account_id = $1 AND ordinal = $2 \
                AND (event_time, event_id) < ($3, $4) ORDER BY event_time DESC, event_id DESC LIMIT $6";
    /// With contents: the kinds are those of `Behaviour::KINDS`.
    ON_CONTENTS_OF = ["SELECT ordinal, event_time, kind, target FROM ", lookup("interaction", "ordinal", "BIGINT", 2),
                      " AND interaction.account_id = $1 AND event_time BETWEEN $3 AND $4 \
                       AND kind IN ('collect', 'comment', 'like', 'live_watch', 'share', 'view') \
                       AND substr(target, 1, length($5)) = $5"];
    ON_CONTENTS_OF_RANGE = "SELECT ordinal, event_time, kind, target FROM interaction \
                            WHERE account_id = $1 AND ordinal > $2 AND ordinal <= $3 \
                            AND kind IN ('collect', 'comment', 'like', 'live_watch', 'share', 'view') \
                            AND substr(target, 1, length($4)) = $4";
    FACTS_OF_RANGE = "SELECT ordinal, kind, event_time, event_id FROM interaction \
                      WHERE account_id = $1 AND ordinal > $2 AND ordinal <= $3 ORDER BY ordinal, event_time, event_id";
    FACTS_OF = ["SELECT ordinal, kind, event_time, event_id FROM ", lookup("interaction", "ordinal", "BIGINT", 2),
                " AND interaction.account_id = $1 ORDER BY ordinal, event_time, event_id"];
}

#[derive(sqlx::FromRow)]
struct InteractionRow {
    user_id: String,
    event_time: i64,
    event_id: String,
    kind: String,
    target: String,
    source: String,
    mount: String,
    campaign: String,
    order_id: Option<String>,
    amount_minor: i64,
    quantity: i64,
}

impl TryFrom<InteractionRow> for Interaction {
    type Error = DbError;

    fn try_from(row: InteractionRow) -> Result<Self, DbError> {
        let InteractionRow { amount_minor, quantity, .. } = row;
        Ok(Self {
            kind: kind(&row.kind)?,
            event_id: row.event_id,
            user_id: row.user_id,
            event_time: Micros(row.event_time),
            target: row.target,
            source: row.source,
            mount: row.mount,
            campaign: row.campaign,
            purchase: row.order_id.map(|order_id| Purchase { order_id, amount_minor, quantity }),
        })
    }
}

fn kind(name: &str) -> Result<Kind, DbError> {
    Kind::named(name).ok_or_else(|| DbError::broken(format!("interaction.kind {name:?}")))
}

/// Those of the event ids that are stored, in no order.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    account_id: &str,
    event_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Interaction>, DbError> {
    let text = tx.pick(FIND);
    let ids = rows(event_ids.into_iter().map(|id| [id]))?;
    let found: Vec<InteractionRow> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ids).fetch_all(conn).await)?;
    found.into_iter().map(Interaction::try_from).collect()
}

/// Stores new interactions, each with the ordinal of its fan.
pub(crate) async fn insert(
    tx: &mut Tx,
    account_id: &str,
    new: &[(i64, &Interaction)],
    now: Micros,
) -> Result<(), DbError> {
    if new.is_empty() {
        return Ok(());
    }
    let text = tx.pick(INSERT);
    let new = rows(new.iter().map(|(ordinal, interaction)| {
        let purchase = interaction.purchase.as_ref();
        (
            ordinal,
            interaction.event_time.0,
            &interaction.event_id,
            interaction.kind.name(),
            &interaction.target,
            &interaction.source,
            &interaction.mount,
            &interaction.campaign,
            purchase.map(|purchase| &purchase.order_id),
            purchase.map_or(0, |purchase| purchase.amount_minor),
            purchase.map_or(0, |purchase| purchase.quantity),
        )
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(new).bind(now.0).execute(conn).await.map(drop))
}

/// The last moment and event id: where a timeline begins.
const END: (i64, &str) = (i64::MAX, "");

/// Interactions of one fan before `before`, newest first.
pub(crate) async fn timeline(
    tx: &mut Tx,
    account_id: &str,
    (ordinal, user_id): (i64, &str),
    before: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Interaction>, DbError> {
    let text = tx.pick(TIMELINE);
    let (time, event_id) = before.unwrap_or(END);
    let found: Vec<InteractionRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(ordinal)
        .bind(time)
        .bind(event_id)
        .bind(user_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Interaction::try_from).collect()
}

type FactRow = (i64, String, i64, String);

/// What is known of each fan, by ordinal and then by event time.
fn facts(rows: Vec<FactRow>) -> Result<Vec<(i64, Fact)>, DbError> {
    let fact = |(ordinal, name, time, event_id): FactRow| {
        Ok((ordinal, Fact { kind: kind(&name)?, time: Micros(time), event_id }))
    };
    rows.into_iter().map(fact).collect()
}

/// The histories of the fans with ordinals above `after` and up to `last`.
pub(crate) async fn facts_of_range(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    last: i64,
) -> Result<Vec<(i64, Fact)>, DbError> {
    let text = tx.pick(FACTS_OF_RANGE);
    facts(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(last)
        .fetch_all(conn)
        .await)?)
}

/// The histories of the fans with the ordinals.
pub(crate) async fn facts_of(
    tx: &mut Tx,
    account_id: &str,
    ordinals: impl IntoIterator<Item = i64>,
) -> Result<Vec<(i64, Fact)>, DbError> {
    let text = tx.pick(FACTS_OF);
    let ordinals = rows(ordinals.into_iter().map(|ordinal| [ordinal]))?;
    facts(on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(ordinals).fetch_all(conn).await)?)
}

/// Something a fan did with a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnContent {
    pub(crate) ordinal: i64,
    pub(crate) event_time: i64,
    pub(crate) kind: Kind,
    /// `accounts/{account}/contents/{content}`
    pub(crate) content: String,
}

/// What all names of contents of an account begin with.
pub(crate) fn content_prefix(account_id: &str) -> String {
    format!("accounts/{account_id}/contents/")
}

fn on_contents(rows: Vec<(i64, i64, String, String)>) -> Result<Vec<OnContent>, DbError> {
    let on_content = |(ordinal, event_time, name, content): (i64, i64, String, String)| {
        Ok(OnContent { ordinal, event_time, kind: kind(&name)?, content })
    };
    rows.into_iter().map(on_content).collect()
}

/// What the fans with the ordinals did with contents of the account at `times`, in no order.
pub(crate) async fn on_contents_of(
    tx: &mut Tx,
    account_id: &str,
    ordinals: impl IntoIterator<Item = i64>,
    times: RangeInclusive<i64>,
) -> Result<Vec<OnContent>, DbError> {
    let text = tx.pick(ON_CONTENTS_OF);
    let ordinals = rows(ordinals.into_iter().map(|ordinal| [ordinal]))?;
    on_contents(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(ordinals)
        .bind(*times.start())
        .bind(*times.end())
        .bind(content_prefix(account_id))
        .fetch_all(conn)
        .await)?)
}

/// What the fans with ordinals above `after` and up to `last` did with contents of the account, in no order.
pub(crate) async fn on_contents_of_range(
    tx: &mut Tx,
    account_id: &str,
    after: i64,
    last: i64,
) -> Result<Vec<OnContent>, DbError> {
    let text = tx.pick(ON_CONTENTS_OF_RANGE);
    on_contents(on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(last)
        .bind(content_prefix(account_id))
        .fetch_all(conn)
        .await)?)
}
