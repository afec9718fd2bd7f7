//! Reading what was said in groups (G4).

use siyu_db::Tx;
use siyu_rpc::{Error, retrying};

use super::{existing, locked, not_in};
use crate::{
    Groups,
    domain::{group, member::Member, message::Message},
    store,
};

/// Which messages of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// The newest.
    Latest,
    /// The newest before a sequence.
    Before(i64),
    /// The oldest after a sequence.
    After(i64),
}

impl Groups {
    /// At most `size` messages of a group, oldest first, and whether there are more of them; for a member, or for the account where
    /// `user_id` is empty.
    pub(crate) async fn list_messages(
        &self,
        ids: [&str; 2],
        user_id: &str,
        window: Window,
        size: usize,
    ) -> Result<(Vec<Message>, bool), Error> {
        let limit = i64::try_from(size).unwrap_or(i64::MAX - 1) + 1;
        let mut tx = self.db.begin_read().await?;
        existing(&mut tx, ids).await?;
        if !user_id.is_empty() {
            insider(&mut tx, ids, user_id).await?;
        }
        let mut found = match window {
            Window::After(sequence) => store::message::after(&mut tx, ids, sequence, limit).await?,
            Window::Before(sequence) => store::message::before(&mut tx, ids, sequence, limit).await?,
            Window::Latest => store::message::before(&mut tx, ids, i64::MAX, limit).await?,
        };
        let has_more = found.len() > size;
        found.truncate(size);
        if !matches!(window, Window::After(_)) {
            found.reverse();
        }
        Ok((found, has_more))
    }

    /// A member has read up to a message; answers up to which they have, and how many there are after it.
    pub(crate) async fn mark_read(
        &self,
        ids: [&str; 2],
        user_id: &str,
        sequence: i64,
    ) -> Result<(i64, i64), Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let group = locked(&mut tx, ids).await?;
            let mut member = insider(&mut tx, ids, user_id).await?;
            if sequence > group.last_sequence {
                let rule = format!("must be at most {}, the last message", group.last_sequence);
                return Err(Error::invalid_field("sequence", rule));
            }
            if sequence > member.read_sequence {
                member.read_sequence = sequence;
                store::member::update(&mut tx, &member).await?;
                tx.commit().await?;
            }
            Ok((member.read_sequence, group.last_sequence - member.read_sequence))
        })
        .await
    }
}

/// A user who must be in a group to do this.
pub(super) async fn insider(
    tx: &mut Tx,
    [account_id, group_id]: [&str; 2],
    user_id: &str,
) -> Result<Member, Error> {
    let found = store::member::find(tx, [[account_id, group_id, user_id]]).await?.pop();
    found.ok_or_else(|| not_in(&group::name(account_id, group_id), user_id))
}
