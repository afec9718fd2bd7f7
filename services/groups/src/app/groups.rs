//! Groups as the account sets them up (G1, G3).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::{closed, duplicate, existing, live::Said, locked};
use crate::{
    Groups,
    domain::{
        group::{Group, GroupSettings, JoinMode, Purpose, Wrong, name},
        message::Content,
        threshold::Threshold,
    },
    events, store,
};

/// Most groups of an account.
const MOST_GROUPS: i64 = 100_000;
/// Who says what is to be known, in the group.
const ANNOUNCER: &str = "bots/announcement";

/// One field of a group, with its new value.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    DisplayName(String),
    Capacity(i64),
    OpensNext(bool),
    JoinMode(JoinMode),
    Threshold(Threshold),
    Announcement(String),
    Welcome(String),
    Muted(bool),
}

impl Change {
    fn apply(&self, settings: &mut GroupSettings) {
        match self {
            Self::DisplayName(display_name) => settings.display_name.clone_from(display_name),
            Self::Capacity(capacity) => settings.capacity = *capacity,
            Self::OpensNext(opens_next) => settings.opens_next = *opens_next,
            Self::JoinMode(join_mode) => settings.join_mode = *join_mode,
            Self::Threshold(threshold) => settings.threshold = threshold.clone(),
            Self::Announcement(announcement) => settings.announcement.clone_from(announcement),
            Self::Welcome(welcome) => settings.welcome.clone_from(welcome),
            Self::Muted(muted) => settings.muted = *muted,
        }
    }
}

fn invalid((field, rule): Wrong) -> Error {
    Error::invalid_field(format!("group.{field}"), rule)
}

impl Groups {
    /// Creates a group, which is the first of its series.
    pub(crate) async fn create_group(
        &self,
        mutation: &Mutation,
        [account_id, group_id]: [&str; 2],
        purpose: Purpose,
        settings: GroupSettings,
    ) -> Result<Group, Error> {
        settings.check(0).map_err(invalid)?;
        let zone = self.accounts.zone(account_id).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            if store::group::get(&mut tx, account_id, group_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, group_id)));
            }
            if store::group::count(&mut tx, account_id).await? >= MOST_GROUPS {
                return Err(too_many(account_id));
            }
            let mut group = Group::first(account_id, group_id, purpose, settings.clone(), now);
            group.check_time = settings.threshold.next_check(&zone, now);
            self.announce(&mut tx, &mut group, "", now).await?;
            let inserted = store::group::insert(&mut tx, &group).await;
            inserted.map_err(|error| duplicate(error, "the group"))?;
            self.outbox.write(&mut tx, [events::group_created(&group)]).await?;
            mutation.finish(tx, &group, now).await?;
            self.outbox.wake();
            Ok(group)
        })
        .await
    }

    pub(crate) async fn get_group(&self, ids: [&str; 2]) -> Result<Group, Error> {
        let mut tx = self.db.begin_read().await?;
        existing(&mut tx, ids).await
    }

    /// A page of groups by id, and the token of the next.
    pub(crate) async fn list_groups(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Group>, String), Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut groups = store::group::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut groups, |last| last.group_id.clone())?;
        Ok((groups, next))
    }

    /// Changes a group that is still as the caller saw it.
    pub(crate) async fn update_group(
        &self,
        mutation: &Mutation,
        ids: [&str; 2],
        changes: &[Change],
        seen: &str,
    ) -> Result<Group, Error> {
        let zone = self.accounts.zone(ids[0]).await?;
        let (group, said) = retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok((first, None));
            }
            let mut group = locked(&mut tx, ids).await?;
            etag::check(seen, group.revision, &group.name())?;
            if group.closed {
                return Err(closed(&group.name()));
            }
            let before = group.settings.clone();
            for change in changes {
                change.apply(&mut group.settings);
            }
            group.settings.check(group.member_count).map_err(invalid)?;
            if group.settings.threshold != before.threshold {
                group.check_time = group.settings.threshold.next_check(&zone, now);
            }
            group.revision += 1;
            group.update_time = now;
            let said = self.announce(&mut tx, &mut group, &before.announcement, now).await?;
            store::group::update(&mut tx, &group).await?;
            self.outbox.write(&mut tx, [events::group_updated(&group)]).await?;
            mutation.finish(tx, &group, now).await?;
            Ok((group, said))
        })
        .await?;
        self.tell(said);
        Ok(group)
    }

    /// Closes a group for good.
    pub(crate) async fn close_group(&self, mutation: &Mutation, ids: [&str; 2]) -> Result<Group, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut group = locked(&mut tx, ids).await?;
            if group.closed {
                return Ok(group);
            }
            group.closed = true;
            group.check_time = None;
            group.revision += 1;
            group.update_time = now;
            store::group::update(&mut tx, &group).await?;
            self.outbox.write(&mut tx, [events::group_updated(&group)]).await?;
            mutation.finish(tx, &group, now).await?;
            self.outbox.wake();
            Ok(group)
        })
        .await
    }

    /// Says the announcement in a group, which this transaction has locked and stores, where it is not what it was.
    async fn announce(
        &self,
        tx: &mut Tx,
        group: &mut Group,
        before: &str,
        now: Micros,
    ) -> Result<Option<Said>, Error> {
        let announcement = group.settings.announcement.clone();
        if announcement.is_empty() || announcement == before {
            return Ok(None);
        }
        let content = Content { mention_all: true, ..Content::text(&announcement) };
        self.say(tx, group, ANNOUNCER, content, now).await.map(Some)
    }
}

fn too_many(account_id: &str) -> Error {
    let message = format!("accounts/{account_id} has {MOST_GROUPS} groups, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    error.with("limit", MOST_GROUPS.to_string())
}
