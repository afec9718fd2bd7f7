//! Trying again, which is safe for everything the importer calls: the answers depend on ids, not on how often.

use std::{error::Error as _, time::Duration};

use tonic::{Code, Status};

/// Long enough, all pauses together, for a server to restart.
const ATTEMPTS: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Calls until it works, fails for good, or failed too often.
pub(super) async fn with_retries<T>(
    what: &str,
    mut call: impl AsyncFnMut() -> Result<T, Status>,
) -> Result<T, Status> {
    let mut pause = FIRST_PAUSE;
    for attempt in 1..ATTEMPTS {
        match call().await {
            Err(status) if may_pass(&status) => {
                tracing::warn!(what, attempt, %status, "failed, will try again");
            }
            result => return result,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    call().await
}

/// Whether a failure may be over at the next attempt.
fn may_pass(status: &Status) -> bool {
    // A status with a source was made here because the connection broke; those of the server have none.
    let by_server = matches!(status.code(), Code::Unavailable | Code::Aborted | Code::DeadlineExceeded);
    by_server || status.source().is_some()
}
