//! Who makes the call being served, carried along to the services that it calls.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use siyu_clock::Micros;
use siyu_proto::common::v1::ErrorReason;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt;

use super::{Caller, CallerKind, Verifier, token};
use crate::Error;

/// The metadata in which a service shows the token of the caller it acts for, beside its own in `authorization`.
pub const ON_BEHALF_OF: &str = "x-siyu-on-behalf-of";

tokio::task_local! {
    /// Who made the first of the calls that led to what the current task does; none for work that nobody called for.
    static CURRENT: Option<EndCaller>;
}

/// Who made the first of the calls that led to what the current task does.
fn current() -> Option<EndCaller> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// Does work that is due anyway, though a call set it off: the services that are called meanwhile see no end caller.
pub async fn for_nobody<F: Future>(work: F) -> F::Output {
    CURRENT.scope(None, work).await
}

/// Who makes a call, and who made the first of the calls that led to it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    caller: Caller,
    end_caller: EndCaller,
}

/// Who made the first call, with what shows it to other processes.
#[derive(Debug, Clone)]
struct EndCaller {
    caller: Arc<Caller>,
    /// None where the first call came without: from a service of this process, or to a public method.
    token: Option<Token>,
}

#[derive(Debug, Clone)]
struct Token {
    bearer: HeaderValue,
    expires_at: Micros,
}

impl EndCaller {
    fn without_token(caller: &Caller) -> Self {
        Self { caller: Arc::new(caller.clone()), token: None }
    }

    /// Whom the token in the metadata `name` stands for.
    async fn by_token(
        headers: &HeaderMap,
        name: &str,
        verifier: &Verifier,
        now: Micros,
    ) -> Result<Self, Error> {
        let header = headers.get(name).ok_or_else(|| missing(name))?;
        let text = bearer(header).ok_or_else(|| missing(name))?;
        let verified = verifier.authenticate(text, now).await?;
        let mut bearer = header.clone();
        bearer.set_sensitive(true);
        let token = Some(Token { bearer, expires_at: verified.expires_at });
        Ok(Self { caller: verified.caller.clone(), token })
    }
}

impl Identity {
    /// The identity that the metadata of a call shows.
    ///
    /// # Errors
    /// UNAUTHENTICATED for a token that is missing, bad or expired; PERMISSION_DENIED for a caller that may not act for
    /// others.
    pub(crate) async fn of_headers(
        headers: &HeaderMap,
        verifier: &Verifier,
        now: Micros,
    ) -> Result<Self, Error> {
        let own = EndCaller::by_token(headers, AUTHORIZATION.as_str(), verifier, now).await?;
        let caller = Caller::clone(&own.caller);
        if !headers.contains_key(ON_BEHALF_OF) {
            return Ok(Self { caller, end_caller: own });
        }
        if caller.kind() != CallerKind::Service {
            return Err(may_not_act_for_others());
        }
        let end_caller = EndCaller::by_token(headers, ON_BEHALF_OF, verifier, now)
            .await
            .map_err(|error| error.with("metadata", ON_BEHALF_OF))?;
        Ok(Self { caller: caller.acting_for(end_caller.caller.clone()), end_caller })
    }

    /// Whether the metadata of a call shows nobody.
    pub(crate) fn is_missing(headers: &HeaderMap) -> bool {
        !headers.contains_key(AUTHORIZATION) && !headers.contains_key(ON_BEHALF_OF)
    }

    /// Whoever calls a public method without a token.
    pub(crate) fn anonymous() -> Self {
        let caller = Caller::user("anonymous");
        Self { end_caller: EndCaller::without_token(&caller), caller }
    }

    /// A service of this process, which acts for whoever made the call that the current task serves.
    pub(crate) fn of_service(service: &Caller) -> Self {
        match current() {
            Some(end_caller) => {
                Self { caller: service.clone().acting_for(end_caller.caller.clone()), end_caller }
            }
            None => Self { caller: service.clone(), end_caller: EndCaller::without_token(service) },
        }
    }

    /// Refuses what was good when it came in, and no longer is.
    ///
    /// # Errors
    /// UNAUTHENTICATED with TOKEN_EXPIRED.
    pub(crate) fn still_good(self, now: Micros) -> Result<Self, Error> {
        match &self.end_caller.token {
            Some(token) if token.expires_at <= now => Err(token::expired().with("metadata", ON_BEHALF_OF)),
            _ => Ok(self),
        }
    }

    /// Who makes the call.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Serves a call of this identity.
    pub(crate) fn serve<F: Future>(self, call: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Some(self.end_caller), call)
    }

    /// A stream of answers goes on in the identity of its call.
    pub(crate) fn stream(self, body: Body) -> Body {
        Body::new(Streaming { body, end_caller: self.end_caller })
    }
}

/// Shows a service in another process who calls: this process, for whoever made the call that the current task serves.
pub(crate) fn show_identity(headers: &mut HeaderMap, own: &ServiceToken) {
    let Some(authorization) = own.header() else { return };
    headers.insert(AUTHORIZATION, authorization);
    if let Some(token) = current().and_then(|end_caller| end_caller.token) {
        headers.insert(ON_BEHALF_OF, token.bearer);
    }
}

/// What to tell the caller when another service answered with `status` because that caller's token expired meanwhile;
/// none for any other status.
#[must_use]
pub fn expired_meanwhile(status: &Status) -> Option<Error> {
    let details = status.get_error_details();
    let info = details.error_info()?;
    let is_of_end_caller = info.metadata.get("metadata").is_some_and(|name| name == ON_BEHALF_OF);
    (is_of_end_caller && info.reason == "TOKEN_EXPIRED").then(token::expired)
}

/// The token in a header of the form `Bearer TOKEN`.
fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn missing(name: &str) -> Error {
    let message = format!("the call needs a bearer token in the metadata `{name}`");
    Error::new(Code::Unauthenticated, ErrorReason::TokenMissing, message)
}

fn may_not_act_for_others() -> Error {
    let message = format!("only services may call on behalf of others, with the metadata `{ON_BEHALF_OF}`");
    Error::new(Code::PermissionDenied, ErrorReason::RoleTooLow, message)
}

/// The token that this process shows to services in other processes. Clones share it, so that it can be replaced while
/// the process runs.
#[derive(Debug, Clone, Default)]
pub struct ServiceToken(Arc<RwLock<Option<HeaderValue>>>);

/// A text that no token has.
#[derive(Debug, thiserror::Error)]
#[error("not a token: it is empty, or has characters that no token has")]
pub struct NotAToken;

impl ServiceToken {
    /// A token to show.
    ///
    /// # Errors
    /// [`NotAToken`].
    pub fn new(token: &str) -> Result<Self, NotAToken> {
        let shown = Self::default();
        shown.replace(token)?;
        Ok(shown)
    }

    /// Shows this token from now on. Spaces and line ends around it, as files have them, do not count.
    ///
    /// # Errors
    /// [`NotAToken`]; the token before stays.
    pub fn replace(&self, token: &str) -> Result<(), NotAToken> {
        let token = token.trim();
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let header = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| is_token);
        let mut header = header.ok_or(NotAToken)?;
        header.set_sensitive(true);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(header);
        Ok(())
    }

    fn header(&self) -> Option<HeaderValue> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Streaming {
    body: Body,
    end_caller: EndCaller,
}

impl tonic::codegen::Body for Streaming {
    type Data = <Body as tonic::codegen::Body>::Data;
    type Error = <Body as tonic::codegen::Body>::Error;

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        let end_caller = self.end_caller.clone();
        CURRENT.sync_scope(Some(end_caller), || Pin::new(&mut self.body).poll_frame(cx))
    }
}
