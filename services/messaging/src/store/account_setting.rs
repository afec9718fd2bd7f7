use serde::{Serialize, de::DeserializeOwned};
use siyu_clock::Micros;
use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    GET = "SELECT document, revision, update_time FROM account_setting WHERE account_id = $1 AND kind = $2";
    SAVE = "INSERT INTO account_setting (account_id, kind, document, revision, update_time) VALUES ($1, $2, $3, $4, $5) \
            ON CONFLICT (account_id, kind) DO UPDATE SET document = excluded.document, revision = excluded.revision, \
            update_time = excluded.update_time";
}

/// What is set up, and which kind it is stored as.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const KIND: &'static str;
}

/// Something that an account has set up, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct Stored<D> {
    pub(crate) document: D,
    /// 0 where it never was.
    pub(crate) revision: i64,
    pub(crate) update_time: Micros,
}

/// What an account has set up; the default where it never has.
pub(crate) async fn get<D: Document + Default>(tx: &mut Tx, account_id: &str) -> Result<Stored<D>, DbError> {
    let text = tx.pick(GET);
    let found: Option<(String, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(account_id).bind(D::KIND).fetch_optional(conn).await)?;
    let Some((document, revision, update_time)) = found else {
        return Ok(Stored { document: D::default(), revision: 0, update_time: Micros(0) });
    };
    let document = serde_json::from_str(&document)
        .map_err(|error| DbError::broken(format!("account_setting.{}: {error}", D::KIND)))?;
    Ok(Stored { document, revision, update_time: Micros(update_time) })
}

pub(crate) async fn save<D: Document>(
    tx: &mut Tx,
    account_id: &str,
    stored: &Stored<D>,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let document =
        serde_json::to_string(&stored.document).map_err(|error| DbError::broken(error.to_string()))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(account_id)
        .bind(D::KIND)
        .bind(document)
        .bind(stored.revision)
        .bind(stored.update_time.0)
        .execute(conn)
        .await
        .map(drop))
}
