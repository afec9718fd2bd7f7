//! The tags of an account: making, listing, changing and deleting them (C5).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::{standings::tell_of, tag_rules::used_by, tiers::log_failure};
use crate::{
    Crm,
    domain::tag::MOST_TAGS,
    store::{self, account::Account, tag::Tag},
};

/// Fans who lose a deleted tag in one transaction.
const CHUNK: i64 = 500;

/// What operators say of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) display_name: String,
    pub(crate) category: String,
    pub(crate) description: String,
}

/// A field of a tag, with its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    DisplayName(String),
    Category(String),
    Description(String),
}

impl Crm {
    /// Makes a tag.
    pub(crate) async fn create_tag(
        &self,
        mutation: &Mutation,
        account_id: &str,
        tag_id: &str,
        words: Words,
    ) -> Result<Tag, Error> {
        check_display_name(&words.display_name)?;
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut account = store::account::lock(&mut tx, account_id).await?;
            if store::tag::get(&mut tx, account_id, tag_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, tag_id)));
            }
            let tag = new_tag(&mut tx, &mut account, tag_id, words.clone(), now).await?;
            store::account::save(&mut tx, &account).await?;
            mutation.finish(tx, &tag, now).await?;
            Ok(tag)
        })
        .await
    }

    pub(crate) async fn get_tag(&self, account_id: &str, tag_id: &str) -> Result<Tag, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, tag_id).await
    }

    /// A page of tags by id, and the token of the next.
    pub(crate) async fn list_tags(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Tag>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut tags = store::tag::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut tags, |last| last.tag_id.clone())?;
        Ok((tags, next))
    }

    /// Changes fields of a tag that is still as the caller saw it.
    pub(crate) async fn update_tag(
        &self,
        mutation: &Mutation,
        account_id: &str,
        tag_id: &str,
        changes: &[Change],
        seen: &str,
    ) -> Result<Tag, Error> {
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut tag = locked(&mut tx, account_id, tag_id).await?;
            etag::check(seen, tag.revision, &name(account_id, tag_id))?;
            for change in changes {
                change.apply(&mut tag)?;
            }
            tag.revision += 1;
            tag.update_time = now.0;
            store::tag::update(&mut tx, account_id, &tag).await?;
            mutation.finish(tx, &tag, now).await?;
            Ok(tag)
        })
        .await
    }

    /// Deletes a tag that is still as the caller saw it. No fan has it from then on; what is stored of that goes with
    /// [`Crm::purge_tags_once`].
    pub(crate) async fn delete_tag(
        &self,
        mutation: &Mutation,
        account_id: &str,
        tag_id: &str,
        seen: &str,
    ) -> Result<(), Error> {
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(()) = mutation.first_answer(&mut tx, now).await? {
                return Ok(());
            }
            let tag = locked(&mut tx, account_id, tag_id).await?;
            etag::check(seen, tag.revision, &name(account_id, tag_id))?;
            if let Some(rule_id) = store::tag_rule::of_tag(&mut tx, account_id, tag.number).await? {
                return Err(used_by(account_id, tag_id, &rule_id));
            }
            store::tag::delete(&mut tx, account_id, &tag).await?;
            mutation.finish(tx, &(), now).await
        })
        .await
    }

    /// Takes deleted tags from a chunk of fans each; answers from how many tags. Call again until it is 0. What fails
    /// for one account is logged and does not keep it from the others.
    pub(crate) async fn purge_tags_once(&self) -> Result<usize, Error> {
        let mut tx = self.db.begin_read().await?;
        let deleted = store::tag::deleted(&mut tx).await?;
        drop(tx);
        let mut purged = 0;
        for (account_id, number) in deleted {
            match self.purge_tag(&account_id, number).await {
                Ok(()) => purged += 1,
                Err(error) => log_failure(&account_id, &error),
            }
        }
        Ok(purged)
    }

    async fn purge_tag(&self, account_id: &str, number: i64) -> Result<(), Error> {
        let _turn = self.turns.take(account_id).await;
        let mut tx = self.db.begin().await?;
        store::account::lock(&mut tx, account_id).await?;
        let ordinals = store::fan_tag::some_of_tag(&mut tx, account_id, number, CHUNK).await?;
        if ordinals.is_empty() {
            store::tag::forget(&mut tx, account_id, number).await?;
        } else {
            let rows: Vec<(i64, i64)> = ordinals.iter().map(|ordinal| (*ordinal, number)).collect();
            store::fan_tag::remove(&mut tx, account_id, &rows).await?;
            store::fan_change::note(&mut tx, account_id, ordinals.iter().copied()).await?;
            tell_of(&mut tx, &self.outbox, account_id, &ordinals).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}

impl Change {
    /// Makes the change, unless the new value breaks a rule.
    fn apply(&self, tag: &mut Tag) -> Result<(), Error> {
        match self {
            Self::DisplayName(display_name) => {
                check_display_name(display_name)?;
                tag.display_name.clone_from(display_name);
            }
            Self::Category(category) => tag.category.clone_from(category),
            Self::Description(description) => tag.description.clone_from(description),
        }
        Ok(())
    }
}

/// Makes a tag that the account, whose turn it is, does not have; the caller saves the account.
pub(super) async fn new_tag(
    tx: &mut Tx,
    account: &mut Account,
    tag_id: &str,
    words: Words,
    now: Micros,
) -> Result<Tag, Error> {
    if store::tag::count(tx, &account.account_id).await? >= MOST_TAGS {
        let message = format!("accounts/{} has {MOST_TAGS} tags, as many as it may have", account.account_id);
        return Err(Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message)
            .with("limit", MOST_TAGS.to_string()));
    }
    account.last_tag += 1;
    let tag = Tag {
        tag_id: tag_id.to_owned(),
        number: account.last_tag,
        display_name: words.display_name,
        category: words.category,
        description: words.description,
        fan_count: 0,
        revision: 1,
        create_time: now.0,
        update_time: now.0,
    };
    store::tag::insert(tx, &account.account_id, &tag).await?;
    Ok(tag)
}

/// The tag, on the turn of its account.
pub(super) async fn locked(tx: &mut Tx, account_id: &str, tag_id: &str) -> Result<Tag, Error> {
    // Before the lock, which would make the row of an account that nobody knows.
    known(tx, account_id, tag_id).await?;
    store::account::lock(tx, account_id).await?;
    known(tx, account_id, tag_id).await
}

pub(super) async fn known(tx: &mut Tx, account_id: &str, tag_id: &str) -> Result<Tag, Error> {
    let found = store::tag::get(tx, account_id, tag_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, tag_id)))
}

fn name(account_id: &str, tag_id: &str) -> String {
    format!("accounts/{account_id}/tags/{tag_id}")
}

fn check_display_name(display_name: &str) -> Result<(), Error> {
    if display_name.trim().is_empty() {
        return Err(Error::invalid_field("tag.display_name", "must not be blank"));
    }
    Ok(())
}
