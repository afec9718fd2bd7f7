//! What processes tell each other: which inboxes changed, and that something may have been missed.

/// What is published at once.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Rings {
    #[prost(message, repeated, tag = "1")]
    pub(crate) rings: Vec<Ring>,
    /// Whoever listens may not have been told of everything.
    #[prost(bool, tag = "2")]
    pub(crate) is_incomplete: bool,
}

/// An inbox is at a change.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Ring {
    #[prost(string, tag = "1")]
    pub(crate) inbox: String,
    #[prost(int64, tag = "2")]
    pub(crate) change: i64,
}
