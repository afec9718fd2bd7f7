//! The rights wallet (A10): what an account may do now, taken in two steps, never below zero.

mod books;
mod policies;
mod quota;
mod reservations;
mod wallet;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;

use crate::{Accounts, domain::right::RightKind, store};
use books::Books;

pub(crate) use policies::NewPolicy;
pub(crate) use reservations::Ask;
pub(crate) use wallet::{AllowanceView, Granted, NewGrant, RightView, WalletView};

/// Wallets that one round of background work settles before it looks at the clock again.
const DUE_AT_ONCE: i64 = 100;

impl Accounts {
    /// Gives back reservations whose time is over by `now`, and closes lots whose time is over.
    pub(crate) async fn settle_rights(&self, now: Micros) -> Result<(), Error> {
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = store::right_reservation::due(&mut tx, now, DUE_AT_ONCE).await?;
            due.extend(store::right_wallet::due(&mut tx, now, DUE_AT_ONCE).await?);
            drop(tx);
            if due.is_empty() {
                return Ok(());
            }
            for (account_id, kind) in due {
                let kind = RightKind::named(&kind)
                    .ok_or_else(|| Error::internal(format!("right_wallet.kind {kind:?}")))?;
                siyu_rpc::retrying(|| self.settle_wallet(&account_id, kind, now)).await?;
            }
        }
    }

    async fn settle_wallet(&self, account_id: &str, kind: RightKind, now: Micros) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let books = Books::open(&mut tx, account_id, kind, now).await?;
        books.close(&mut tx, store::right_ledger::Cause::default()).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn account(tx: &mut Tx, account_id: &str) -> Result<store::account::Account, Error> {
    let found = store::account::get(tx, account_id).await?;
    found.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}")))
}
