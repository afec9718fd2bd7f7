//! The one error type that leaves a service: a gRPC status with `google.rpc` details, and nothing internal in it.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use siyu_db::DbError;
use siyu_proto::{FieldViolation, common::v1::ErrorReason};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` of the suite.
pub const ERROR_DOMAIN: &str = "siyu";

/// How long a caller should wait before it tries again.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Why a call failed, as its caller may know it. What only the operator may know is in `source`, which is logged
/// once when the error leaves the service.
#[derive(Debug, Clone)]
pub struct Error {
    code: Code,
    reason: ErrorReason,
    message: String,
    violations: Vec<Violation>,
    metadata: HashMap<String, String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What is wrong with the call in particular.
#[derive(Debug, Clone)]
enum Violation {
    /// A field breaks a rule.
    Field { field: String, rule: String },
    /// A quota is used up.
    Quota { subject: String, description: String },
}

impl Error {
    /// An error with a status code, a reason and a message for people.
    #[must_use]
    pub fn new(code: Code, reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
            metadata: HashMap::new(),
            source: None,
        }
    }

    /// INVALID_ARGUMENT: the field `field` breaks `rule`, which reads on from the field's name: `must be set`.
    #[must_use]
    pub fn invalid_field(field: impl Into<String>, rule: impl Into<String>) -> Self {
        let (field, rule) = (field.into(), rule.into());
        let mut error =
            Self::new(Code::InvalidArgument, ErrorReason::InvalidField, format!("{field}: {rule}"));
        error.violations.push(Violation::Field { field, rule });
        error
    }

    /// INVALID_ARGUMENT for all fields that break the rules of their proto.
    #[must_use]
    pub fn violations(violations: &[FieldViolation]) -> Self {
        let texts: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.field, v.rule)).collect();
        let mut error = Self::new(Code::InvalidArgument, ErrorReason::InvalidField, texts.join("; "));
        let of_field =
            |v: &FieldViolation| Violation::Field { field: v.field.clone(), rule: v.rule.to_owned() };
        error.violations = violations.iter().map(of_field).collect();
        error
    }

    /// NOT_FOUND. Also the answer for a resource that the caller may not know of: both must look the same.
    #[must_use]
    pub fn not_found(name: &str) -> Self {
        Self::new(Code::NotFound, ErrorReason::ResourceNotFound, format!("{name} does not exist"))
            .with("resource", name)
    }

    /// ALREADY_EXISTS.
    #[must_use]
    pub fn exists(name: &str) -> Self {
        Self::new(Code::AlreadyExists, ErrorReason::ResourceExists, format!("{name} exists already"))
            .with("resource", name)
    }

    /// INTERNAL: `source` is logged, the caller learns nothing of it.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, ErrorReason::Internal, "internal error").caused_by(source)
    }

    /// Adds a key and value to the `ErrorInfo`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a quota that is used up: whose it is (`accounts/…`), and the rule with what is used of it.
    #[must_use]
    pub fn with_quota_violation(
        mut self,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        self.violations.push(Violation::Quota { subject: subject.into(), description: description.into() });
        self
    }

    /// Names what is behind the error, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The status code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        self.reason
    }
}

impl Error {
    /// The refusal of another service of the suite, as one's own: code, reason, message and details.
    pub(crate) fn relayed(status: &Status) -> Option<Self> {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN)?;
        let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason))?;
        let fields = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
        let quotas = details.quota_failure().map(|quota| quota.violations.clone()).unwrap_or_default();
        let fields =
            fields.into_iter().map(|wrong| Violation::Field { field: wrong.field, rule: wrong.description });
        let quotas = quotas.into_iter().map(|violation| Violation::Quota {
            subject: violation.subject,
            description: violation.description,
        });
        Some(Self {
            violations: fields.chain(quotas).collect(),
            metadata: info.metadata.clone(),
            ..Self::new(status.code(), reason, status.message())
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match &error {
            DbError::Contention(_) => Self::new(
                Code::Aborted,
                ErrorReason::Contention,
                "concurrent calls changed the same data; try again",
            ),
            DbError::Unavailable(_) => Self::new(
                Code::Unavailable,
                ErrorReason::DependencyUnavailable,
                "the storage cannot be reached now; try again",
            ),
            DbError::Duplicate { .. } | DbError::Broken(_) => {
                Self::new(Code::Internal, ErrorReason::Internal, "internal error")
            }
        }
        .caused_by(error)
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        if let Some(source) = &error.source {
            let chain = chain(source.as_ref());
            match error.code {
                Code::Internal => {
                    tracing::error!(reason = error.reason.as_str_name(), cause = chain, "call failed")
                }
                _ => tracing::warn!(reason = error.reason.as_str_name(), cause = chain, "call failed"),
            }
        }
        let reason = error.reason.as_str_name().trim_start_matches("ERROR_REASON_");
        let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, error.metadata);
        for violation in error.violations {
            match violation {
                Violation::Field { field, rule } => details.add_bad_request_violation(field, rule),
                Violation::Quota { subject, description } => {
                    details.add_quota_failure_violation(subject, description)
                }
            };
        }
        let repeating_helps = error.reason != ErrorReason::EtagMismatch;
        if matches!(error.code, Code::Unavailable | Code::Aborted) && repeating_helps {
            details.set_retry_info(Some(RETRY_DELAY));
        }
        Status::with_error_details(error.code, error.message, details)
    }
}

/// An error and what is behind it, as one line for the log.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += ": ";
        text += &source.to_string();
        next = source.source();
    }
    text
}

/// Gives a status that tonic made itself (a malformed message, an unknown method, a message that is too large) the
/// details that every error of the suite carries.
#[must_use]
pub fn complete(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let message = match (status.code(), status.message()) {
        (Code::Unimplemented, "") => "this server does not serve the method".to_owned(),
        (_, message) => message.to_owned(),
    };
    let too_large = status.code() == Code::OutOfRange && message.contains("message length too large");
    let (code, reason) = match status.code() {
        _ if too_large => (Code::ResourceExhausted, ErrorReason::MessageTooLarge),
        Code::InvalidArgument => (Code::InvalidArgument, ErrorReason::InvalidField),
        Code::Unimplemented => (Code::Unimplemented, ErrorReason::MethodNotFound),
        Code::DeadlineExceeded => (Code::DeadlineExceeded, ErrorReason::DeadlineExceeded),
        Code::Unavailable => (Code::Unavailable, ErrorReason::DependencyUnavailable),
        // The caller went away in the middle of its request. That is no error of ours, and nobody reads the answer.
        Code::Internal | Code::Unknown if message.contains("error reading a body from connection") => {
            (Code::Cancelled, ErrorReason::Internal)
        }
        // tonic says INTERNAL when a body is no valid message: that is the caller's mistake.
        Code::Internal if message.contains("decode") => (Code::InvalidArgument, ErrorReason::InvalidField),
        Code::Internal | Code::Unknown => return Error::internal(message).into(),
        Code::NotFound => (Code::NotFound, ErrorReason::ResourceNotFound),
        code => (code, ErrorReason::Internal),
    };
    Error::new(code, reason, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_field_is_named_in_message_and_details() {
        let status = Status::from(Error::invalid_field("account.time_zone", "must be an IANA time zone"));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "account.time_zone: must be an IANA time zone");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELD");
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "account.time_zone");
    }

    #[test]
    fn internal_text_never_reaches_the_caller() {
        let status = Status::from(Error::internal("relation \"fan\" does not exist"));
        assert_eq!(status.message(), "internal error");
        assert!(!format!("{status:?}").contains("relation"));
    }

    #[test]
    fn unavailable_says_when_to_try_again() {
        let status = Status::from(Error::from(DbError::from(sqlx_pool_timeout())));
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.get_error_details().retry_info().unwrap().retry_delay, Some(RETRY_DELAY));
    }

    fn sqlx_pool_timeout() -> sqlx::Error {
        sqlx::Error::PoolTimedOut
    }

    #[test]
    fn a_caller_who_goes_away_is_not_our_error() {
        let status = Status::internal("h2 protocol error: error reading a body from connection");
        assert_eq!(complete(status).code(), Code::Cancelled);
    }

    #[test]
    fn a_status_of_the_transport_gets_a_reason() {
        let status = complete(Status::out_of_range("Error, decoded message length too large: found 9 bytes"));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
    }
}
