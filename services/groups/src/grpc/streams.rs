//! Groups as they happen.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use siyu_proto::groups::v1 as pb;
use tonic::Status;

use super::convert::to_message;
use crate::app::live::{Arrivals, Change};

/// What a reader of a group is sent.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Sends what happens in a group, as `respond` puts messages and where the reader then stands, until the reader has gone or something
/// fails. It looks for more when the reader takes more, and not before: what comes meanwhile stays in storage.
pub(super) fn stream<T: Send + 'static>(
    arrivals: Arrivals,
    by_account: bool,
    respond: impl Fn(Vec<pb::Message>, i64) -> T + Send + Sync + 'static,
) -> Answers<T> {
    let begin = respond(Vec::new(), arrivals.cursor());
    let next = move |mut arrivals: Arrivals| async move {
        let changes = arrivals.next().await?;
        Ok::<_, Status>(Some(((changes, arrivals.cursor()), arrivals)))
    };
    let to_messages = move |changes: &[Arc<Change>]| {
        changes.iter().map(|change| to_message(&change.message, by_account)).collect()
    };
    let answers = stream::try_unfold(arrivals, next)
        .map(move |answer| answer.map(|(changes, cursor)| respond(to_messages(&changes), cursor)));
    Box::pin(stream::once(async { Ok(begin) }).chain(answers))
}
