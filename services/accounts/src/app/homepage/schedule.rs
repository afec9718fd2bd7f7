//! Publishing at a time.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, failures::Failures, retrying};
use tonic::Code;

use super::{change, draft_of, seen};
use crate::{
    Accounts,
    app::certification::locked,
    store::{
        self,
        homepage::{
            Draft,
            schedule::{self, Schedule},
            version::Version,
        },
    },
};

/// How far ahead something may be scheduled.
const FARTHEST: Duration = Duration::from_secs(366 * 24 * 3_600);
/// Schedules that are looked up at once.
const DUE_AT_ONCE: i64 = 100;

/// Freezes the draft as it is, to be published at `time`. What is scheduled already gives way only to somebody who knows
/// of it, which the etag shows.
pub(super) async fn put(
    tx: &mut Tx,
    mutation: &Mutation,
    draft: &mut Draft,
    etag: &str,
    note: &str,
    time: Micros,
    now: Micros,
) -> Result<(), Error> {
    if time <= now {
        return Err(Error::invalid_field("publish_time", "must be in the future, or unset to publish now"));
    }
    if time > now.plus(FARTHEST) {
        return Err(Error::invalid_field("publish_time", "must be within a year"));
    }
    let account_id = draft.account_id.clone();
    if let Some(scheduled) = schedule::get(tx, &account_id).await?.filter(|_| etag.is_empty()) {
        let time = Micros(scheduled.publish_time);
        let message = format!(
            "accounts/{account_id}/homepage is scheduled to be published at {time}: send the etag of the draft to \
             replace that"
        );
        return Err(wrong_state(message));
    }
    schedule::delete(tx, &account_id).await?;
    change(draft, mutation, now);
    store::homepage::save(tx, draft).await?;
    let schedule = Schedule {
        account_id,
        author: mutation.actor(),
        note: note.to_owned(),
        publish_time: time.0,
        create_time: now.0,
    };
    Ok(schedule::insert(tx, &schedule, &draft.draft).await?)
}

impl Accounts {
    /// Cancels what is scheduled; answers the revision of the draft.
    pub(crate) async fn cancel_scheduled_publish(
        &self,
        mutation: &Mutation,
        account_id: &str,
        etag: &str,
    ) -> Result<i64, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let account = locked(&mut tx, account_id).await?;
            let mut draft = seen(&mut tx, &account, etag).await?;
            let scheduled = schedule::get(&mut tx, account_id).await?;
            // What is due is published, even if nobody came to it yet.
            if scheduled.is_none_or(|scheduled| scheduled.publish_time <= now.0) {
                return Err(wrong_state(format!("accounts/{account_id}/homepage: nothing is scheduled")));
            }
            schedule::delete(&mut tx, account_id).await?;
            change(&mut draft, mutation, now);
            store::homepage::save(&mut tx, &draft).await?;
            mutation.finish(tx, &draft.revision, now).await?;
            Ok(draft.revision)
        })
        .await
    }

    /// Publishes every homepage whose time has come at `now`, each once, whichever process does it. One that fails does
    /// not stop the others; the first failure is answered.
    pub(crate) async fn publish_scheduled(&self, now: Micros) -> Result<(), Error> {
        let mut failures = Failures::default();
        loop {
            let mut tx = self.db.begin_read().await?;
            let mut due = schedule::due(&mut tx, now.0, failures.and(DUE_AT_ONCE)).await?;
            drop(tx);
            due.retain(|account_id| !failures.has(&format!("accounts/{account_id}/homepage")));
            if due.is_empty() {
                return failures.into_result();
            }
            for account_id in due {
                let published = retrying(|| async {
                    let mut tx = self.db.begin().await?;
                    locked(&mut tx, &account_id).await?;
                    self.publish_due(&mut tx, &account_id, now).await?;
                    Ok(tx.commit().await?)
                })
                .await;
                self.homepages.forget(&account_id);
                if let Err(error) = published {
                    failures.note(format!("accounts/{account_id}/homepage"), error);
                }
            }
            self.outbox.wake();
        }
    }

    /// Publishes what is scheduled, if its time has come and nobody has done it yet. The caller has locked the account.
    pub(super) async fn publish_due(&self, tx: &mut Tx, account_id: &str, now: Micros) -> Result<(), Error> {
        let scheduled = schedule::get(tx, account_id).await?;
        let Some(scheduled) = scheduled.filter(|scheduled| scheduled.publish_time <= now.0) else {
            return Ok(());
        };
        let document = schedule::document(tx, account_id).await?;
        let document = document.ok_or_else(|| Error::internal("a schedule without a document"))?;
        schedule::delete(tx, account_id).await?;
        let account = self.account_of_homepage(tx, account_id).await?;
        let mut draft = draft_of(tx, &account).await?;
        let version = Version {
            account_id: account_id.to_owned(),
            number: draft.last_number + 1,
            author: scheduled.author,
            note: scheduled.note,
            publish_time: scheduled.publish_time,
            restored_number: 0,
        };
        self.add_version(tx, &mut draft, &version, &document).await
    }
}

fn wrong_state(message: String) -> Error {
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message)
}
