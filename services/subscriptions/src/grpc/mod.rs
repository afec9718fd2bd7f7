//! The wire: decode, call the use case, encode.

mod follows;
