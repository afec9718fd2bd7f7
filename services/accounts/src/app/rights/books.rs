//! A wallet in hand: locked, loaded, changed, stored with its ledger.

use std::collections::BTreeSet;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;

use crate::{
    domain::{
        reservation::State,
        right::RightKind,
        wallet::{Lot, Wallet},
    },
    store::{self, right_ledger::Cause, right_wallet::Totals},
};

/// The wallet of one kind of right of an account. Until the transaction ends nobody else changes it.
pub(super) struct Books<'a> {
    pub(super) account_id: &'a str,
    kind: RightKind,
    now: Micros,
    totals: Totals,
    pub(super) wallet: Wallet,
}

impl<'a> Books<'a> {
    /// Waits for the wallet's turn, and gives back reservations whose time is over.
    pub(super) async fn open(
        tx: &mut Tx,
        account_id: &'a str,
        kind: RightKind,
        now: Micros,
    ) -> Result<Self, Error> {
        let totals = store::right_wallet::lock(tx, account_id, kind).await?;
        let lots = store::right_wallet::open_lots(tx, account_id, kind, now).await?;
        let wallet = Wallet {
            last_sequence: totals.last_sequence,
            last_lot: totals.last_lot,
            lots: lots.into_iter().map(|stored| stored.lot).collect(),
            entries: Vec::new(),
        };
        let mut books = Self { account_id, kind, now, totals, wallet };
        books.lapse_overdue(tx).await?;
        Ok(books)
    }

    async fn lapse_overdue(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let overdue = store::right_reservation::overdue(tx, self.account_id, self.kind, self.now).await?;
        for mut reservation in overdue {
            self.wallet.lapse(&reservation.id, &reservation.parts);
            reservation.state = State::Expired;
            reservation.update_time = self.now;
            store::right_reservation::update(tx, self.account_id, &reservation).await?;
        }
        Ok(())
    }

    /// Closes lots whose time is over, and stores what has changed.
    pub(super) async fn close(mut self, tx: &mut Tx, cause: Cause<'_>) -> Result<(), Error> {
        self.wallet.expire(self.now);
        let Self { account_id, kind, now, mut totals, wallet } = self;
        if wallet.entries.is_empty() {
            return Ok(());
        }
        let last_stored_lot = totals.last_lot;
        let touched: BTreeSet<i64> = wallet.entries.iter().map(|entry| entry.lot).collect();
        let is_new = |lot: &Lot| lot.number > last_stored_lot;
        let changed = wallet.lots.iter().filter(|lot| touched.contains(&lot.number) || is_new(lot));
        totals.last_sequence = wallet.last_sequence;
        totals.last_lot = wallet.last_lot;
        for entry in &wallet.entries {
            totals.available += entry.available;
            totals.reserved += entry.reserved;
            totals.used += entry.used;
        }
        store::right_wallet::save(tx, account_id, kind, &totals).await?;
        store::right_wallet::save_lots(tx, account_id, kind, changed, now).await?;
        store::right_ledger::insert(tx, account_id, kind, &wallet.entries, cause, now).await?;
        Ok(())
    }
}
