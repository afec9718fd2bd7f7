//! Inboxes as they happen: who reads one is told what changes in it, in this process and, where there is Redis, in all.
//!
//! The changes of an inbox are numbered without gaps by whoever stores them. A [`Reader`] that is handed the very next number
//! has it from memory; whenever one is missing, because the reader was slow or another process stored it, it is
//! [`Heard::Behind`], and its owner pulls from storage what it has not seen. So nothing is kept for anybody, and what is lost
//! on the way costs a look into storage, never a change.
//!
//! Redis is a bell: it carries names of inboxes and numbers of changes, nothing that is shown to anybody. See the README.

mod hub;
mod link;
mod queue;
mod ring;

pub use hub::{Heard, Hub, Reader};
pub use link::{Link, Redis, RedisUrlError};
