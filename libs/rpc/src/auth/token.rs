//! Bearer tokens: JSON Web Tokens (RFC 7519) that say who calls.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_proto::common::v1::ErrorReason;
use tonic::Code;

use super::{ACCOUNTS_SOURCE, Caller, CallerKind, Grant, KeySet, role_named};
use crate::Error;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    /// Checked by the library, which also knows the form with several audiences.
    #[serde(skip_deserializing)]
    pub(super) aud: String,
    pub(super) sub: String,
    /// Seconds since the Unix epoch.
    pub(super) exp: i64,
    /// Seconds since the Unix epoch; without, the token is good at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<i64>,
    pub(super) kind: CallerKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) grants: Vec<GrantClaim>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GrantClaim {
    pub(super) resource: String,
    /// `analyst`, `agent`, `operator`, `admin` or `owner`.
    pub(super) role: String,
}

/// What a good token says.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) caller: Arc<Caller>,
    /// From then on the token is no longer good.
    pub(crate) expires_at: Micros,
}

/// Whom a token must come from, and whom it must be for.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) issuer: String,
    pub(super) audience: String,
}

/// Seconds that the clock of whoever signs may be ahead of ours.
const CLOCK_SKEW: i64 = 60;

/// What a token says, if one of the keys of a source signed it.
///
/// # Errors
/// UNAUTHENTICATED with TOKEN_INVALID or TOKEN_EXPIRED.
pub(super) fn check<'a>(
    token: &str,
    sources: impl Iterator<Item = (&'a str, &'a KeySet)>,
    expected: &Expected,
    now: Micros,
) -> Result<Verified, Error> {
    let header = decode_header(token).map_err(|error| invalid().caused_by(error))?;
    // Extensions that must be understood (RFC 7515): none is.
    if header.crit.is_some() {
        return Err(invalid());
    }
    let mut claims_by_source = sources.filter_map(|(source, keys)| {
        let mut candidates = keys.candidates(header.alg, header.kid.as_deref());
        let claims = candidates.find_map(|key| decode_with(token, header.alg, key, expected))?;
        Some((source, claims))
    });
    let (source, claims) = claims_by_source.next().ok_or_else(invalid)?;
    let now_seconds = now.0 / Micros::PER_SECOND;
    if claims.nbf.is_some_and(|nbf| nbf.saturating_sub(CLOCK_SKEW) > now_seconds) {
        return Err(invalid());
    }
    let expires_at = Micros(claims.exp.saturating_mul(Micros::PER_SECOND));
    if expires_at <= now {
        return Err(expired());
    }
    let grants = claims.grants.into_iter().map(|grant| {
        let role = role_named(&grant.role).ok_or_else(invalid)?;
        Ok(Grant { resource: grant.resource, role })
    });
    let grants = grants.collect::<Result<Vec<_>, Error>>()?;
    let caller = match claims.kind {
        CallerKind::Operator => Caller::operator(&claims.sub, grants),
        CallerKind::User => Caller::user(&claims.sub),
        CallerKind::Service => Caller::service(&claims.sub),
    };
    let caller = caller.with_token_of_accounts(source == ACCOUNTS_SOURCE);
    Ok(Verified { caller: Arc::new(caller), expires_at })
}

fn decode_with(token: &str, algorithm: Algorithm, key: &DecodingKey, expected: &Expected) -> Option<Claims> {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[&expected.audience]);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Times are ours to check: the library would ask the machine.
    validation.validate_exp = false;
    decode::<Claims>(token, key, &validation).ok().map(|TokenData { claims, .. }| claims)
}

/// The `kid` that a token names.
pub(super) fn kid_of(token: &str) -> Option<String> {
    decode_header(token).ok()?.kid
}

fn invalid() -> Error {
    Error::new(Code::Unauthenticated, ErrorReason::TokenInvalid, "the bearer token is not valid here")
}

pub(super) fn expired() -> Error {
    Error::new(Code::Unauthenticated, ErrorReason::TokenExpired, "the bearer token has expired")
}
