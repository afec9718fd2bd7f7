//! Digests of rows and files.

use sha2::{Digest, Sha256};

/// The digest of one row: equal rows, equal digests.
pub(super) fn row_digest(row: &[u8]) -> u128 {
    let full: [u8; 32] = Sha256::digest(row).into();
    let mut half = [0; 16];
    half.copy_from_slice(&full[..16]);
    u128::from_be_bytes(half)
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
