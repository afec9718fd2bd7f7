//! Rules, as pure functions: no I/O, no SQL, no proto.

pub(crate) mod follow;
