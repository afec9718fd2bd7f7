//! Which fan has which tag: giving, taking, importing, listing (C5).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use siyu_clock::Micros;
use siyu_db::{DbError, Tx};
use siyu_outbox::Outbox;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, retrying};

use super::{
    fans::not_found,
    ingest::Rejected,
    standings::tell_of,
    tags::{Words, known, locked, new_tag},
};
use crate::{
    Crm,
    domain::tag::{MOST_TAGS_OF_FAN, Origin, is_tag_id},
    store::{self, account::Account, fan_tag::Tagged, tag::Tag},
};

/// The tags of some fans, and what a transaction changes of them. It must have the turn of the account.
#[derive(Debug, Default)]
pub(super) struct FanTags {
    /// By ordinal and number of the tag, as it is after the changes.
    held: BTreeMap<i64, BTreeMap<i64, Origin>>,
    given: BTreeMap<(i64, i64), (Origin, String)>,
    taken: BTreeSet<(i64, i64)>,
    /// By number of the tag: how many fans more or fewer have it.
    counts: BTreeMap<i64, i64>,
    /// Ordinals of the fans who have got or lost a tag.
    changed: BTreeSet<i64>,
}

/// What became of one tag for one fan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tagging {
    Changed,
    /// It was so before.
    Unchanged,
    Rejected(Rejected),
}

impl FanTags {
    /// Loads the tags of the fans with the ordinals.
    pub(super) async fn load(
        tx: &mut Tx,
        account_id: &str,
        ordinals: impl IntoIterator<Item = i64>,
    ) -> Result<Self, DbError> {
        let mut tags = Self::default();
        for held in store::fan_tag::of_fans(tx, account_id, ordinals).await? {
            tags.held.entry(held.ordinal).or_default().insert(held.number, held.origin);
        }
        Ok(tags)
    }

    /// How a fan came to a tag; none when they do not have it.
    pub(super) fn origin_of(&self, ordinal: i64, number: i64) -> Option<Origin> {
        self.held.get(&ordinal)?.get(&number).copied()
    }

    /// Gives a tag to a fan. A stronger origin takes the place of a weaker one; the tag is unchanged by that.
    pub(super) fn give(&mut self, ordinal: i64, number: i64, origin: Origin, cause: &str) -> Tagging {
        let held = self.held.entry(ordinal).or_default();
        let before = held.get(&number).copied();
        match before {
            Some(before) if !origin.replaces(before) => return Tagging::Unchanged,
            None if held.len() >= MOST_TAGS_OF_FAN => return Tagging::Rejected(full()),
            _ => {}
        }
        held.insert(number, origin);
        self.given.insert((ordinal, number), (origin, cause.to_owned()));
        self.taken.remove(&(ordinal, number));
        if before.is_some() {
            return Tagging::Unchanged;
        }
        *self.counts.entry(number).or_default() += 1;
        self.changed.insert(ordinal);
        Tagging::Changed
    }

    /// Takes a tag from a fan, however they came to it.
    pub(super) fn take(&mut self, ordinal: i64, number: i64) -> Tagging {
        if self.held.entry(ordinal).or_default().remove(&number).is_none() {
            return Tagging::Unchanged;
        }
        self.given.remove(&(ordinal, number));
        self.taken.insert((ordinal, number));
        *self.counts.entry(number).or_default() -= 1;
        self.changed.insert(ordinal);
        Tagging::Changed
    }

    /// Whether any fan got or lost a tag.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Stores the changes, and tells other services of the fans whose tags are others now.
    pub(super) async fn save(
        &self,
        tx: &mut Tx,
        outbox: &Outbox,
        account_id: &str,
        now: Micros,
    ) -> Result<(), DbError> {
        let given: Vec<_> = self
            .given
            .iter()
            .map(|((ordinal, number), (origin, cause))| (*ordinal, *number, *origin, cause.as_str()))
            .collect();
        let taken: Vec<(i64, i64)> = self.taken.iter().copied().collect();
        let counts: Vec<(i64, i64)> = self
            .counts
            .iter()
            .map(|(number, change)| (*number, *change))
            .filter(|(_, change)| *change != 0)
            .collect();
        store::fan_tag::save(tx, account_id, &given, now).await?;
        store::fan_tag::remove(tx, account_id, &taken).await?;
        store::tag::count_fans(tx, account_id, &counts).await?;
        let changed: Vec<i64> = self.changed.iter().copied().collect();
        store::fan_change::note(tx, account_id, self.changed.iter().copied()).await?;
        tell_of(tx, outbox, account_id, &changed).await
    }
}

/// A tag that a user is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) user_id: String,
    pub(crate) tag_id: String,
    pub(crate) cause: String,
}

impl Crm {
    /// Gives a tag to users, or takes it from them. Answers what became of each, in their order.
    pub(crate) async fn tag_fans(
        &self,
        mutation: &Mutation,
        account_id: &str,
        tag_id: &str,
        user_ids: &[&str],
        give: bool,
    ) -> Result<Vec<Tagging>, Error> {
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let tag = locked(&mut tx, account_id, tag_id).await?;
            let ordinals = ordinals_of(&mut tx, account_id, user_ids).await?;
            let mut tags = FanTags::load(&mut tx, account_id, ordinals.values().copied()).await?;
            let taggings = user_ids.iter().map(|user_id| match ordinals.get(*user_id) {
                None => Tagging::Rejected(unknown("user", &format!("users/{user_id}"))),
                Some(ordinal) if give => tags.give(*ordinal, tag.number, Origin::Manual, ""),
                Some(ordinal) => tags.take(*ordinal, tag.number),
            });
            let taggings = taggings.collect();
            tags.save(&mut tx, &self.outbox, account_id, now).await?;
            mutation.finish(tx, &(), now).await?;
            self.outbox.wake();
            Ok(taggings)
        })
        .await
    }

    /// Gives tags that the account has to users, as an import says. Answers what became of each row, in their order.
    pub(crate) async fn import_fan_tags(
        &self,
        account_id: &str,
        wanted: &[Wanted],
    ) -> Result<Vec<Tagging>, Error> {
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            store::account::lock(&mut tx, account_id).await?;
            let known = tags_by_id(&mut tx, account_id, wanted).await?;
            let taggings =
                assign(&mut tx, &self.outbox, account_id, &known, wanted, Origin::Imported, now).await?;
            tx.commit().await?;
            self.outbox.wake();
            Ok(taggings)
        })
        .await
    }

    /// A page of the tags of a fan by id, and the token of the next.
    pub(crate) async fn list_fan_tags(
        &self,
        account_id: &str,
        user_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Tagged>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let fan = store::fan::get(&mut tx, account_id, user_id).await?;
        let ordinal = fan.ok_or_else(|| not_found(account_id, user_id))?.ordinal;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found =
            store::fan_tag::list_of_fan(&mut tx, account_id, ordinal, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.tag_id.clone())?;
        Ok((found, next))
    }

    /// A page of the fans with a tag by ordinal, and the token of the next.
    pub(crate) async fn list_tagged_fans(
        &self,
        account_id: &str,
        tag_id: &str,
        page: &Page<i64>,
    ) -> Result<(Vec<Tagged>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, tag_id).await?;
        let after = page.after.unwrap_or_default();
        let mut found = store::fan_tag::list_of_tag(&mut tx, account_id, tag_id, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.ordinal)?;
        Ok((found, next))
    }
}

/// Gives tags to users who came with them, in the transaction that has the turn of `account`. A tag that the account does
/// not have is made, as long as it may have more. Answers what became of each, in their order.
pub(super) async fn assign_observed(
    tx: &mut Tx,
    outbox: &Outbox,
    account: &mut Account,
    wanted: &[Wanted],
    now: Micros,
) -> Result<Vec<Tagging>, Error> {
    let mut known = tags_by_id(tx, &account.account_id, wanted).await?;
    let missing: BTreeSet<&str> = wanted
        .iter()
        .map(|wanted| wanted.tag_id.as_str())
        .filter(|tag_id| is_tag_id(tag_id) && !known.contains_key(*tag_id))
        .collect();
    for tag_id in &missing {
        let words =
            Words { display_name: (*tag_id).to_owned(), category: String::new(), description: String::new() };
        match new_tag(tx, account, tag_id, words, now).await {
            Ok(tag) => known.insert(tag.tag_id.clone(), tag),
            Err(error) if error.reason() == ErrorReason::LimitReached => break,
            Err(error) => return Err(error),
        };
    }
    if !missing.is_empty() {
        store::account::save(tx, account).await?;
    }
    assign(tx, outbox, &account.account_id, &known, wanted, Origin::EntryCode, now).await
}

/// Gives tags to users, each judged alone.
async fn assign(
    tx: &mut Tx,
    outbox: &Outbox,
    account_id: &str,
    known: &HashMap<String, Tag>,
    wanted: &[Wanted],
    origin: Origin,
    now: Micros,
) -> Result<Vec<Tagging>, Error> {
    let user_ids: Vec<&str> = wanted.iter().map(|wanted| wanted.user_id.as_str()).collect();
    let ordinals = ordinals_of(tx, account_id, &user_ids).await?;
    let mut tags = FanTags::load(tx, account_id, ordinals.values().copied()).await?;
    let taggings = wanted.iter().map(|Wanted { user_id, tag_id, cause }| {
        let Some(ordinal) = ordinals.get(user_id) else {
            return Tagging::Rejected(unknown("user", &format!("users/{user_id}")));
        };
        match known.get(tag_id) {
            Some(tag) => tags.give(*ordinal, tag.number, origin, cause),
            None => Tagging::Rejected(unknown("tag", tag_id)),
        }
    });
    let taggings = taggings.collect();
    tags.save(tx, outbox, account_id, now).await?;
    Ok(taggings)
}

/// Those of the tags that exist, by id.
async fn tags_by_id(
    tx: &mut Tx,
    account_id: &str,
    wanted: &[Wanted],
) -> Result<HashMap<String, Tag>, DbError> {
    let ids: HashSet<&str> = wanted.iter().map(|wanted| wanted.tag_id.as_str()).collect();
    let found = store::tag::find(tx, account_id, ids).await?;
    Ok(found.into_iter().map(|tag| (tag.tag_id.clone(), tag)).collect())
}

/// The ordinals of those of the users who are known.
async fn ordinals_of(
    tx: &mut Tx,
    account_id: &str,
    user_ids: &[&str],
) -> Result<HashMap<String, i64>, DbError> {
    let distinct: HashSet<&str> = user_ids.iter().copied().collect();
    let fans = store::fan::find_by_user(tx, account_id, distinct).await?;
    Ok(fans.into_iter().map(|fan| (fan.user_id, fan.ordinal)).collect())
}

fn unknown(field: &str, what: &str) -> Rejected {
    let message = format!("{what} is not known to the account");
    Rejected { reason: ErrorReason::ResourceNotFound, field: field.to_owned(), message }
}

fn full() -> Rejected {
    let message = format!("the fan has {MOST_TAGS_OF_FAN} tags, as many as a fan may have");
    Rejected { reason: ErrorReason::LimitReached, field: "user".to_owned(), message }
}
