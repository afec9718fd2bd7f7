//! Who publishes.
//!
//! The clocks of two machines are never compared: a process that wants the lease measures by itself for how long the
//! holder has not worked although there was work. The token fences off a holder that was only slow.

use std::time::Duration;

use siyu_clock::Stopwatch;
use siyu_db::{Db, DbError, Tx};

use crate::store::lease::{self, State};

/// The lease as one process sees it.
#[derive(Debug)]
pub(crate) struct Lease {
    name: &'static str,
    /// Unique to this process and start.
    holder: String,
    timeout: Duration,
    token: Option<i64>,
    /// What was seen of another holder, and for how long.
    seen: Option<(State, Stopwatch)>,
}

impl Lease {
    pub(crate) fn new(name: &'static str, holder: String, timeout: Duration) -> Self {
        Self { name, holder, timeout, token: None, seen: None }
    }

    /// Whether this process may work now. To be asked only while there is work: a holder without work shows no beat.
    pub(crate) async fn hold(&mut self, db: &Db) -> Result<bool, DbError> {
        if self.token.is_some() {
            return Ok(true);
        }
        let mut tx = db.begin_read().await?;
        let state = lease::get(&mut tx, self.name).await?;
        drop(tx);
        let state = match state {
            Some(state) => state,
            None => return self.take_new(db).await,
        };
        if state.holder.is_empty() || self.is_dead(&state) {
            return self.take(db, &state).await;
        }
        Ok(false)
    }

    /// Whether the holder has shown no beat for as long as the timeout.
    fn is_dead(&mut self, state: &State) -> bool {
        match &self.seen {
            Some((seen, since)) if seen == state => since.elapsed() >= self.timeout,
            _ => {
                self.seen = Some((state.clone(), Stopwatch::start()));
                false
            }
        }
    }

    async fn take_new(&mut self, db: &Db) -> Result<bool, DbError> {
        let mut tx = db.begin().await?;
        lease::create(&mut tx, self.name).await?;
        tx.commit().await?;
        self.take(db, &State { holder: String::new(), token: 0, beat: 0 }).await
    }

    async fn take(&mut self, db: &Db, state: &State) -> Result<bool, DbError> {
        let mut tx = db.begin().await?;
        let taken = lease::take(&mut tx, self.name, &self.holder, state).await?;
        tx.commit().await?;
        self.seen = None;
        self.token = taken.then_some(state.token + 1);
        Ok(taken)
    }

    /// Shows a beat in the transaction of the work, which nobody else can do until it ends. False: the lease was lost,
    /// and the transaction must be dropped.
    pub(crate) async fn beat(&mut self, tx: &mut Tx) -> Result<bool, DbError> {
        let Some(token) = self.token else { return Ok(false) };
        let held = lease::beat(tx, self.name, token).await?;
        if !held {
            self.token = None;
        }
        Ok(held)
    }

    /// There is no work: time does not count against the holder.
    pub(crate) fn forget_what_was_seen(&mut self) {
        self.seen = None;
    }

    /// Gives it back, so that the next process need not wait.
    pub(crate) async fn release(&mut self, db: &Db) -> Result<(), DbError> {
        let Some(token) = self.token.take() else { return Ok(()) };
        let mut tx = db.begin().await?;
        lease::release(&mut tx, self.name, token).await?;
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use siyu_db::OpenOptions;
    use tempfile::TempDir;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(50);

    async fn database() -> (TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("events.db").display());
        let db = Db::open(&OpenOptions { url, max_connections: 2 }, &crate::migrations()).await.unwrap();
        (folder, db)
    }

    fn lease(holder: &str) -> Lease {
        Lease::new("test", holder.to_owned(), TIMEOUT)
    }

    /// Works once under the lease; answers whether it was allowed to.
    async fn work(lease: &mut Lease, db: &Db) -> bool {
        let mut tx = db.begin().await.unwrap();
        let held = lease.beat(&mut tx).await.unwrap();
        if held {
            tx.commit().await.unwrap();
        }
        held
    }

    #[tokio::test]
    async fn a_holder_that_works_keeps_the_lease() {
        let (_folder, db) = database().await;
        let (mut first, mut second) = (lease("first"), lease("second"));
        assert!(first.hold(&db).await.unwrap() && !second.hold(&db).await.unwrap());
        for _ in 0..4 {
            tokio::time::sleep(TIMEOUT / 2).await;
            assert!(work(&mut first, &db).await);
            assert!(!second.hold(&db).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_holder_that_does_nothing_is_replaced_and_fenced_off() {
        let (_folder, db) = database().await;
        let (mut first, mut second) = (lease("first"), lease("second"));
        assert!(first.hold(&db).await.unwrap() && !second.hold(&db).await.unwrap());
        tokio::time::sleep(TIMEOUT * 2).await;
        assert!(second.hold(&db).await.unwrap());
        assert!(work(&mut second, &db).await);
        // It was only slow, and still believes that it holds the lease.
        assert!(first.hold(&db).await.unwrap());
        assert!(!work(&mut first, &db).await);
        assert!(!first.hold(&db).await.unwrap());
    }

    #[tokio::test]
    async fn time_without_work_does_not_count_and_a_lease_given_back_is_free_at_once() {
        let (_folder, db) = database().await;
        let (mut first, mut second) = (lease("first"), lease("second"));
        assert!(first.hold(&db).await.unwrap() && !second.hold(&db).await.unwrap());
        tokio::time::sleep(TIMEOUT * 2).await;
        second.forget_what_was_seen();
        assert!(!second.hold(&db).await.unwrap());
        first.release(&db).await.unwrap();
        assert!(second.hold(&db).await.unwrap());
    }
}
