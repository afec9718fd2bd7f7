//! Bearer tokens: JSON Web Tokens (RFC 7519) that say who calls.

use std::time::Duration;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation, decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_proto::common::v1::{ErrorReason, Role};
use tonic::Code;

use super::{Caller, CallerKind, Grant};
use crate::Error;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// Checked by the library, which also knows the form with several audiences.
    #[serde(skip_deserializing)]
    aud: String,
    sub: String,
    /// Seconds since the Unix epoch.
    exp: i64,
    kind: CallerKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    grants: Vec<GrantClaim>,
}

#[derive(Debug, Serialize, Deserialize)]
struct GrantClaim {
    resource: String,
    /// `analyst`, `agent`, `operator`, `admin` or `owner`.
    role: String,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A shared secret that could be guessed.
    #[error("the secret must have at least 32 bytes")]
    ShortSecret,
    /// A file without any key.
    #[error("no PEM public key found")]
    NoKey,
    /// A key of no known kind.
    #[error("not an RSA, P-256 or Ed25519 public key in PEM: {0}")]
    BadKey(#[source] jsonwebtoken::errors::Error),
}

/// Checks tokens. Each key serves the algorithm of its own kind and no other, so that a public key is never taken for
/// a shared secret.
#[derive(Clone)]
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: Vec<(Algorithm, DecodingKey)>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let algorithms: Vec<_> = self.keys.iter().map(|(algorithm, _)| algorithm).collect();
        f.debug_struct("Verifier")
            .field("issuer", &self.issuer)
            .field("algorithms", &algorithms)
            .finish_non_exhaustive()
    }
}

const MIN_SECRET_BYTES: usize = 32;

impl Verifier {
    /// Accepts tokens signed with a shared secret (HS256): for development only.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn with_secret(issuer: &str, audience: &str, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret);
        }
        let keys = vec![(Algorithm::HS256, DecodingKey::from_secret(secret))];
        Ok(Self { issuer: issuer.to_owned(), audience: audience.to_owned(), keys })
    }

    /// Accepts tokens signed by the private half of any of the public keys in `pem`: RSA (RS256), P-256 (ES256) or
    /// Ed25519 (EdDSA).
    ///
    /// # Errors
    /// [`KeyError::NoKey`], [`KeyError::BadKey`].
    pub fn with_public_keys(issuer: &str, audience: &str, pem: &str) -> Result<Self, KeyError> {
        const END: &str = "-----END PUBLIC KEY-----";
        let mut keys = Vec::new();
        for part in pem.split_inclusive(END).filter(|part| part.contains(END)) {
            let bytes = part.trim_start().as_bytes();
            let key = DecodingKey::from_rsa_pem(bytes)
                .map(|key| (Algorithm::RS256, key))
                .or_else(|_| DecodingKey::from_ec_pem(bytes).map(|key| (Algorithm::ES256, key)))
                .or_else(|_| DecodingKey::from_ed_pem(bytes).map(|key| (Algorithm::EdDSA, key)));
            keys.push(key.map_err(KeyError::BadKey)?);
        }
        if keys.is_empty() {
            return Err(KeyError::NoKey);
        }
        Ok(Self { issuer: issuer.to_owned(), audience: audience.to_owned(), keys })
    }

    /// The caller a token stands for.
    ///
    /// # Errors
    /// UNAUTHENTICATED with TOKEN_INVALID or TOKEN_EXPIRED.
    pub fn verify(&self, token: &str, now: Micros) -> Result<Caller, Error> {
        let invalid = || {
            Error::new(Code::Unauthenticated, ErrorReason::TokenInvalid, "the bearer token is not valid here")
        };
        let algorithm = decode_header(token).map_err(|error| invalid().caused_by(error))?.alg;
        let mut candidates = self.keys.iter().filter(|(of_key, _)| *of_key == algorithm);
        let claims =
            candidates.find_map(|(_, key)| self.decode(token, algorithm, key)).ok_or_else(invalid)?;
        if claims.exp.saturating_mul(Micros::PER_SECOND) <= now.0 {
            return Err(Error::new(
                Code::Unauthenticated,
                ErrorReason::TokenExpired,
                "the bearer token has expired",
            ));
        }
        let grants = claims.grants.into_iter().map(|grant| {
            let role = Role::from_str_name(&format!("ROLE_{}", grant.role.to_uppercase()));
            let role = role.filter(|role| *role != Role::Unspecified).ok_or_else(invalid)?;
            Ok(Grant { resource: grant.resource, role })
        });
        let grants = grants.collect::<Result<Vec<_>, Error>>()?;
        Ok(match claims.kind {
            CallerKind::Operator => Caller::operator(&claims.sub, grants),
            CallerKind::User => Caller::user(&claims.sub),
            CallerKind::Service => Caller::service(&claims.sub),
        })
    }

    fn decode(&self, token: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<Claims> {
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Expiry is ours to check: the library would ask the machine for the time.
        validation.validate_exp = false;
        decode::<Claims>(token, key, &validation).ok().map(|TokenData { claims, .. }| claims)
    }
}

/// Mints tokens with a shared secret: for `siyu dev`, `siyu token` and tests.
#[derive(Clone)]
pub struct Signer {
    issuer: String,
    audience: String,
    key: EncodingKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with HS256.
    #[must_use]
    pub fn with_secret(issuer: &str, audience: &str, secret: &[u8]) -> Self {
        let key = EncodingKey::from_secret(secret);
        Self { issuer: issuer.to_owned(), audience: audience.to_owned(), key }
    }

    /// A token for `caller` that is good from `now` on for `ttl`.
    ///
    /// # Errors
    /// INTERNAL when signing fails.
    pub fn sign(&self, caller: &Caller, now: Micros, ttl: Duration) -> Result<String, Error> {
        let grants = caller.grants().iter().map(|grant| GrantClaim {
            resource: grant.resource.clone(),
            role: grant.role.as_str_name().trim_start_matches("ROLE_").to_lowercase(),
        });
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: caller.subject().to_owned(),
            exp: now.plus(ttl).0 / Micros::PER_SECOND,
            kind: caller.kind(),
            grants: grants.collect(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.key).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: Micros = Micros::from_seconds(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn verifier() -> Verifier {
        Verifier::with_secret("siyu", "siyu", SECRET).unwrap()
    }

    #[test]
    fn a_token_brings_back_its_caller() {
        let grant = Grant { resource: "accounts/a1".to_owned(), role: Role::Admin };
        let caller = Caller::operator("op-7", vec![grant]);
        let token = Signer::with_secret("siyu", "siyu", SECRET).sign(&caller, NOW, HOUR).unwrap();
        assert_eq!(verifier().verify(&token, NOW).unwrap(), caller);
    }

    #[test]
    fn one_of_several_audiences_is_enough() {
        let claims = serde_json::json!({
            "iss": "siyu", "aud": ["other", "siyu"], "sub": "x", "exp": NOW.0 / Micros::PER_SECOND + 60,
            "kind": "service",
        });
        let token =
            encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).unwrap();
        assert_eq!(verifier().verify(&token, NOW).unwrap(), Caller::service("x"));
    }

    #[test]
    fn a_token_dies_at_its_time() {
        let token =
            Signer::with_secret("siyu", "siyu", SECRET).sign(&Caller::service("x"), NOW, HOUR).unwrap();
        assert!(verifier().verify(&token, NOW.plus(HOUR - Duration::from_secs(1))).is_ok());
        let error = verifier().verify(&token, NOW.plus(HOUR)).unwrap_err();
        assert_eq!(error.reason(), ErrorReason::TokenExpired);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        let service = Caller::service("x");
        let sign = |issuer, audience, secret: &[u8]| {
            Signer::with_secret(issuer, audience, secret).sign(&service, NOW, HOUR).unwrap()
        };
        let foreign = [
            sign("siyu", "other", SECRET),
            sign("other", "siyu", SECRET),
            sign("siyu", "siyu", b"another secret of thirty-two byte"),
            // {"alg":"none"} with claims that would be good.
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJzaXl1IiwiYXVkIjoic2l5dSIsInN1YiI6IngiLCJleHAiOjk5OTk5OTk5OTksImtpbmQiOiJzZXJ2aWNlIn0."
                .to_owned(),
            "not a token".to_owned(),
        ];
        for token in foreign {
            assert_eq!(
                verifier().verify(&token, NOW).unwrap_err().reason(),
                ErrorReason::TokenInvalid,
                "{token}"
            );
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(matches!(Verifier::with_secret("siyu", "siyu", b"short"), Err(KeyError::ShortSecret)));
        assert!(matches!(Verifier::with_public_keys("siyu", "siyu", "nothing here"), Err(KeyError::NoKey)));
    }
}
