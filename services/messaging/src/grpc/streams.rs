//! Inboxes as they happen.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{app::live::Arrivals, domain::message::Message};

/// Sends what happens in an inbox, as `respond` writes messages and a cursor, until the reader has gone. One answer waits for
/// the reader at most: what comes meanwhile stays in storage.
pub(super) fn stream<T: Send + 'static>(
    mut arrivals: Arrivals,
    respond: impl Fn(&[Arc<Message>], i64) -> T + Send + 'static,
) -> ReceiverStream<Result<T, Status>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut next = Ok(Vec::new());
        loop {
            let is_end = next.is_err();
            let answer = next.map(|messages| respond(&messages, arrivals.cursor())).map_err(Status::from);
            if sender.send(answer).await.is_err() || is_end {
                return;
            }
            next = tokio::select! {
                happened = arrivals.next() => happened,
                () = sender.closed() => return,
            };
        }
    });
    ReceiverStream::new(receiver)
}
