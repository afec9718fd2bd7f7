use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::member::{LeaveReason, Member, Role, Source};

statements! {
    INSERT = "INSERT INTO past_member (account_id, group_id, user_id, stay, role, source, inviter, join_time, leave_time, \
              leave_reason) SELECT $1, $2, $3, COUNT(*) + 1, $4, $5, $6, CAST($7 AS BIGINT), CAST($8 AS BIGINT), $9 \
              FROM past_member WHERE account_id = $1 AND group_id = $2 AND user_id = $3";
    /// Those who were in at a time: who is in since before it, and who went after it. Nobody is in twice at a time.
    AS_OF = "SELECT user_id, role, source, inviter, join_time, 0 AS leave_time, '' AS leave_reason FROM member \
             WHERE account_id = $1 AND group_id = $2 AND user_id > $3 AND join_time <= $4 \
             UNION ALL \
             SELECT user_id, role, source, inviter, join_time, leave_time, leave_reason FROM past_member \
             WHERE account_id = $1 AND group_id = $2 AND user_id > $3 AND join_time <= $4 AND leave_time > $4 \
             ORDER BY 1 LIMIT $5";
}

#[derive(sqlx::FromRow)]
struct Row {
    user_id: String,
    role: String,
    source: String,
    inviter: String,
    join_time: i64,
    /// 0 while they are in.
    leave_time: i64,
    leave_reason: String,
}

/// Stores that somebody went.
pub(crate) async fn insert(
    tx: &mut Tx,
    member: &Member,
    (leave_time, reason): (Micros, LeaveReason),
) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(&member.account_id)
        .bind(&member.group_id)
        .bind(&member.user_id)
        .bind(member.role.name())
        .bind(member.source.name())
        .bind(&member.inviter)
        .bind(member.join_time.0)
        .bind(leave_time.0)
        .bind(reason.name())
        .execute(conn)
        .await
        .map(drop))
}

/// Who was in a group at a time, with users above `after`, in their order. Those who are in have the role of now.
pub(crate) async fn as_of(
    tx: &mut Tx,
    [account_id, group_id]: [&str; 2],
    time: Micros,
    after: &str,
    limit: i64,
) -> Result<Vec<Member>, DbError> {
    let text = tx.pick(AS_OF);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(account_id)
        .bind(group_id)
        .bind(after)
        .bind(time.0)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    let broken = |what: &str| DbError::broken(format!("past_member.{what}"));
    let member = |row: Row| {
        let left = match row.leave_reason.as_str() {
            "" => None,
            name => {
                let reason = LeaveReason::named(name).ok_or_else(|| broken("leave_reason"))?;
                Some((Micros(row.leave_time), reason))
            }
        };
        Ok(Member {
            account_id: account_id.to_owned(),
            group_id: group_id.to_owned(),
            user_id: row.user_id,
            role: Role::named(&row.role).ok_or_else(|| broken("role"))?,
            source: Source::named(&row.source).ok_or_else(|| broken("source"))?,
            inviter: row.inviter,
            join_time: Micros(row.join_time),
            mute_time: Micros(0),
            read_sequence: 0,
            left,
        })
    };
    found.into_iter().map(member).collect()
}
