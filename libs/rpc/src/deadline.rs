//! How long a call may take: what its caller asked for, within what the server allows.

use std::{future::Future, time::Duration};

use http::HeaderMap;
use siyu_clock::Stopwatch;
use siyu_proto::common::v1::ErrorReason;
use tonic::Code;

use crate::Error;

/// The time a call has, counted from its arrival.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    arrived: Stopwatch,
    budget: Duration,
}

tokio::task_local! {
    /// The deadline of the call that the current task serves.
    static CURRENT: Deadline;
}

impl Deadline {
    pub(crate) fn from_now(budget: Duration) -> Self {
        Self { arrived: Stopwatch::start(), budget }
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.budget.saturating_sub(self.arrived.elapsed())
    }

    /// Runs a call with this deadline.
    pub(crate) async fn apply<F: Future>(self, call: F) -> Result<F::Output, Error> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(exceeded());
        }
        tokio::time::timeout(remaining, CURRENT.scope(self, call)).await.map_err(|_| exceeded())
    }

    /// Does a part of a call with this deadline: the calls made meanwhile inherit it.
    pub(crate) fn during<T>(self, part: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, part)
    }

    /// Waits until the time is over.
    pub(crate) async fn reached(self) -> Error {
        tokio::time::sleep(self.remaining()).await;
        exceeded()
    }
}

/// What is left for the calls that the current call makes itself; none outside a call.
pub(crate) fn remaining_of_current() -> Option<Duration> {
    CURRENT.try_with(Deadline::remaining).ok()
}

fn exceeded() -> Error {
    Error::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, "the time allowed for the call ran out")
}

/// The `grpc-timeout` header, if there is one.
///
/// # Errors
/// INVALID_ARGUMENT for one that the gRPC specification does not know (tonic itself would ignore it).
pub(crate) fn requested(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let malformed =
        || Error::invalid_field("grpc-timeout", "must be 1 to 8 digits and one of H, M, S, m, u, n");
    let text = value.to_str().map_err(|_| malformed())?;
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(malformed)?;
    let digits_only = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let amount = digits.parse::<u64>().ok().filter(|_| digits_only).ok_or_else(malformed)?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return Err(malformed()),
    }))
}

/// A `grpc-timeout` header value for `duration`, rounded down to milliseconds.
pub(crate) fn header_value(duration: Duration) -> String {
    const MOST: u128 = 99_999_999;
    format!("{}m", duration.as_millis().min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &'static str) -> Result<Option<Duration>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", http::HeaderValue::from_static(value));
        requested(&headers)
    }

    #[test]
    fn timeouts_are_read_as_the_specification_says() {
        assert_eq!(header("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(header("2H").unwrap(), Some(Duration::from_secs(7200)));
        assert_eq!(requested(&HeaderMap::new()).unwrap(), None);
        for bad in ["", "m", "5", "5x", "-5S", "+5S", "123456789S", "1.5S"] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_forwarded_can_be_read_back() {
        let value: &'static str = Box::leak(header_value(Duration::from_millis(1_234)).into_boxed_str());
        assert_eq!(header(value).unwrap(), Some(Duration::from_millis(1_234)));
    }

    #[tokio::test]
    async fn a_call_is_cut_at_its_deadline_and_knows_what_is_left() {
        let deadline = Deadline::from_now(Duration::from_millis(20));
        let error = deadline.apply(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error.code(), Code::DeadlineExceeded);
        let left =
            Deadline::from_now(Duration::from_secs(5)).apply(async { remaining_of_current() }).await.unwrap();
        assert!(left.unwrap() <= Duration::from_secs(5));
        assert_eq!(remaining_of_current(), None);
    }
}
