use siyu_db::{DbError, Tx, on_db, statements};

statements! {
    GET = "SELECT everything, topics FROM opt_out WHERE user_id = $1 AND account_id = $2";
    SAVE = "INSERT INTO opt_out (user_id, account_id, everything, topics) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (user_id, account_id) DO UPDATE SET everything = excluded.everything, topics = excluded.topics";
}

/// What a user does not want of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OptOut {
    /// Nothing at all.
    pub(crate) everything: bool,
    /// Nothing of these.
    pub(crate) topics: Vec<String>,
}

impl OptOut {
    /// As stored: nothing, where the user never said.
    pub(crate) fn of_row(everything: i64, topics: &str) -> Result<Self, DbError> {
        let topics = match topics {
            "" => Vec::new(),
            topics => serde_json::from_str(topics).map_err(|error| DbError::broken(error.to_string()))?,
        };
        Ok(Self { everything: everything == 1, topics })
    }

    /// Whether they want a push about `topic`.
    pub(crate) fn allows(&self, topic: &str) -> bool {
        !self.everything && !self.topics.iter().any(|unwanted| unwanted == topic)
    }
}

/// What a user does not want of an account.
pub(crate) async fn get(tx: &mut Tx, user_id: &str, account_id: &str) -> Result<OptOut, DbError> {
    let text = tx.pick(GET);
    let found: Option<(i64, String)> =
        on_db!(tx, |conn| sqlx::query_as(text).bind(user_id).bind(account_id).fetch_optional(conn).await)?;
    found.map_or_else(|| Ok(OptOut::default()), |(everything, topics)| OptOut::of_row(everything, &topics))
}

/// Stores what a user does not want of an account.
pub(crate) async fn save(
    tx: &mut Tx,
    user_id: &str,
    account_id: &str,
    opt_out: &OptOut,
) -> Result<(), DbError> {
    let text = tx.pick(SAVE);
    let topics =
        serde_json::to_string(&opt_out.topics).map_err(|error| DbError::broken(error.to_string()))?;
    on_db!(tx, |conn| sqlx::query(text)
        .bind(user_id)
        .bind(account_id)
        .bind(i64::from(opt_out.everything))
        .bind(topics)
        .execute(conn)
        .await
        .map(drop))
}
