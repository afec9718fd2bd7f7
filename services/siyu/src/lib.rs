//! x

pub mod config;
pub mod connect;
pub mod demo;
pub mod import;
pub mod report;
