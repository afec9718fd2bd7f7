//! How members go (G3).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};

use super::{existing_member, locked};
use crate::{
    Groups,
    domain::{
        group::Group,
        member::{LeaveReason, Member},
    },
    events, store,
};

impl Groups {
    /// A member goes, or is taken out.
    pub(crate) async fn leave(
        &self,
        mutation: &Mutation,
        ids: [&str; 3],
        reason: LeaveReason,
    ) -> Result<Member, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut group = locked(&mut tx, [ids[0], ids[1]]).await?;
            let member = existing_member(&mut tx, ids).await?;
            let left = self.take_out(&mut tx, &mut group, vec![member], reason, now).await?;
            mutation.finish(tx, &left[0], now).await?;
            self.outbox.wake();
            Ok(left[0].clone())
        })
        .await
    }

    /// Takes members out of a group, which this transaction has locked, and stores it. Answers them with when and why they went.
    pub(super) async fn take_out(
        &self,
        tx: &mut Tx,
        group: &mut Group,
        members: Vec<Member>,
        reason: LeaveReason,
        now: Micros,
    ) -> Result<Vec<Member>, Error> {
        let mut left = Vec::with_capacity(members.len());
        for member in members {
            store::past_member::insert(tx, &member, (now, reason)).await?;
            store::member::delete(tx, &member).await?;
            group.member_count -= 1;
            group.departures += 1;
            left.push(Member { left: Some((now, reason)), ..member });
        }
        store::group::update(tx, group).await?;
        self.outbox.write(tx, left.iter().map(events::member_left)).await?;
        Ok(left)
    }
}
