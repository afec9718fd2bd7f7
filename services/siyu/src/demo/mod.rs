//! A demo brand and its month.

pub mod traffic;
