use std::collections::BTreeMap;

use siyu_db::Tx;
use siyu_rpc::{Error, name};

use crate::{domain::card::Card, store};

/// The cards that are to be mounted by `account_id`, each given by the path of its field and its name, in that order.
///
/// # Errors
/// INVALID_ARGUMENT with the path of the first that is no card of this account, does not exist, or is archived. Whether
/// another account has it is not told.
pub(crate) async fn mountable(
    tx: &mut Tx,
    account_id: &str,
    cards: &[(String, &str)],
) -> Result<Vec<Card>, Error> {
    let ids = cards.iter().filter_map(|(_, name)| id_of(account_id, name));
    let found = store::card::get_many(tx, account_id, ids).await?;
    let found: BTreeMap<&str, &Card> = found.iter().map(|card| (card.card_id.as_str(), card)).collect();
    let check = |(field, name): &(String, &str)| {
        let refused = |rule: String| Err(Error::invalid_field(field.clone(), rule));
        match id_of(account_id, name).and_then(|card_id| found.get(card_id)) {
            None => refused(format!("must be a card of accounts/{account_id}: {name:?} is none")),
            Some(card) if card.archived => refused(format!("{name} is archived")),
            Some(card) => Ok((*card).clone()),
        }
    };
    cards.iter().map(check).collect()
}

/// The id of a card of the account.
fn id_of<'a>(account_id: &str, name: &'a str) -> Option<&'a str> {
    let [owner, card_id] = name::ids(name, ["accounts", "cards"])?;
    (owner == account_id).then_some(card_id)
}
