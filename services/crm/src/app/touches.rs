//! How accounts reached users, one by one (C2).

use siyu_db::Tx;
use siyu_proto::{Validate, crm::v1::TouchesObserved};
use siyu_rpc::{Error, Page};

use crate::{
    Crm,
    grpc::touch,
    store::{self, touch::Touch},
};

/// Takes in how another service saw an account reach users, in the transaction of the events that brought it. What is bad by
/// itself is logged and left out: it would be as bad the next time, and everything after it would wait for it.
pub(super) async fn take_in_touches(
    tx: &mut Tx,
    account_id: &str,
    observed: Vec<TouchesObserved>,
) -> Result<(), Error> {
    let mut touches = Vec::new();
    for sent in observed.into_iter().flat_map(|observed| observed.touches) {
        let message = sent.message.clone();
        let violations = sent.violations();
        match touch(sent) {
            Some(touch) if violations.is_empty() => touches.push(touch),
            _ => tracing::warn!(account_id, message, ?violations, "a touch that was observed is left out"),
        }
    }
    if !touches.is_empty() {
        store::touch::insert(tx, account_id, &touches).await?;
    }
    Ok(())
}

impl Crm {
    /// A page of how an account reached a user, newest first, and the token of the next.
    pub(crate) async fn list_touches(
        &self,
        account_id: &str,
        user_id: &str,
        page: &Page<(i64, String)>,
    ) -> Result<(Vec<Touch>, String), Error> {
        self.directory.get(account_id).await?;
        let before = page.after.as_ref().map(|(time, message)| (*time, message.as_str()));
        let mut tx = self.db.begin_read().await?;
        let mut found = store::touch::list(&mut tx, account_id, user_id, before, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.time.0, last.message.clone()))?;
        Ok((found, next))
    }
}
