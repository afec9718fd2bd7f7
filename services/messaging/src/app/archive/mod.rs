//! What becomes of conversations once they were held (M11).

mod erasure;
mod export;
mod retention;
mod search;

pub(crate) use export::Export;
