//! Labels of conversations, and notes on them (M6).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, Page};

use crate::{
    Messaging,
    app::read::conversation,
    domain::desk::Desk,
    store::{self, note::Note},
};

impl Messaging {
    /// Gives a conversation other labels.
    pub(crate) async fn set_labels(
        &self,
        mutation: &Mutation,
        ids: [&str; 2],
        labels: &[String],
    ) -> Result<Box<Desk>, Error> {
        self.change_case(mutation, ids, |tx, mut conversation| async move {
            conversation.desk_mut().labels = labels.to_vec();
            Ok((tx, conversation))
        })
        .await
    }

    /// Leaves a note on a conversation.
    pub(crate) async fn create_note(
        &self,
        mutation: &Mutation,
        ids: [&str; 2],
        text: &str,
    ) -> Result<Note, Error> {
        self.check_account(ids[0]).await?;
        self.change_desk(mutation, ids[0], |mut tx| async move {
            conversation(&mut tx, ids).await?;
            let note = leave_note(&mut tx, ids, mutation.actor(), text, self.clock.now()).await?;
            Ok((tx, note))
        })
        .await
    }

    /// A page of the notes on a conversation, oldest first, and the token of the next.
    pub(crate) async fn list_notes(
        &self,
        ids: [&str; 2],
        page: &Page<i64>,
    ) -> Result<(Vec<Note>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        conversation(&mut tx, ids).await?;
        let mut found = store::note::list(&mut tx, ids, page.after.unwrap_or_default(), page.limit()).await?;
        let next = page.finish(&mut found, |last| last.number)?;
        Ok((found, next))
    }
}

/// Somebody notes something on a conversation that there is.
pub(super) async fn leave_note(
    tx: &mut Tx,
    ids: [&str; 2],
    author: String,
    text: &str,
    now: Micros,
) -> Result<Note, Error> {
    let note = Note {
        account_id: ids[0].to_owned(),
        user_id: ids[1].to_owned(),
        number: store::note::last_number(tx, ids).await? + 1,
        author,
        text: text.to_owned(),
        create_time: now.0,
        forget_time: None,
    };
    store::note::insert(tx, &note).await?;
    Ok(note)
}
