use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};
use siyu_observed::Origin;

use crate::domain::follow::Follow;

statements! {
    FIND = ["SELECT follow.* FROM ", lookup("follow", "user_id", "TEXT", 2), " AND follow.account_id = $1"];
    SAVE = ["INSERT INTO follow (account_id, user_id, following, mutual, source_domain, mount, campaign, follow_time, \
             unfollow_time) SELECT $1, input.value->>0, CAST(input.value->>1 AS BIGINT), \
             CAST(input.value->>2 AS BIGINT), input.value->>3, input.value->>4, input.value->>5, \
             CAST(input.value->>6 AS BIGINT), CAST(input.value->>7 AS BIGINT) FROM ", rows(2),
            " WHERE TRUE ON CONFLICT (account_id, user_id) DO UPDATE SET following = excluded.following, \
             mutual = excluded.mutual, source_domain = excluded.source_domain, mount = excluded.mount, \
             campaign = excluded.campaign, follow_time = excluded.follow_time, unfollow_time = excluded.unfollow_time"];
    LIST_FOLLOWERS = "SELECT * FROM follow WHERE account_id = $1 AND user_id > $2 AND following = 1 \
                      ORDER BY user_id LIMIT $3";
    LIST_FOLLOWING = "SELECT follow.* FROM following JOIN follow ON follow.account_id = following.account_id \
                      AND follow.user_id = following.user_id WHERE following.user_id = $1 AND following.account_id > $2 \
                      ORDER BY following.account_id LIMIT $3";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    user_id: String,
    following: i64,
    mutual: i64,
    source_domain: String,
    mount: String,
    campaign: String,
    follow_time: i64,
    unfollow_time: Option<i64>,
}

impl From<Row> for Follow {
    fn from(row: Row) -> Self {
        Self {
            user_id: row.user_id,
            following: row.following == 1,
            mutual: row.mutual == 1,
            origin: Origin { source_domain: row.source_domain, mount: row.mount, campaign: row.campaign },
            follow_time: Micros(row.follow_time),
            unfollow_time: row.unfollow_time.map(Micros),
        }
    }
}

/// Those of the users who follow the account or did, in no order.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    account_id: &str,
    user_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Follow>, DbError> {
    let text = tx.pick(FIND);
    let user_ids = rows(user_ids.into_iter().map(|id| [id]))?;
    let found: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(user_ids).fetch_all(conn).await)?;
    Ok(found.into_iter().map(Follow::from).collect())
}

/// Stores follows of an account, each user once.
pub(crate) async fn save<'a>(
    tx: &mut Tx,
    account_id: &str,
    follows: impl IntoIterator<Item = &'a Follow>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let follows = rows(follows.into_iter().map(|follow| {
        let Origin { source_domain, mount, campaign } = &follow.origin;
        let flags = (i64::from(follow.following), i64::from(follow.mutual));
        let unfollow_time = follow.unfollow_time.map(|time| time.0);
        (
            &follow.user_id,
            flags.0,
            flags.1,
            source_domain,
            mount,
            campaign,
            follow.follow_time.0,
            unfollow_time,
        )
    }))?;
    on_db!(tx, |conn| sqlx::query(text).bind(account_id).bind(follows).execute(conn).await.map(drop))
}

/// Who follows an account, of users after `after`, by user.
pub(crate) async fn followers(
    tx: &mut Tx,
    account_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Follow>, DbError> {
    let text = tx.pick(LIST_FOLLOWERS);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    Ok(found.into_iter().map(Follow::from).collect())
}

/// What a user follows, of accounts after `after`: account ids, and how they follow.
pub(crate) async fn following(
    tx: &mut Tx,
    user_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Follow)>, DbError> {
    let text = tx.pick(LIST_FOLLOWING);
    let found: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(user_id).bind(after).bind(limit).fetch_all(conn).await)?;
    Ok(found.into_iter().map(|row| (row.account_id.clone(), row.into())).collect())
}
