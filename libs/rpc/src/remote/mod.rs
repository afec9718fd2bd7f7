//! What makes calls to another process reliable: a channel to all its replicas, a deadline for every call, and a second
//! try where that does no harm.

mod replicas;
mod retry;
#[cfg(test)]
mod testing;

use tonic::{Code, Status, TimeoutExpired};

pub(crate) use replicas::balanced;
pub(crate) use retry::Reliable;

/// What a call becomes that had no answer at all. tonic itself would call a broken connection UNKNOWN, and a deadline
/// CANCELLED.
pub(crate) fn no_answer(error: Box<dyn std::error::Error + Send + Sync>) -> Status {
    if caused_by::<TimeoutExpired>(error.as_ref()) {
        return Status::deadline_exceeded("the time allowed for the call ran out");
    }
    let status = Status::from_error(error);
    match status.code() {
        Code::Unknown | Code::Internal => Status::unavailable(status.message()),
        _ => status,
    }
}

/// Whether a cause of this kind is behind an error.
fn caused_by<E: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<E>())
}
