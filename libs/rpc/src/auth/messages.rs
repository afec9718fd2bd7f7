//! The messages of a stream that a caller sends, one after the other.

use std::time::Duration;

use siyu_proto::{Call, common::v1::ErrorReason};
use tonic::{Code, Request, Status, Streaming};

use super::{Caller, admit_message, admit_stream};
use crate::Error;

/// Messages of a stream about one account, each admitted by itself.
#[derive(Debug)]
pub struct Messages<T> {
    caller: Caller,
    stream: Streaming<T>,
    parent_of: fn(&T) -> &String,
    parent: Option<String>,
}

/// Takes a streaming call apart into its messages; `parent_of` says which field names the account of one.
///
/// # Errors
/// INTERNAL when the call did not come through the gate.
pub fn admit_messages<T>(
    request: Request<Streaming<T>>,
    parent_of: fn(&T) -> &String,
) -> Result<Messages<T>, Error> {
    let (caller, stream) = admit_stream(request)?;
    Ok(Messages { caller, stream, parent_of, parent: None })
}

impl<T: Call> Messages<T> {
    /// The next message; none at the end. A stream that stays silent is ended: it would hold its place for ever.
    ///
    /// # Errors
    /// DEADLINE_EXCEEDED after a minute of silence; INVALID_ARGUMENT when a message names another account than the first;
    /// else as [`super::admit`].
    pub async fn next(&mut self) -> Result<Option<T>, Status> {
        const MOST_SILENCE: Duration = Duration::from_secs(60);
        let received = tokio::time::timeout(MOST_SILENCE, self.stream.message()).await.unwrap_or_else(|_| {
            let message = "the stream was silent for a minute; what was sent is stored";
            Err(Error::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, message).into())
        });
        let Some(message) = received? else { return Ok(None) };
        admit_message(&self.caller, &message)?;
        let parent = (self.parent_of)(&message);
        if self.parent.get_or_insert_with(|| parent.clone()) != parent {
            let error = Error::invalid_field("parent", "must be the same in every message of a stream");
            return Err(error.into());
        }
        Ok(Some(message))
    }
}
