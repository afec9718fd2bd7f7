//! Events between services, without a broker: written in the transaction of the change they tell of, published in
//! order by one process at a time, read by whoever has a cursor, and applied once in effect.
//!
//! - [`Outbox`] is a service's own: [`Outbox::write`] in a transaction, [`Outbox::run`] publishes, [`FeedService`] serves
//!   what is published to others.
//! - [`Follower`] follows the feed of another service and hands its events to a [`Consumer`], in the transaction that
//!   also moves the cursor.
//! - [`Listener`] tells a [`Hearer`] of events from now on, and stores nothing: for what is kept in memory.
//!
//! **Positions are given when events are published, not when they are written.** PostgreSQL hands out numbers before
//! commits become visible, so a reader of `number > cursor` would pass over a transaction that commits late.
//!
//! **Order.** The events of one key keep the order in which they were written, if their writers held a lock of that key
//! while they wrote: whoever changes an account has its row locked anyway.

mod consumer;
mod consumer_service;
mod feed_service;
mod fitting;
mod follow;
mod lease;
mod listen;
mod oldest;
mod outbox;
mod page;
mod parking;
mod publish;
mod store;

use siyu_db::{Migration, Statement};

pub use consumer::Consumer;
pub use consumer_service::ConsumerService;
pub use feed_service::FeedService;
pub use fitting::fitting;
pub use follow::Follower;
pub use listen::{Hearer, Listener};
pub use oldest::oldest_cursors;
pub use outbox::{Draft, Outbox, Settings, StoredEvent};

/// Partitions of every feed. Fixed: the partition of a key must never change.
pub const PARTITIONS: i64 = 16;

/// The tables of events: every service that writes or consumes some has them.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    siyu_db::migrations!["1002_events"].to_vec()
}

/// Every SQL statement of this library, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    store::statements()
}
