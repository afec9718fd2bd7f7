use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::content::{ContentKind, ContentState, Notice};

statements! {
    INSERT = "INSERT INTO content (account_id, content_id, kind, state, title, cover_uri, topics, advertisement, content_time, \
              start_time, end_time, notice, notice_time, revision, create_time, update_time) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    UPDATE = "UPDATE content SET kind = $3, state = $4, title = $5, cover_uri = $6, topics = $7, advertisement = $8, \
              content_time = $9, start_time = $10, end_time = $11, notice = $12, notice_time = $13, revision = $14, \
              create_time = $15, update_time = $16 WHERE account_id = $1 AND content_id = $2";
    GET = "SELECT * FROM content WHERE account_id = $1 AND content_id = $2";
    LIST = "SELECT * FROM content WHERE account_id = $1 AND ($2 = '' OR kind = $2) AND ($3 = '' OR state = $3) \
            AND content_time >= $4 AND content_time < $5 AND (content_time, content_id) < ($6, $7) \
            ORDER BY content_time DESC, content_id DESC LIMIT $8";
    /// Those that run, and those that should not have begun before $2.
    SHOWN = "SELECT * FROM content WHERE account_id = $1 AND state IN ('live', 'scheduled') \
             AND (state = 'live' OR content_time > $2) ORDER BY state, content_time, content_id LIMIT $3";
    /// Lives of which somebody may have to be told, longest due first.
    DUE = "SELECT account_id, content_id FROM content WHERE notice_time <= $1 \
           ORDER BY notice_time, account_id, content_id LIMIT $2";
    SETTLE_NOTICE = "UPDATE content SET notice = NULL, notice_time = NULL WHERE account_id = $1 AND content_id = $2";
}

/// A video or a live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) account_id: String,
    pub(crate) content_id: String,
    pub(crate) kind: ContentKind,
    pub(crate) state: ContentState,
    pub(crate) title: String,
    pub(crate) cover_uri: String,
    pub(crate) topics: Vec<String>,
    pub(crate) advertisement: bool,
    /// When a video was published, when a live is planned to start.
    pub(crate) content_time: Micros,
    pub(crate) start_time: Option<Micros>,
    pub(crate) end_time: Option<Micros>,
    /// What those with an appointment are told next, and from when on.
    pub(crate) notice: Option<(Notice, Micros)>,
    /// Counts its changes.
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

impl Content {
    /// `accounts/{account}/contents/{content}`
    pub(crate) fn name(&self) -> String {
        format!("accounts/{}/contents/{}", self.account_id, self.content_id)
    }
}

/// Which contents to list.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) kind: Option<ContentKind>,
    pub(crate) state: Option<ContentState>,
    /// From then on.
    pub(crate) start_time: Micros,
    /// Before then.
    pub(crate) end_time: Micros,
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    content_id: String,
    kind: String,
    state: String,
    title: String,
    cover_uri: String,
    topics: String,
    advertisement: i64,
    content_time: i64,
    start_time: Option<i64>,
    end_time: Option<i64>,
    notice: Option<String>,
    notice_time: Option<i64>,
    revision: i64,
    create_time: i64,
    update_time: i64,
}

impl TryFrom<Row> for Content {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let unknown = |column: &str, text: &str| DbError::broken(format!("content.{column} {text:?}"));
        let notice = match row.notice {
            Some(name) => Some(Notice::named(&name).ok_or_else(|| unknown("notice", &name))?),
            None => None,
        };
        Ok(Self {
            kind: ContentKind::named(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
            state: ContentState::named(&row.state).ok_or_else(|| unknown("state", &row.state))?,
            topics: serde_json::from_str(&row.topics).map_err(|_| unknown("topics", &row.topics))?,
            account_id: row.account_id,
            content_id: row.content_id,
            title: row.title,
            cover_uri: row.cover_uri,
            advertisement: row.advertisement == 1,
            content_time: Micros(row.content_time),
            start_time: row.start_time.map(Micros),
            end_time: row.end_time.map(Micros),
            notice: notice.zip(row.notice_time.map(Micros)),
            revision: row.revision,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
        })
    }
}

pub(crate) async fn insert(tx: &mut Tx, content: &Content) -> Result<(), DbError> {
    write(tx, INSERT, content).await
}

/// Stores what may change.
pub(crate) async fn update(tx: &mut Tx, content: &Content) -> Result<(), DbError> {
    write(tx, UPDATE, content).await
}

async fn write(tx: &mut Tx, statement: siyu_db::Statement, content: &Content) -> Result<(), DbError> {
    let text = tx.pick(statement);
    let topics =
        serde_json::to_string(&content.topics).map_err(|error| DbError::broken(error.to_string()))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&content.account_id)
        .bind(&content.content_id)
        .bind(content.kind.name())
        .bind(content.state.name())
        .bind(&content.title)
        .bind(&content.cover_uri)
        .bind(topics)
        .bind(i64::from(content.advertisement))
        .bind(content.content_time.0)
        .bind(content.start_time.map(|time| time.0))
        .bind(content.end_time.map(|time| time.0))
        .bind(content.notice.map(|(notice, _)| notice.name()))
        .bind(content.notice.map(|(_, time)| time.0))
        .bind(content.revision)
        .bind(content.create_time.0)
        .bind(content.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn get(tx: &mut Tx, account_id: &str, content_id: &str) -> Result<Option<Content>, DbError> {
    let text = tx.pick(GET);
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(content_id).fetch_optional(conn).await)?;
    row.map(Content::try_from).transpose()
}

/// Those of an account before `before`, latest first.
pub(crate) async fn list(
    tx: &mut Tx,
    account_id: &str,
    filter: &Filter,
    (before_time, before_id): &(i64, String),
    limit: i64,
) -> Result<Vec<Content>, DbError> {
    let text = tx.pick(LIST);
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(filter.kind.map_or("", ContentKind::name))
        .bind(filter.state.map_or("", ContentState::name))
        .bind(filter.start_time.0)
        .bind(filter.end_time.0)
        .bind(*before_time)
        .bind(before_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Content::try_from).collect()
}

/// Lives that run, then those to come, the next first. One that was planned for before `since` and has not begun is
/// forgotten.
pub(crate) async fn shown(
    tx: &mut Tx,
    account_id: &str,
    since: Micros,
    limit: i64,
) -> Result<Vec<Content>, DbError> {
    let text = tx.pick(SHOWN);
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(since.0)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Content::try_from).collect()
}

/// Accounts and ids of lives of which somebody may have to be told at `now`.
pub(crate) async fn due(tx: &mut Tx, now: Micros, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    let text = tx.pick(DUE);
    on_db!(tx, |conn| sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(conn).await)
}

/// Everybody has been told.
pub(crate) async fn settle_notice(tx: &mut Tx, content: &Content) -> Result<(), DbError> {
    let text = tx.pick(SETTLE_NOTICE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&content.account_id)
        .bind(&content.content_id)
        .execute(conn)
        .await
        .map(drop))
}
