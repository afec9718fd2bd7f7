//! Minting tokens.

use std::{fmt, time::Duration};

use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{AlgorithmParameters, Jwk},
};
use siyu_clock::Micros;

use super::{
    Caller, KeyError, role_name,
    token::{Claims, GrantClaim},
};
use crate::Error;

/// An Ed25519 key that signs tokens, with the `kid` that tells others which key it was.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    key: EncodingKey,
    x: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).field("x", &self.x).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The key that 32 random bytes stand for; they must stay secret.
    ///
    /// # Errors
    /// [`KeyError::Unusable`], which no seed is known to cause.
    pub fn from_seed(kid: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        /// What comes before the seed in PKCS #8 (RFC 8410).
        const PKCS8: [u8; 16] =
            [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let key = EncodingKey::from_ed_der(&[&PKCS8[..], seed].concat());
        match Jwk::from_encoding_key(&key, Algorithm::EdDSA).map(|jwk| jwk.algorithm) {
            Ok(AlgorithmParameters::OctetKeyPair(public)) => {
                Ok(Self { kid: kid.to_owned(), key, x: public.x })
            }
            _ => Err(KeyError::Unusable(format!("key {kid:?}"))),
        }
    }

    /// Which key it is.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key in base64url, as `x` of its JSON Web Key.
    #[must_use]
    pub fn x(&self) -> &str {
        &self.x
    }

    /// The public half as a JSON Web Key (RFC 8037).
    #[must_use]
    pub fn jwk(&self) -> serde_json::Value {
        serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": self.x,
        })
    }
}

/// Mints tokens.
#[derive(Clone)]
pub struct Signer {
    issuer: String,
    audience: String,
    header: Header,
    key: EncodingKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("issuer", &self.issuer)
            .field("algorithm", &self.header.alg)
            .field("kid", &self.header.kid)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with a shared secret (HS256): for development only.
    #[must_use]
    pub fn with_secret(issuer: &str, audience: &str, secret: &[u8]) -> Self {
        let header = Header::new(Algorithm::HS256);
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            header,
            key: EncodingKey::from_secret(secret),
        }
    }

    /// Signs with an Ed25519 key (EdDSA), and names it.
    #[must_use]
    pub fn with_key(issuer: &str, audience: &str, key: &SigningKey) -> Self {
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        Self { issuer: issuer.to_owned(), audience: audience.to_owned(), header, key: key.key.clone() }
    }

    /// A token for `caller` that is good from `now` on for `ttl`.
    ///
    /// # Errors
    /// INTERNAL when signing fails.
    pub fn sign(&self, caller: &Caller, now: Micros, ttl: Duration) -> Result<String, Error> {
        let grants = caller
            .grants()
            .iter()
            .map(|grant| GrantClaim { resource: grant.resource.clone(), role: role_name(grant.role) });
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: caller.subject().to_owned(),
            exp: now.plus(ttl).0 / Micros::PER_SECOND,
            nbf: None,
            kind: caller.kind(),
            grants: grants.collect(),
        };
        encode(&self.header, &claims, &self.key).map_err(Error::internal)
    }
}
