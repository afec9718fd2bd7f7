//! Finding out whom a group sending goes to, once, and giving back what was not used (M9).

use std::time::Duration;

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_rpc::{Error, retrying};
use tonic::Code;

use crate::{
    Messaging,
    domain::group_send::{Chunk, GroupSend, MOST_RECIPIENTS, Outcome, State},
    store,
};

/// Chunks that are stored by one statement, or read by one.
const CHUNKS_AT_ONCE: usize = 20;
/// How long after a failure it is tried again.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Most characters of why a group sending failed.
const MOST_FAILURE: usize = 500;

impl Messaging {
    /// Freezes the audience and stores it. The CRM answers the same however often it is asked, and it is stored once.
    pub(super) async fn prepare(&self, seen: &GroupSend, now: Micros) -> Result<(), Error> {
        match self.audiences()?.freeze(seen, now).await {
            Ok(chunks) if planned(&chunks) > MOST_RECIPIENTS => {
                let message = format!(
                    "{} has more than {MOST_RECIPIENTS} fans, the most of one group sending",
                    seen.package
                );
                self.fail(seen, &message).await
            }
            Ok(chunks) => self.store_prepared(seen, &chunks).await,
            Err(error) if is_final(&error) => self.fail(seen, &error.to_string()).await,
            Err(error) => Err(error),
        }
    }

    async fn store_prepared(&self, seen: &GroupSend, chunks: &[Chunk]) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let found = store::group_send::lock(&mut tx, &seen.account_id, &seen.group_send_id).await?;
            let Some(mut group_send) = found.filter(|found| !found.prepared) else { return Ok(()) };
            if group_send.state == State::Cancelled {
                // Meanwhile it was frozen: that is to be given back.
                group_send.owes_reach = true;
                group_send.due_time = Some(now);
                store::group_send::update(&mut tx, &group_send).await?;
                return Ok(tx.commit().await?);
            }
            for chunks in chunks.chunks(CHUNKS_AT_ONCE) {
                store::group_send::insert_chunks(&mut tx, &group_send, chunks).await?;
            }
            group_send.prepared = true;
            group_send.planned_count = i64::try_from(planned(chunks)).unwrap_or(i64::MAX);
            for chunk in chunks {
                if let Some(reason) = chunk.reason {
                    let count = i64::try_from(chunk.recipients.len()).unwrap_or(i64::MAX);
                    *group_send.refused.entry(reason).or_default() += count;
                }
            }
            // One that was paused meanwhile stays so.
            if group_send.state == State::Scheduled {
                group_send.state = State::Sending;
                group_send.start_pace(now);
            }
            group_send.revision += 1;
            group_send.update_time = now;
            store::group_send::update(&mut tx, &group_send).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn fail(&self, seen: &GroupSend, why: &str) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let found = store::group_send::lock(&mut tx, &seen.account_id, &seen.group_send_id).await?;
            let Some(mut group_send) = found.filter(|found| !found.prepared && !found.state.is_over()) else {
                return Ok(());
            };
            group_send.state = State::Failed;
            group_send.failure = why.chars().take(MOST_FAILURE).collect();
            group_send.owes_reach = true;
            group_send.due_time = Some(now);
            group_send.revision += 1;
            group_send.update_time = now;
            store::group_send::update(&mut tx, &group_send).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Tells the CRM who was sent it; it no longer counts for the others.
    pub(super) async fn give_back(&self, seen: &GroupSend) -> Result<(), Error> {
        let mut sent = RoaringBitmap::new();
        let mut from = 0;
        loop {
            let mut tx = self.db.begin_read().await?;
            let limit = i64::try_from(CHUNKS_AT_ONCE).unwrap_or(i64::MAX);
            let chunks =
                store::group_send::chunks(&mut tx, &seen.account_id, &seen.group_send_id, from, limit)
                    .await?;
            let Some(last) = chunks.last() else { break };
            from = last.number + 1;
            for chunk in &chunks {
                let done = chunk.recipients.iter().zip(&chunk.outcomes);
                let reached = done.filter(|(_, outcome)| matches!(outcome, Outcome::Sent(_)));
                sent.extend(reached.map(|((ordinal, _), _)| *ordinal));
            }
        }
        self.audiences()?.release(seen, &sent).await?;
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let found = store::group_send::lock(&mut tx, &seen.account_id, &seen.group_send_id).await?;
            let Some(mut group_send) = found else { return Ok(()) };
            group_send.owes_reach = false;
            group_send.due_time = None;
            store::group_send::update(&mut tx, &group_send).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

fn planned(chunks: &[Chunk]) -> u64 {
    chunks.iter().map(|chunk| chunk.recipients.len() as u64).sum()
}

/// A refusal, which asking again would not change.
fn is_final(error: &Error) -> bool {
    matches!(error.code(), Code::FailedPrecondition | Code::InvalidArgument | Code::NotFound)
}
