//! Taking messages back, and pinning them (G3, G4).

use std::sync::Arc;

use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, retrying};
use tonic::Code;

use super::{
    live::{Change, Said},
    locked,
    read::insider,
};
use crate::{
    Groups,
    domain::{
        group::Group,
        message::{Message, RECALLABLE, name},
    },
    events, store,
};

impl Groups {
    /// Takes back a message: for a member, or for the account where `user_id` is empty.
    pub(crate) async fn recall(
        &self,
        ids: [&str; 2],
        user_id: &str,
        sequence: i64,
    ) -> Result<Arc<Message>, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut group = locked(&mut tx, ids).await?;
            let keeps_order = keeps_order(&mut tx, &group, user_id).await?;
            let mut message = message(&mut tx, ids, sequence).await?;
            if message.recall_time.is_some() {
                return Ok(Arc::new(message));
            }
            if !keeps_order {
                if message.user_id != user_id {
                    return Err(not_theirs(&message.name()));
                }
                if now >= message.create_time.plus(RECALLABLE) {
                    return Err(too_late(&message.name()));
                }
            }
            group.last_change += 1;
            if group.pinned_sequence == sequence {
                group.pinned_sequence = 0;
            }
            message.content = None;
            message.recall_time = Some(now);
            message.change = group.last_change;
            store::message::recall(&mut tx, &message).await?;
            store::group::update(&mut tx, &group).await?;
            self.outbox.write(&mut tx, events::messages_changed(ids[0], [&message])).await?;
            tx.commit().await?;
            let message = Arc::new(message);
            let change = Change { message: message.clone(), departures: group.departures };
            self.tell(Some(Said(vec![change])));
            Ok(message)
        })
        .await
    }

    /// Pins a message, or none where `sequence` is 0: for owner and admins, or for the account where `user_id` is empty.
    pub(crate) async fn pin(&self, ids: [&str; 2], user_id: &str, sequence: i64) -> Result<i64, Error> {
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let mut group = locked(&mut tx, ids).await?;
            if !keeps_order(&mut tx, &group, user_id).await? {
                return Err(not_theirs(&group.name()));
            }
            if sequence > 0 && message(&mut tx, ids, sequence).await?.recall_time.is_some() {
                return Err(Error::invalid_field("sequence", "must be a message that is not recalled"));
            }
            if group.pinned_sequence != sequence {
                group.pinned_sequence = sequence;
                store::group::update(&mut tx, &group).await?;
                self.outbox.write(&mut tx, [events::group_updated(&group)]).await?;
                tx.commit().await?;
                self.outbox.wake();
            }
            Ok(sequence)
        })
        .await
    }
}

/// Whether somebody who is in the group keeps order in it; the account does.
async fn keeps_order(tx: &mut Tx, group: &Group, user_id: &str) -> Result<bool, Error> {
    if user_id.is_empty() {
        return Ok(true);
    }
    let member = insider(tx, [&group.account_id, &group.group_id], user_id).await?;
    Ok(member.role.keeps_order())
}

async fn message(tx: &mut Tx, ids: [&str; 2], sequence: i64) -> Result<Message, Error> {
    let found = store::message::get(tx, ids, sequence).await?;
    found.ok_or_else(|| Error::not_found(&name(ids[0], ids[1], sequence)))
}

fn not_theirs(name: &str) -> Error {
    let message = format!("{name}: only the account, owner and admins may do this");
    Error::new(Code::PermissionDenied, ErrorReason::RoleTooLow, message).with("resource", name)
}

fn too_late(name: &str) -> Error {
    let message = format!("{name} can be taken back for {} s alone", RECALLABLE.as_secs());
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("resource", name)
}
