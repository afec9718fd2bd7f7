//! Inboxes as they happen.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use siyu_proto::messaging::v1 as pb;
use tonic::Status;

use super::convert::to_message;
use crate::{
    app::live::{Arrivals, Change},
    domain::message::Sender,
};

/// What a reader of an inbox is sent.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What happened in an inbox, as one side is shown it.
pub(super) struct Happened {
    pub(super) messages: Vec<pb::Message>,
    pub(super) read_marks: Vec<pb::ReadMarks>,
    pub(super) cursor: i64,
}

/// Sends what happens in an inbox, as `respond` puts it, until the reader has gone or something fails. It looks for more when the
/// reader takes more, and not before: what comes meanwhile stays in storage.
pub(super) fn stream<T: Send + 'static>(
    arrivals: Arrivals,
    side: Sender,
    respond: impl Fn(Happened) -> T + Send + Sync + 'static,
) -> Answers<T> {
    let begin = respond(Happened { messages: Vec::new(), read_marks: Vec::new(), cursor: arrivals.cursor() });
    let next = move |mut arrivals: Arrivals| async move {
        let changes = arrivals.next().await?;
        Ok::<_, Status>(Some(((changes, arrivals.cursor()), arrivals)))
    };
    let answers = stream::try_unfold(arrivals, next)
        .map(move |answer| answer.map(|(changes, cursor)| respond(happened(&changes, cursor, side))));
    Box::pin(stream::once(async { Ok(begin) }).chain(answers))
}

fn happened(changes: &[Arc<Change>], cursor: i64, side: Sender) -> Happened {
    // Of each conversation the last, which is the newest.
    let mut read_marks = BTreeMap::new();
    for change in changes {
        if let Some(marks) = change.read_marks {
            let conversation = (&change.message.account_id, &change.message.user_id);
            read_marks.insert(conversation, marks);
        }
    }
    let read_marks = read_marks.into_iter().map(|((account_id, user_id), marks)| pb::ReadMarks {
        conversation: format!("accounts/{account_id}/conversations/{user_id}"),
        user_read_sequence: marks.user,
        account_read_sequence: marks.account,
    });
    Happened {
        read_marks: read_marks.collect(),
        messages: changes.iter().map(|change| to_message(&change.message, side)).collect(),
        cursor,
    }
}
