//! Public keys, and the development secret, that tokens are checked with.

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A shared secret that could be guessed.
    #[error("the secret must have at least 32 bytes")]
    ShortSecret,
    /// A text without any key that serves.
    #[error("no RSA, P-256 or Ed25519 public key found")]
    NoKey,
    /// A text that is no JSON Web Key Set.
    #[error("not a JSON Web Key Set: {0}")]
    NotJwks(#[source] serde_json::Error),
    /// A key that whoever reads it could sign with.
    #[error("{0} can sign tokens: only public keys belong here")]
    NotPublic(String),
    /// An RSA key that could be broken.
    #[error("{0} is an RSA key of less than 2048 bits")]
    Weak(String),
    /// A key of another kind, or none at all.
    #[error("{0} is not an RSA, P-256 or Ed25519 public key")]
    Unusable(String),
}

const MIN_SECRET_BYTES: usize = 32;
const MIN_RSA_BYTES: usize = 2048 / 8;

/// Keys that tokens are checked with. Each serves the algorithm of its own kind and no other, so that a public key is
/// never taken for a shared secret.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    /// Which key it is; without, it is tried on every token of its algorithm.
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| (&key.kid, key.algorithm))).finish()
    }
}

impl KeySet {
    /// A shared secret (HS256): for development only.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret);
        }
        let key = Key { kid: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) };
        Ok(Self { keys: vec![key] })
    }

    /// The public keys in a PEM text: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA). They have no `kid`.
    ///
    /// # Errors
    /// [`KeyError::NoKey`], [`KeyError::Weak`], [`KeyError::Unusable`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        const END: &str = "-----END PUBLIC KEY-----";
        let parts = pem.split_inclusive(END).filter(|part| part.contains(END));
        let keys = parts.enumerate().map(|(index, part)| {
            let what = format!("key {}", index + 1);
            let bytes = part.trim_start().as_bytes();
            let key = DecodingKey::from_rsa_pem(bytes)
                .or_else(|_| DecodingKey::from_ec_pem(bytes))
                .or_else(|_| DecodingKey::from_ed_pem(bytes))
                .map_err(|_| KeyError::Unusable(what.clone()))?;
            Ok(Key { kid: None, algorithm: algorithm_of(&key, &what)?, key })
        });
        Self::of(keys.collect::<Result<_, _>>()?)
    }

    /// The public keys of a JSON Web Key Set (RFC 7517): RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA). Keys that are
    /// there for something else are left out, with a warning.
    ///
    /// # Errors
    /// [`KeyError`], also for any key that could sign: a symmetric or a private one.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<serde_json::Value>,
        }
        let jwks: Jwks = serde_json::from_str(json).map_err(KeyError::NotJwks)?;
        let mut keys = Vec::new();
        for (index, value) in jwks.keys.into_iter().enumerate() {
            let what = match value["kid"].as_str() {
                Some(kid) => format!("key {kid:?}"),
                None => format!("key {}", index + 1),
            };
            if value["kty"] == "oct" || value.get("d").is_some() {
                return Err(KeyError::NotPublic(what));
            }
            let jwk: Jwk = serde_json::from_value(value).map_err(KeyError::NotJwks)?;
            if !verifies_tokens(&jwk) {
                tracing::warn!(key = what, "left out of the JSON Web Key Set: it is for something else");
                continue;
            }
            let key = DecodingKey::from_jwk(&jwk).map_err(|_| KeyError::Unusable(what.clone()))?;
            keys.push(Key { algorithm: algorithm_of(&key, &what)?, kid: jwk.common.key_id, key });
        }
        Self::of(keys)
    }

    fn of(keys: Vec<Key>) -> Result<Self, KeyError> {
        if keys.is_empty() { Err(KeyError::NoKey) } else { Ok(Self { keys }) }
    }

    /// Whether one of the keys has this `kid`.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The keys that may have signed a token with this header: of its algorithm, and of its `kid` where both have one.
    pub(super) fn candidates(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> impl Iterator<Item = &DecodingKey> {
        let fits = move |key: &&Key| {
            let same_kid = key.kid.is_none() || kid.is_none() || key.kid.as_deref() == kid;
            key.algorithm == algorithm && same_kid
        };
        self.keys.iter().filter(fits).map(|key| &key.key)
    }
}

/// Whether a key is there to check signatures, of a kind that tokens are signed with here.
fn verifies_tokens(jwk: &Jwk) -> bool {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return false,
    };
    let common = &jwk.common;
    common.public_key_use.as_ref().is_none_or(|is_for| *is_for == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify))
        && common.key_algorithm.is_none_or(|named| named == algorithm.into())
}

/// The one algorithm that a public key serves, after a look at the key itself.
fn algorithm_of(key: &DecodingKey, what: &str) -> Result<Algorithm, KeyError> {
    let unusable = || KeyError::Unusable(what.to_owned());
    let jwk = Jwk::from_decoding_key(key, None).map_err(|_| unusable())?;
    match jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if base64_bytes(&rsa.n) < MIN_RSA_BYTES => {
            Err(KeyError::Weak(what.to_owned()))
        }
        AlgorithmParameters::RSA(_) => Ok(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Ok(Algorithm::ES256),
        AlgorithmParameters::OctetKeyPair(_) => Ok(Algorithm::EdDSA),
        _ => Err(unusable()),
    }
}

/// How many bytes a text in base64 without padding stands for.
fn base64_bytes(text: &str) -> usize {
    text.len() * 3 / 4
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RSA: &str = include_str!("../../../../tests/keys/rsa.pub.pem");
    const P256: &str = include_str!("../../../../tests/keys/p256.pub.pem");
    const ED25519: &str = include_str!("../../../../tests/keys/ed25519.pub.pem");

    /// A public key of a PEM text as a JSON Web Key.
    fn jwk(pem: &str) -> Value {
        let key = KeySet::from_pem(pem).unwrap().keys.remove(0).key;
        serde_json::to_value(Jwk::from_decoding_key(&key, None).unwrap()).unwrap()
    }

    fn with(mut jwk: Value, field: &str, value: impl Into<Value>) -> Value {
        jwk[field] = value.into();
        jwk
    }

    fn jwks(keys: &[Value]) -> Result<KeySet, KeyError> {
        KeySet::from_jwks(&json!({ "keys": keys }).to_string())
    }

    fn algorithms(set: &KeySet) -> Vec<Algorithm> {
        set.keys.iter().map(|key| key.algorithm).collect()
    }

    #[test]
    fn each_key_serves_the_algorithm_of_its_kind() {
        let all = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        assert_eq!(algorithms(&KeySet::from_pem(&[RSA, P256, ED25519].concat()).unwrap()), all);
        assert_eq!(algorithms(&jwks(&[jwk(RSA), jwk(P256), jwk(ED25519)]).unwrap()), all);
    }

    #[test]
    fn a_kid_chooses_among_keys_that_have_one() {
        let named = with(jwk(ED25519), "kid", "a");
        let other = with(jwk(ED25519), "kid", "b");
        let set = jwks(&[named, other, jwk(ED25519), with(jwk(RSA), "kid", "a")]).unwrap();
        let count = |kid| set.candidates(Algorithm::EdDSA, kid).count();
        assert_eq!(count(None), 3);
        assert_eq!(count(Some("a")), 2);
        assert_eq!(count(Some("c")), 1);
        assert_eq!(set.candidates(Algorithm::HS256, None).count(), 0);
        assert!(set.knows("b") && !set.knows("c"));
    }

    #[test]
    fn keys_for_something_else_are_left_out() {
        let others = [
            with(jwk(RSA), "use", "enc"),
            with(jwk(RSA), "alg", "RS512"),
            with(jwk(RSA), "key_ops", json!(["encrypt"])),
            with(jwk(P256), "crv", "P-384"),
            with(jwk(ED25519), "crv", "X25519"),
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
        ];
        for other in others {
            let set = jwks(&[other.clone(), with(jwk(P256), "use", "sig")]).unwrap();
            assert_eq!(algorithms(&set), [Algorithm::ES256], "{other}");
            assert!(matches!(jwks(&[other]), Err(KeyError::NoKey)));
        }
    }

    #[test]
    fn keys_that_can_sign_and_damaged_keys_are_refused() {
        let weak = json!({"kty": "RSA", "kid": "w", "e": "AQAB", "n": "w".repeat(172)});
        let refused = [
            (json!({"kty": "oct", "k": "c2VjcmV0"}), "key 1 can sign tokens"),
            (with(with(jwk(ED25519), "d", "AAAA"), "kid", "mine"), "key \"mine\" can sign tokens"),
            (weak, "key \"w\" is an RSA key of less than 2048 bits"),
            (with(jwk(ED25519), "x", "AAAA"), "key 1 is not an RSA, P-256 or Ed25519 public key"),
            (with(jwk(P256), "y", "AAAA"), "key 1 is not an RSA, P-256 or Ed25519 public key"),
            (with(jwk(RSA), "n", "!"), "key 1 is not an RSA, P-256 or Ed25519 public key"),
        ];
        for (key, expected) in refused {
            let error = jwks(&[key]).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(matches!(KeySet::from_jwks("{}"), Err(KeyError::NotJwks(_))));
        assert!(matches!(KeySet::from_jwks(r#"{"keys": []}"#), Err(KeyError::NoKey)));
        assert!(matches!(KeySet::from_pem("nothing here"), Err(KeyError::NoKey)));
        let damaged = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        assert!(matches!(KeySet::from_pem(damaged), Err(KeyError::Unusable(_))));
        assert!(matches!(KeySet::from_secret(b"short"), Err(KeyError::ShortSecret)));
    }
}
