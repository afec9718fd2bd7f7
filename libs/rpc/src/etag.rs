//! Etags (AIP-154): who changes what somebody else changed since is told so, and overwrites nothing.

use siyu_proto::common::v1::ErrorReason;
use tonic::Code;

use crate::Error;

/// The etag of a resource at `revision`, which grows with every change of it.
#[must_use]
pub fn of(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// Whether a caller who sent `etag` has seen the resource `name` as it is at `revision`. An empty etag does not ask.
///
/// # Errors
/// ABORTED with ETAG_MISMATCH when it was changed since.
pub fn check(etag: &str, revision: i64, name: &str) -> Result<(), Error> {
    let current = of(revision);
    if etag.is_empty() || etag == current {
        return Ok(());
    }
    let message = format!("{name} was changed since it was read: its etag is {current} now");
    let error = Error::new(Code::Aborted, ErrorReason::EtagMismatch, message);
    Err(error.with("resource", name).with("etag", current))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_seen_may_be_changed() {
        assert!(check(&of(7), 7, "n").is_ok() && check("", 7, "n").is_ok());
        for stale in ["\"6\"", "7", "x"] {
            assert_eq!(check(stale, 7, "n").unwrap_err().reason(), ErrorReason::EtagMismatch);
        }
    }
}
