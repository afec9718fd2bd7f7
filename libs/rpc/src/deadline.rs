//! How long a call may take: what its caller asked for, within what the server allows.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::HeaderMap;
use siyu_clock::Stopwatch;
use siyu_proto::common::v1::ErrorReason;
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Code, Status, body::Body};

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

    fn remaining(&self) -> Duration {
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
}

/// Ends a stream of answers with DEADLINE_EXCEEDED when the time is over, if there is a deadline. The stream keeps the
/// place of its call.
pub(crate) fn limit_stream(
    body: Body,
    deadline: Option<Deadline>,
    place: Option<OwnedSemaphorePermit>,
) -> Body {
    let remaining = deadline.map(|deadline| deadline.remaining());
    let end = async move {
        match remaining {
            Some(remaining) => tokio::time::sleep(remaining).await,
            None => std::future::pending().await,
        }
    };
    end_stream(body, end, exceeded, place)
}

/// Ends a stream of answers with an error as soon as `end` comes. The stream keeps the place of its call.
pub(crate) fn end_stream(
    body: Body,
    end: impl Future<Output = ()> + Send + 'static,
    error: fn() -> Error,
    place: Option<OwnedSemaphorePermit>,
) -> Body {
    Body::new(EndingAt { body, end: Box::pin(end), error, ended: false, _place: place })
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

/// What a caller gets of the time it asked for. The server of tonic watches `grpc-timeout` too, and its answer would be
/// CANCELLED: timers count in milliseconds, so two of them are certain to come first.
pub(crate) fn ahead_of_tonic(requested: Duration) -> Duration {
    requested.saturating_sub(Duration::from_millis(2))
}

/// A `grpc-timeout` header value for `duration`, rounded down to milliseconds.
pub(crate) fn header_value(duration: Duration) -> String {
    const MOST: u128 = 99_999_999;
    format!("{}m", duration.as_millis().min(MOST))
}

struct EndingAt {
    body: Body,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    error: fn() -> Error,
    ended: bool,
    _place: Option<OwnedSemaphorePermit>,
}

impl tonic::codegen::Body for EndingAt {
    type Data = <Body as tonic::codegen::Body>::Data;
    type Error = Status;

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.end.as_mut().poll(cx).is_ready() {
            self.ended = true;
            let mut trailers = HeaderMap::new();
            return Poll::Ready(match Status::from((self.error)()).add_header(&mut trailers) {
                Ok(()) => Some(Ok(http_body::Frame::trailers(trailers))),
                Err(status) => Some(Err(status)),
            });
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
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

    #[tokio::test]
    async fn a_stream_of_answers_ends_at_its_deadline() {
        use http_body_util::BodyExt;

        let endless = Body::new(http_body_util::StreamBody::new(tokio_stream::pending::<
            Result<http_body::Frame<bytes::Bytes>, Status>,
        >()));
        let body = limit_stream(endless, Some(Deadline::from_now(Duration::from_millis(10))), None);
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap();
        assert_eq!(Status::from_header_map(&trailers).unwrap().code(), Code::DeadlineExceeded);
    }
}
