//! Turns of accounts within one process.
//!
//! The writers of one account wait for each other at its row in the database, each with a connection in hand. Waiting
//! here first keeps one busy account from holding all connections while others need one.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
};

use tokio::sync::{Mutex, MutexGuard};

/// So many accounts may write at once; two that share a place, or a transaction, wait
/// for each other, which only costs time.
const PLACES: usize = 256;

/// Who writes now.
#[derive(Debug)]
pub(crate) struct Turns {
    places: Vec<Mutex<()>>,
    hash: RandomState,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { places: (0..PLACES).map(|_| Mutex::new(())).collect(), hash: RandomState::new() }
    }

    /// Waits until it is the turn of all the accounts.
    pub(crate) async fn take_all<'a>(
        &self,
        account_ids: impl IntoIterator<Item = &'a str>,
    ) -> Vec<MutexGuard<'_, ()>> {
        // In the order of places, each once: nobody waits in a circle, nor for themselves.
        let places: BTreeSet<usize> = account_ids.into_iter().map(|id| self.place(id)).collect();
        let mut turns = Vec::with_capacity(places.len());
        for place in places {
            turns.push(self.places[place].lock().await);
        }
        turns
    }

    /// Waits until it is the account's turn; it is until the guard is dropped.
    pub(crate) async fn take(&self, account_id: &str) -> MutexGuard<'_, ()> {
        self.places[self.place(account_id)].lock().await
    }

    fn place(&self, account_id: &str) -> usize {
        usize::try_from(self.hash.hash_one(account_id) >> 32).unwrap_or_default() % PLACES
    }
}
