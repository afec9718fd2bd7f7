//! Mutations that can be repeated, and that leave a trace of who made them.
//!
//! Every method that changes something takes a `request_id`, unless repeating it is harmless by itself. The first call
//! with an id is carried out; a repeat gets its answer. Both the answer and the audit entry are written in the
//! transaction of the change, so that there is neither one without the other, and a failure is never remembered.
//!
//! ```ignore
//! // In the handler, in the place of `admit`:
//! let (mutation, request) = admit_mutation(request)?;
//! let thing = self.create_thing(&mutation, request).await?;
//!
//! // In the use case:
//! retrying(|| async {
//!     let now = self.clock.now();
//!     let mut tx = self.db.begin().await?;
//!     if let Some(first) = mutation.first_answer(&mut tx, now).await? {
//!         return Ok(first);
//!     }
//!     let thing = …; // load, decide, store
//!     mutation.finish(tx, &thing, now).await?;
//!     Ok(thing)
//! })
//! .await
//! ```
//!
//! Answers are kept as JSON for 48 hours: leave secrets out of them. A service adds [`migrations`] to its own, and its
//! background work calls [`purge`].

mod audit;
mod redaction;
mod retry;
mod store;

pub use audit::AuditLog;
pub use retry::retrying;

use std::time::Duration;

use opentelemetry::trace::{TraceContextExt, TraceId};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use siyu_clock::Micros;
use siyu_db::{Db, DbError, Migration, Statement, Tx};
use siyu_proto::{Call, Method, common::v1::ErrorReason};
use siyu_telemetry::names;
use tonic::{Code, Request};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    Error,
    auth::{Caller, CallerKind, admit_message, caller_of, owner_of},
};
use store::{Key, NewEntry};

/// The tables of remembered requests and audit entries.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    siyu_db::migrations!["1001_mutations"].to_vec()
}

/// Every SQL statement on them, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<Statement> {
    store::STATEMENTS.to_vec()
}

/// Where the audit entries of calls are listed that act on no account or enterprise.
pub const PLATFORM: &str = "platform";

/// How long the answer to a request is remembered.
const KEPT: Duration = Duration::from_secs(48 * 3600);
/// Remembered requests that one transaction of [`purge`] deletes.
const PURGED_AT_ONCE: i64 = 500;
/// Most characters of a subject that storage takes.
const MOST_SUBJECT: usize = 256;

/// A call that changes something: who makes it, what it says, and what makes a repeat of it recognizable.
#[derive(Debug, Clone)]
pub struct Mutation {
    caller: Caller,
    method: &'static Method,
    resource: String,
    request_id: String,
    /// The request as the wire has it.
    payload: Vec<u8>,
    /// Empty where the call has no trace.
    trace_id: String,
}

/// Like [`admit`](crate::admit), for a method that changes something: also answers what makes it repeatable.
///
/// # Errors
/// As [`admit`](crate::admit).
pub fn admit_mutation<T: Call + prost::Message>(request: Request<T>) -> Result<(Mutation, T), Error> {
    let caller = caller_of(&request)?;
    let message = request.into_inner();
    admit_message(&caller, &message)?;
    check_subject(&caller)?;
    let mutation = Mutation {
        caller,
        method: T::method(),
        resource: message.resource().to_owned(),
        request_id: message.request_id().to_owned(),
        payload: message.encode_to_vec(),
        trace_id: current_trace_id(),
    };
    Ok((mutation, message))
}

impl Mutation {
    /// Who makes it.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who makes it, and in whose name where it is a service that acts for another: `service:crm for operator:li`.
    #[must_use]
    pub fn actor(&self) -> String {
        let caller = caller_text(&self.caller);
        match self.caller.on_behalf_of() {
            Some(other) => format!("{caller} for {}", caller_text(other)),
            None => caller,
        }
    }

    /// The answer to the first call with this request id, if there was one. To be asked before anything else is done in
    /// `tx`: a concurrent repeat waits here until the first call has committed or failed.
    ///
    /// # Errors
    /// FAILED_PRECONDITION with REQUEST_ID_REUSED when the first call had other fields.
    pub async fn first_answer<A: DeserializeOwned>(
        &self,
        tx: &mut Tx,
        now: Micros,
    ) -> Result<Option<A>, Error> {
        if self.request_id.is_empty() {
            return Ok(None);
        }
        let payload_digest = const_hex::encode(Sha256::digest(&self.payload));
        let (caller, on_behalf_of) = (self.caller_text(), self.on_behalf_of_text());
        let key = self.key(&caller, &on_behalf_of);
        if store::claim(tx, &key, &payload_digest, now.0).await? {
            return Ok(None);
        }
        let first = store::first(tx, &key).await?.ok_or_else(purged_meanwhile)?;
        if first.payload_digest != payload_digest {
            return Err(request_id_reused(&self.request_id));
        }
        metrics::counter!(names::MUTATION_REPEATS_TOTAL, "method" => self.method.path).increment(1);
        serde_json::from_str(&first.answer).map(Some).map_err(Error::internal)
    }

    /// Remembers the answer, writes the audit entry, and commits.
    ///
    /// # Errors
    /// When storage fails; then nothing is remembered.
    pub async fn finish<A: Serialize>(&self, mut tx: Tx, answer: &A, now: Micros) -> Result<(), Error> {
        self.record(&mut tx, answer, now).await?;
        Ok(tx.commit().await?)
    }

    /// Like [`Mutation::finish`], for a caller that commits itself.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn record<A: Serialize>(&self, tx: &mut Tx, answer: &A, now: Micros) -> Result<(), Error> {
        let (caller, on_behalf_of) = (self.caller_text(), self.on_behalf_of_text());
        if !self.request_id.is_empty() {
            let answer = serde_json::to_string(answer).map_err(Error::internal)?;
            store::remember(tx, &self.key(&caller, &on_behalf_of), &answer).await?;
        }
        let request = redaction::redacted_json(self.method, &self.payload)?;
        let parent = if self.resource.is_empty() { PLATFORM } else { owner_of(&self.resource) };
        let entry = NewEntry {
            parent,
            resource: &self.resource,
            method: self.method.path,
            caller: &caller,
            on_behalf_of: &on_behalf_of,
            request_id: &self.request_id,
            request: &request,
            trace_id: &self.trace_id,
            create_time: now.0,
        };
        Ok(store::insert_entry(tx, &entry).await?)
    }

    fn key<'a>(&'a self, caller: &'a str, on_behalf_of: &'a str) -> Key<'a> {
        Key { request_id: &self.request_id, method: self.method.path, caller, on_behalf_of }
    }

    fn caller_text(&self) -> String {
        caller_text(&self.caller)
    }

    fn on_behalf_of_text(&self) -> String {
        self.caller.on_behalf_of().map(caller_text).unwrap_or_default()
    }
}

/// Forgets requests that were carried out more than 48 hours before `now`, a few at a time.
///
/// # Errors
/// When storage fails; what was forgotten until then stays forgotten.
pub async fn purge(db: &Db, now: Micros) -> Result<(), DbError> {
    loop {
        let mut tx = db.begin().await?;
        let purged = store::purge(&mut tx, now.minus(KEPT).0, PURGED_AT_ONCE).await?;
        tx.commit().await?;
        if purged < PURGED_AT_ONCE.unsigned_abs() {
            return Ok(());
        }
    }
}

fn check_subject(caller: &Caller) -> Result<(), Error> {
    let too_long = |caller: &Caller| caller.subject().chars().count() > MOST_SUBJECT;
    if too_long(caller) || caller.on_behalf_of().is_some_and(too_long) {
        let message = format!("the subject of the token has more than {MOST_SUBJECT} characters");
        return Err(Error::new(Code::Unauthenticated, ErrorReason::TokenInvalid, message));
    }
    Ok(())
}

/// `operator:li`
fn caller_text(caller: &Caller) -> String {
    let kind = match caller.kind() {
        CallerKind::Operator => "operator",
        CallerKind::User => "user",
        CallerKind::Service => "service",
    };
    format!("{kind}:{}", caller.subject())
}

fn current_trace_id() -> String {
    let context = Span::current().context();
    let trace_id = context.span().span_context().trace_id();
    if trace_id == TraceId::INVALID { String::new() } else { trace_id.to_string() }
}

fn request_id_reused(request_id: &str) -> Error {
    let message = "request_id: was used before for a call with other fields; a new call needs a new id";
    Error::new(Code::FailedPrecondition, ErrorReason::RequestIdReused, message).with("request_id", request_id)
}

fn purged_meanwhile() -> Error {
    let message = "the first call with this request_id was forgotten just now; try again";
    Error::new(Code::Aborted, ErrorReason::Contention, message)
}
