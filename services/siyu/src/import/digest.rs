//! Digests of rows and files.

use sha2::{Digest, Sha256};

/// The digest of one row: equal rows, equal digests.
pub(super) fn row_digest(row: &[u8]) -> u128 {
    half(Sha256::new_with_prefix(row))
}

/// The first 128 bits of a digest.
fn half(digest: Sha256) -> u128 {
    digest.finalize().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The digest of all rows and the lines they start at. Event ids come from lines, so the same rows at other lines are
/// other events.
#[derive(Debug, Default, Clone)]
pub(super) struct LineDigest(Sha256);

impl LineDigest {
    /// Adds the row at a line.
    pub(super) fn add(&mut self, line: u64, row: u128) {
        self.0.update(line.to_be_bytes());
        self.0.update(row.to_be_bytes());
    }

    /// The digest as 32 hexadecimal digits.
    pub(super) fn to_hex(&self) -> String {
        format!("{:032x}", half(self.0.clone()))
    }
}

/// The digest of all rows of a file, whatever their order. A sum, not an exclusive or: two equal rows must not
/// cancel each other out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentDigest(u128);

impl ContentDigest {
    /// Adds a row.
    pub(super) fn add(&mut self, row: u128) {
        self.0 = self.0.wrapping_add(row);
    }

    /// The digest as 32 hexadecimal digits.
    pub(super) fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }
}
