//! Personal data of users, encrypted before it is stored. The keys are in a file, never in the database: who has only one of
//! the two reads nothing.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use siyu_clock::Ids;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;
use tonic::Code;

const KEY_BYTES: usize = 32;
/// So long that random ones never meet.
const NONCE_BYTES: usize = 24;
const MOST_OF_ID: usize = 63;

/// The keys that personal data is encrypted with: the first encrypts, all decrypt.
#[derive(Clone)]
pub struct LeadKeys {
    keys: Arc<Vec<LeadKey>>,
    /// Random in every process, also where other ids are seeded: a nonce must never come twice.
    nonces: Ids,
}

struct LeadKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for LeadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("LeadKeys").field("ids", &ids).finish_non_exhaustive()
    }
}

/// What is wrong with a file of keys. It never repeats a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeadKeyError {
    /// There is no key in it.
    #[error("has no key: each line must be an id and 32 bytes in base64, the first is the one that encrypts")]
    Empty,
    /// A line is no key; the number of the line.
    #[error("line {0} must be an id of 1 to 63 of a-z 0-9 -, and 32 bytes in base64")]
    BadLine(usize),
    /// Two keys have the same id; the number of the line of the second.
    #[error("line {0} has the id of a key before it")]
    SameId(usize),
}

/// Data that only a key can read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    /// Nonce and ciphertext, in base64.
    pub(crate) text: String,
}

impl LeadKeys {
    /// Reads keys: a line each, with its id and its 32 bytes in base64. The first encrypts; those after it are from before,
    /// and decrypt what they have encrypted. Empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// When a line is no key, or there is none.
    pub fn parse(text: &str) -> Result<Self, LeadKeyError> {
        let mut keys: Vec<LeadKey> = Vec::new();
        for (place, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = key(line).ok_or(LeadKeyError::BadLine(place + 1))?;
            if keys.iter().any(|before| before.id == key.id) {
                return Err(LeadKeyError::SameId(place + 1));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(LeadKeyError::Empty);
        }
        Ok(Self { keys: Arc::new(keys), nonces: Ids::random() })
    }

    /// A file with one new key.
    #[must_use]
    pub fn generate() -> String {
        let mut bytes = [0; KEY_BYTES];
        Ids::random().fill(&mut bytes);
        format!("k1 {}\n", STANDARD.encode(bytes))
    }

    /// Encrypts `plain`, which belongs to `owner`: as the data of another it cannot be read.
    pub(crate) fn seal(&self, owner: &str, plain: &[u8]) -> Result<Sealed, Error> {
        let key = self.keys.first().ok_or_else(|| Error::internal("there is no key to seal with"))?;
        let mut nonce = [0; NONCE_BYTES];
        self.nonces.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: owner.as_bytes() };
        let encrypted = key.cipher.encrypt(&XNonce::from(nonce), payload);
        let encrypted = encrypted.map_err(|_| Error::internal("the data cannot be encrypted"))?;
        let text = STANDARD.encode([nonce.as_slice(), &encrypted].concat());
        Ok(Sealed { key_id: key.id.clone(), text })
    }

    /// Decrypts what was sealed for `owner`, the name of a resource.
    ///
    /// # Errors
    /// INTERNAL that says so when the key is not among these, or the data is not what was sealed.
    pub(crate) fn open(&self, owner: &str, sealed: &Sealed) -> Result<Vec<u8>, Error> {
        let unreadable = |why: String| {
            let message = format!("the data of {owner} cannot be read: {why}");
            Error::new(Code::Internal, ErrorReason::Internal, message.clone()).caused_by(message)
        };
        let Some(key) = self.keys.iter().find(|key| key.id == sealed.key_id) else {
            let why = format!("accounts.lead_keys_file has no key {:?}, which encrypted it", sealed.key_id);
            return Err(unreadable(why));
        };
        let damaged = || unreadable(format!("it is damaged, or {:?} is another key than before", key.id));
        let bytes = STANDARD.decode(&sealed.text).map_err(|_| damaged())?;
        let (nonce, encrypted) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(damaged)?;
        let payload = Payload { msg: encrypted, aad: owner.as_bytes() };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| damaged())
    }
}

fn key(line: &str) -> Option<LeadKey> {
    let (id, bytes) = line.split_once(char::is_whitespace)?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_id = (1..=MOST_OF_ID).contains(&id.len()) && id.bytes().all(is_plain);
    let bytes = STANDARD.decode(bytes.trim()).ok().filter(|bytes| is_id && bytes.len() == KEY_BYTES)?;
    let cipher = XChaCha20Poly1305::new_from_slice(&bytes).ok()?;
    Some(LeadKey { id: id.to_owned(), cipher })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, byte: u8) -> String {
        format!("{id} {}", STANDARD.encode([byte; KEY_BYTES]))
    }

    fn keys(lines: &[String]) -> LeadKeys {
        LeadKeys::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn what_is_sealed_can_be_read_with_its_key_alone() {
        let (old, new) = (line("k1", 1), line("k2", 2));
        let sealed = keys(std::slice::from_ref(&old)).seal("leads/l1", b"13812345678").unwrap();
        assert_eq!(sealed.key_id, "k1");
        let rotated = keys(&[new.clone(), old]);
        assert_eq!(rotated.open("leads/l1", &sealed).unwrap(), b"13812345678");
        assert_eq!(rotated.seal("leads/l1", b"x").unwrap().key_id, "k2");

        let refusals =
            [(keys(&[new]), "has no key \"k1\""), (keys(&[line("k1", 3)]), "is another key than before")];
        for (keys, why) in refusals {
            let error = keys.open("leads/l1", &sealed).unwrap_err();
            assert!(error.code() == Code::Internal && error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn what_is_changed_or_moved_cannot_be_read() {
        let keys = keys(&[line("k1", 1)]);
        let sealed = keys.seal("leads/l1", b"13812345678").unwrap();
        assert!(keys.open("leads/l2", &sealed).is_err());
        for text in ["", "AAAA", "?", &sealed.text[4..]] {
            assert!(keys.open("leads/l1", &Sealed { text: text.to_owned(), ..sealed.clone() }).is_err());
        }
        // The same data never looks the same, and never shows.
        assert_ne!(keys.seal("leads/l1", b"13812345678").unwrap(), sealed);
        assert!(!sealed.text.contains("MTM4"));
    }

    #[test]
    fn files_of_keys_are_checked() {
        let good = format!("# since March\n\n{}\n  {}  \n", line("k1", 1), line("k2", 2));
        assert_eq!(LeadKeys::parse(&good).unwrap().keys.len(), 2);
        assert!(LeadKeys::parse(&LeadKeys::generate()).is_ok());
        let refused = |text: &str| LeadKeys::parse(text).unwrap_err();
        assert_eq!(refused("# none\n"), LeadKeyError::Empty);
        assert_eq!(refused(&format!("{}\n{}", line("k1", 1), line("k1", 2))), LeadKeyError::SameId(2));
        for wrong in ["k1", "k1 c2hvcnQ=", "k1 ???", &line("K1", 1), &line("", 1)] {
            assert_eq!(refused(wrong), LeadKeyError::BadLine(1), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", keys(&[line("k1", 1)]));
        assert!(shown.contains("k1") && !shown.contains(&STANDARD.encode([1; KEY_BYTES])[..8]), "{shown}");
    }
}
