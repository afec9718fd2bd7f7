use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, rows, statements};

use crate::domain::member::{Member, Role, Source};

statements! {
    INSERT = "INSERT INTO member (account_id, group_id, user_id, role, source, inviter, join_time, mute_time, read_sequence) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    UPDATE = "UPDATE member SET role = $4, mute_time = $5, read_sequence = $6 \
              WHERE account_id = $1 AND group_id = $2 AND user_id = $3";
    DELETE = "DELETE FROM member WHERE account_id = $1 AND group_id = $2 AND user_id = $3";
    FIND = ["SELECT member.* FROM ", rows(1),
            " CROSS JOIN member WHERE member.account_id = input.value->>0 AND member.group_id = input.value->>1 \
             AND member.user_id = input.value->>2"];
    LIST = "SELECT * FROM member WHERE account_id = $1 AND group_id = $2 AND user_id > $3 ORDER BY user_id LIMIT $4";
    OF_ROLE = "SELECT * FROM member WHERE account_id = $1 AND group_id = $2 AND role = $3 ORDER BY user_id";
    OF_USER = "SELECT * FROM member WHERE user_id = $1 AND (account_id, group_id) > ($2, $3) \
               ORDER BY account_id, group_id LIMIT $4";
    OF_USER_IN_ACCOUNT = "SELECT * FROM member WHERE user_id = $1 AND account_id = $2 ORDER BY group_id";
}

#[derive(sqlx::FromRow)]
struct Row {
    account_id: String,
    group_id: String,
    user_id: String,
    role: String,
    source: String,
    inviter: String,
    join_time: i64,
    mute_time: i64,
    read_sequence: i64,
}

impl TryFrom<Row> for Member {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let broken = |what: &str| DbError::broken(format!("member.{what}"));
        Ok(Self {
            role: Role::named(&row.role).ok_or_else(|| broken("role"))?,
            source: Source::named(&row.source).ok_or_else(|| broken("source"))?,
            account_id: row.account_id,
            group_id: row.group_id,
            user_id: row.user_id,
            inviter: row.inviter,
            join_time: Micros(row.join_time),
            mute_time: Micros(row.mute_time),
            read_sequence: row.read_sequence,
            left: None,
        })
    }
}

fn members(rows: Vec<Row>) -> Result<Vec<Member>, DbError> {
    rows.into_iter().map(Member::try_from).collect()
}

/// Stores somebody who came in.
pub(crate) async fn insert(tx: &mut Tx, member: &Member) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&member.account_id)
        .bind(&member.group_id)
        .bind(&member.user_id)
        .bind(member.role.name())
        .bind(member.source.name())
        .bind(&member.inviter)
        .bind(member.join_time.0)
        .bind(member.mute_time.0)
        .bind(member.read_sequence)
        .execute(conn)
        .await
        .map(drop))
}

/// Stores a member as they are now.
pub(crate) async fn update(tx: &mut Tx, member: &Member) -> Result<(), DbError> {
    let text = tx.pick(UPDATE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&member.account_id)
        .bind(&member.group_id)
        .bind(&member.user_id)
        .bind(member.role.name())
        .bind(member.mute_time.0)
        .bind(member.read_sequence)
        .execute(conn)
        .await
        .map(drop))
}

pub(crate) async fn delete(tx: &mut Tx, member: &Member) -> Result<(), DbError> {
    let text = tx.pick(DELETE);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&member.account_id)
        .bind(&member.group_id)
        .bind(&member.user_id)
        .execute(conn)
        .await
        .map(drop))
}

/// Members, given as account, group and user, as far as they are in; in no order.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    names: impl IntoIterator<Item = [&'a str; 3]>,
) -> Result<Vec<Member>, DbError> {
    let text = tx.pick(FIND);
    let names = rows(names)?;
    members(on_db!(tx, |conn| sqlx::query_as(text).bind(&names).fetch_all(conn).await)?)
}

/// The members of a group with users above `after`, in their order.
pub(crate) async fn list(
    tx: &mut Tx,
    [account_id, group_id]: [&str; 2],
    after: &str,
    limit: i64,
) -> Result<Vec<Member>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    members(found)
}

/// The members of a group who have a role.
pub(crate) async fn of_role(
    tx: &mut Tx,
    [account_id, group_id]: [&str; 2],
    role: Role,
) -> Result<Vec<Member>, DbError> {
    let text = tx.pick(OF_ROLE);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(role.name())
        .fetch_all(conn)
        .await)?;
    members(found)
}

/// Where a user is in, after an account and group, in the order of those.
pub(crate) async fn of_user(
    tx: &mut Tx,
    user_id: &str,
    [account_id, group_id]: [&str; 2],
    limit: i64,
) -> Result<Vec<Member>, DbError> {
    let text = tx.pick(OF_USER);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(user_id)
        .bind(account_id)
        .bind(group_id)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    members(found)
}

/// Where a user is in among the groups of an account, by group.
pub(crate) async fn of_user_in_account(
    tx: &mut Tx,
    user_id: &str,
    account_id: &str,
) -> Result<Vec<Member>, DbError> {
    let text = tx.pick(OF_USER_IN_ACCOUNT);
    let found: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(user_id).bind(account_id).fetch_all(conn).await)?;
    members(found)
}
