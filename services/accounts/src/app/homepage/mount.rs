//! Which cards a homepage may mount.

use siyu_db::Tx;
use siyu_proto::accounts::v1::Homepage;
use siyu_rpc::Error;

use crate::{
    app::cards::mountable,
    domain::homepage::{fits, mounted},
};

/// Refuses a homepage with a card that is not of the account, archived, or of a kind that does not fit its module; `field`
/// is where the homepage is.
pub(super) async fn check(
    tx: &mut Tx,
    account_id: &str,
    homepage: &Homepage,
    field: &str,
) -> Result<(), Error> {
    let mounted = mounted(homepage);
    let named: Vec<_> = mounted.iter().map(|card| (format!("{field}.{}", card.field), card.name)).collect();
    let cards = mountable(tx, account_id, &named).await?;
    for (mounted, card) in mounted.iter().zip(cards) {
        if !fits(mounted.module, card.kind()) {
            let rule = format!("must be of a kind that {} mounts", mounted.module.as_str_name());
            return Err(Error::invalid_field(format!("{field}.{}", mounted.field), rule));
        }
    }
    Ok(())
}
