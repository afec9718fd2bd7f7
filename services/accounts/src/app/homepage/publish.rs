//! Publishing homepages, and going back.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, Page, retrying};

use super::{check, draft_of, seen};
use crate::{
    Accounts,
    app::certification::locked,
    events,
    store::{
        self,
        homepage::{Document, Draft, schedule::Schedule, version::Version},
    },
};

/// Versions that are kept.
const KEPT: i64 = 100;

/// When to publish.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    Now,
    At(Micros),
}

/// What came of publishing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Published {
    /// None when it was scheduled.
    pub(crate) version: Option<Version>,
    /// What is scheduled now.
    pub(crate) schedule: Option<Schedule>,
    /// Of the draft.
    pub(crate) revision: i64,
}

impl Accounts {
    /// Publishes the draft, if it still is what `etag` stands for, or schedules that.
    pub(crate) async fn publish_homepage(
        &self,
        mutation: &Mutation,
        account_id: &str,
        etag: &str,
        when: When,
        note: &str,
    ) -> Result<Published, Error> {
        let published = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let account = locked(&mut tx, account_id).await?;
            // What was due before comes before.
            self.publish_due(&mut tx, account_id, now).await?;
            let mut draft = seen(&mut tx, &account, etag).await?;
            check(&mut tx, account_id, &draft.draft.homepage()?, "homepage").await?;
            let version = match when {
                When::At(time) => {
                    super::schedule::put(&mut tx, mutation, &mut draft, etag, note, time, now).await?;
                    None
                }
                When::Now => {
                    let version = Version {
                        account_id: account_id.to_owned(),
                        number: draft.last_number + 1,
                        author: mutation.actor(),
                        note: note.to_owned(),
                        publish_time: now.0,
                        restored_number: 0,
                    };
                    let document = draft.draft.clone();
                    self.add_version(&mut tx, &mut draft, &version, &document).await?;
                    Some(version)
                }
            };
            let schedule = store::homepage::schedule::get(&mut tx, account_id).await?;
            let published = Published { version, schedule, revision: draft.revision };
            mutation.finish(tx, &published, now).await?;
            Ok(published)
        })
        .await?;
        self.homepages.forget(account_id);
        self.outbox.wake();
        Ok(published)
    }

    /// Publishes an old version again, as a new one.
    pub(crate) async fn rollback_homepage(
        &self,
        mutation: &Mutation,
        account_id: &str,
        number: i64,
        note: &str,
    ) -> Result<Version, Error> {
        let version = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let account = locked(&mut tx, account_id).await?;
            self.publish_due(&mut tx, account_id, now).await?;
            let document = store::homepage::version::document(&mut tx, account_id, number).await?;
            let document = document.ok_or_else(|| version_not_found(account_id, number))?;
            let mut draft = draft_of(&mut tx, &account).await?;
            let version = Version {
                account_id: account_id.to_owned(),
                number: draft.last_number + 1,
                author: mutation.actor(),
                note: note.to_owned(),
                publish_time: now.0,
                restored_number: number,
            };
            self.add_version(&mut tx, &mut draft, &version, &document).await?;
            mutation.finish(tx, &version, now).await?;
            Ok(version)
        })
        .await?;
        self.homepages.forget(account_id);
        self.outbox.wake();
        Ok(version)
    }

    /// A page of the versions, newest first, and the token of the next.
    pub(crate) async fn list_homepage_versions(
        &self,
        account_id: &str,
        page: &Page<i64>,
    ) -> Result<(Vec<Version>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        self.account_of_homepage(&mut tx, account_id).await?;
        let before = page.after.unwrap_or(i64::MAX);
        let mut found = store::homepage::version::list(&mut tx, account_id, before, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.number)?;
        Ok((found, next))
    }

    /// A version, with what it shows.
    pub(crate) async fn get_homepage_version(
        &self,
        account_id: &str,
        number: i64,
    ) -> Result<(Version, Document), Error> {
        let mut tx = self.db.begin_read().await?;
        let version = store::homepage::version::get(&mut tx, account_id, number).await?;
        let document = store::homepage::version::document(&mut tx, account_id, number).await?;
        version.zip(document).ok_or_else(|| version_not_found(account_id, number))
    }

    /// Adds a version, which users see from now on, and tells of it.
    pub(super) async fn add_version(
        &self,
        tx: &mut Tx,
        draft: &mut Draft,
        version: &Version,
        document: &Document,
    ) -> Result<(), Error> {
        store::homepage::version::insert(tx, version, document).await?;
        store::homepage::version::forget(tx, &version.account_id, version.number - KEPT).await?;
        draft.last_number = version.number;
        store::homepage::save(tx, draft).await?;
        Ok(self.outbox.write(tx, [events::homepage_published(version)]).await?)
    }
}

fn version_not_found(account_id: &str, number: i64) -> Error {
    Error::not_found(&format!("accounts/{account_id}/homepage/versions/{number}"))
}
