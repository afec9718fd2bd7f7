//! The rights wallet (A10): what an account may do now, taken in two steps, never below zero.

mod books;
mod policies;
mod quota;
mod reservations;
mod wallet;

use siyu_clock::Micros;
use siyu_rpc::{Error, failures::Failures};

use crate::{Accounts, domain::right::RightKind, store};
use books::Books;

pub(crate) use policies::NewPolicy;
pub(crate) use reservations::{Ask, Move};
pub(crate) use wallet::{AllowanceView, Granted, NewGrant, RightView, WalletView};

/// Wallets of each kind of work that are looked up at once.
const DUE_AT_ONCE: i64 = 100;

impl Accounts {
    /// Gives back reservations whose time is over by `now`, and closes lots whose time is over. A wallet that fails does
    /// not stop the others; the first failure is answered.
    pub(crate) async fn settle_rights(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let limit = failures.and(DUE_AT_ONCE);
            let mut tx = self.db.begin_read().await?;
            let mut due = store::right_reservation::due(&mut tx, now, limit).await?;
            due.extend(store::right_wallet::due(&mut tx, now, limit).await?);
            drop(tx);
            due.retain(|(account_id, kind)| !failures.has(&wallet_name(account_id, kind)));
            if due.is_empty() {
                return failures.into_result();
            }
            for (account_id, kind) in due {
                let settled = siyu_rpc::retrying(|| self.settle_wallet(&account_id, &kind, now)).await;
                if let Err(error) = settled {
                    failures.note(wallet_name(&account_id, &kind), error);
                }
            }
        }
    }

    async fn settle_wallet(&self, account_id: &str, kind: &str, now: Micros) -> Result<(), Error> {
        let kind =
            RightKind::named(kind).ok_or_else(|| Error::internal(format!("right_wallet.kind {kind:?}")))?;
        let mut tx = self.db.begin().await?;
        let books = Books::open(&mut tx, account_id, kind, now).await?;
        books.close(&mut tx, store::right_ledger::Cause::default()).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What the log calls a wallet.
fn wallet_name(account_id: &str, kind: &str) -> String {
    format!("accounts/{account_id}/wallet {kind}")
}
