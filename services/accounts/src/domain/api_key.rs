//! What a program shows to get tokens: `siyu_{account}_{api_key}_{64 hexadecimal digits}`.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// So that a key that got into a repository or a log is found there.
const PREFIX: &str = "siyu";

/// The secret of an API key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    text: String,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A new one, of 32 random bytes.
    pub(crate) fn new(account_id: &str, api_key_id: &str, random: [u8; 32]) -> Self {
        Self { text: format!("{PREFIX}_{account_id}_{api_key_id}_{}", const_hex::encode(random)) }
    }

    /// One that somebody shows.
    pub(crate) fn shown(text: String) -> Self {
        Self { text }
    }

    /// The account and the key that it says it is of; none for a text of another shape.
    pub(crate) fn ids(&self) -> Option<(&str, &str)> {
        match self.text.split('_').collect::<Vec<_>>()[..] {
            [PREFIX, account_id, api_key_id, _] => Some((account_id, api_key_id)),
            _ => None,
        }
    }

    /// What is stored of it. Its randomness needs no slow hash.
    pub(crate) fn digest(&self) -> String {
        const_hex::encode(Sha256::digest(&self.text))
    }

    /// Whether `digest` is of this secret. It takes as long for one that is nearly right as for any other.
    pub(crate) fn has_digest(&self, digest: &str) -> bool {
        self.digest().as_bytes().ct_eq(digest.as_bytes()).into()
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_names_its_key_and_is_known_by_its_digest_alone() {
        let secret = Secret::new("lumi-flagship", "cash-desk", [7; 32]);
        assert_eq!(secret.ids(), Some(("lumi-flagship", "cash-desk")));
        let shown = Secret::shown(secret.clone().into_text());
        assert!(shown.has_digest(&secret.digest()));
        assert!(!Secret::new("lumi-flagship", "cash-desk", [8; 32]).has_digest(&secret.digest()));
        assert!(!shown.has_digest("") && !secret.digest().contains("lumi"));
        assert!(!format!("{secret:?}").contains("07"));
    }

    #[test]
    fn other_shapes_name_no_key() {
        for text in ["", "siyu", "siyu_a_b", "siyu_a_b_c_d", "other_a_b_c", "Siyu_a_b_c"] {
            assert_eq!(Secret::shown(text.to_owned()).ids(), None, "{text}");
        }
    }
}
