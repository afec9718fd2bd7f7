//! Rules, as pure functions: no I/O, no SQL.

pub(crate) mod follow;
pub(crate) mod push;
pub(crate) mod touch;
pub(crate) mod wave;
