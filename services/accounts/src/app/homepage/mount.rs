//! Which cards a homepage may mount.

use siyu_db::Tx;
use siyu_proto::accounts::v1::Homepage;
use siyu_rpc::{Error, name};

use crate::domain::homepage::{Mistake, mounted};

/// The first card that the homepage of the account may not mount where it does.
pub(super) async fn mistake(
    _tx: &mut Tx,
    account_id: &str,
    homepage: &Homepage,
) -> Result<Option<Mistake>, Error> {
    let Some(card) = mounted(homepage).into_iter().next() else { return Ok(None) };
    let is_of_account =
        name::ids(card.name, ["accounts", "cards"]).is_some_and(|[owner, _]| owner == account_id);
    let rule = if is_of_account { "must be a card that exists" } else { "must be a card of this account" };
    Ok(Some(Mistake::new(card.field, rule)))
}
