//! What makes calls to another process reliable: a channel to all its replicas, a deadline for every call, and a second
//! try where that does no harm.

mod replicas;
mod retry;
#[cfg(test)]
mod testing;

use tonic::{Code, ConnectError, Status, TimeoutExpired};

pub(crate) use replicas::balanced;
pub(crate) use retry::Reliable;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A call that had no answer at all.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// What its caller is told.
    status: Status,
    /// It did not reach the other side, so that making it again is certainly harmless.
    never_sent: bool,
}

impl NoAnswer {
    /// tonic itself would call a broken connection UNKNOWN or CANCELLED, and a deadline CANCELLED.
    pub(crate) fn new(error: BoxError) -> Self {
        if cause::<TimeoutExpired>(error.as_ref()).is_some() {
            let status = Status::deadline_exceeded("the time allowed for the call ran out");
            return Self { status, never_sent: false };
        }
        let never_sent = was_never_sent(error.as_ref());
        let status = Status::from_error(error);
        let status = match status.code() {
            Code::Unknown | Code::Internal | Code::Cancelled => Status::unavailable(status.message()),
            _ => status,
        };
        Self { status, never_sent }
    }
}

/// Whether a call ended before it was sent: there was no connection, or the one there was had been told to go away.
fn was_never_sent(error: &(dyn std::error::Error + 'static)) -> bool {
    let not_connected = cause::<ConnectError>(error).is_some();
    let not_taken = cause::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled);
    let turned_away = cause::<h2::Error>(error).is_some_and(|error| {
        error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
    });
    not_connected || not_taken || turned_away
}

/// The cause of this kind behind an error.
fn cause<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}
