//! What is stored, one function a statement.

pub(crate) mod account;
pub(crate) mod enterprise;
