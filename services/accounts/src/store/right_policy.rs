use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

use crate::domain::right::{CertificationClass, Period, Policy, RightKind};

statements! {
    INSERT = "INSERT INTO right_policy (kind, certification_class, effective_time, amount, period, create_time) \
              VALUES ($1, $2, $3, $4, $5, $6)";
    IN_FORCE = "SELECT * FROM right_policy WHERE kind = $1 AND certification_class = $2 AND effective_time <= $3 \
                ORDER BY effective_time DESC LIMIT 1";
    LIST = "SELECT * FROM right_policy WHERE (kind, certification_class, effective_time) > ($1, $2, $3) \
            ORDER BY kind, certification_class, effective_time LIMIT $4";
}

#[derive(sqlx::FromRow)]
struct Row {
    kind: String,
    certification_class: String,
    effective_time: i64,
    amount: i64,
    period: String,
    create_time: i64,
}

impl TryFrom<Row> for Policy {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Self, DbError> {
        let unknown = |column: &str, text: &str| DbError::broken(format!("right_policy.{column} {text:?}"));
        Ok(Self {
            kind: RightKind::named(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
            class: CertificationClass::named(&row.certification_class)
                .ok_or_else(|| unknown("certification_class", &row.certification_class))?,
            effective_time: Micros(row.effective_time),
            amount: row.amount,
            period: Period::named(&row.period).ok_or_else(|| unknown("period", &row.period))?,
            create_time: Micros(row.create_time),
        })
    }
}

pub(crate) async fn insert(tx: &mut Tx, policy: &Policy) -> Result<(), DbError> {
    let text = tx.pick(INSERT);
    on_db!(tx, |conn| sqlx::query(text)
        .bind(policy.kind.name())
        .bind(policy.class.name())
        .bind(policy.effective_time.0)
        .bind(policy.amount)
        .bind(policy.period.name())
        .bind(policy.create_time.0)
        .execute(conn)
        .await
        .map(drop))
}

/// The policy for accounts of a class at a time, if there is one.
pub(crate) async fn in_force(
    tx: &mut Tx,
    kind: RightKind,
    class: CertificationClass,
    time: Micros,
) -> Result<Option<Policy>, DbError> {
    let text = tx.pick(IN_FORCE);
    let found: Option<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(kind.name())
        .bind(class.name())
        .bind(time.0)
        .fetch_optional(conn)
        .await)?;
    found.map(Policy::try_from).transpose()
}

/// Those after `after` (kind, class, effective time), in that order.
pub(crate) async fn list(
    tx: &mut Tx,
    (kind, class, effective_time): (&str, &str, i64),
    limit: i64,
) -> Result<Vec<Policy>, DbError> {
    let text = tx.pick(LIST);
    let found: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(kind)
        .bind(class)
        .bind(effective_time)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    found.into_iter().map(Policy::try_from).collect()
}
