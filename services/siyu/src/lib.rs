//! The one binary of the suite: its services in one process or several, and the tools around them.

mod background;
pub mod cli;
mod clock_follower;
mod clock_service;
pub mod config;
pub mod connect;
pub mod demo;
mod doctor;
pub mod import;
pub mod keys;
pub mod output;
pub mod report;
pub mod serve;
pub mod suite;
mod tls;
