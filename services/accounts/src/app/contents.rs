//! The content registry (A11): the platform announces videos and lives.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::account;
use crate::{
    Accounts,
    domain::content::{ContentKind, ContentState, LiveStep, Notice},
    events,
    store::{
        self,
        content::{Content, Filter},
    },
};

/// The clock of the platform may differ by so much from ours.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(600);

/// What the platform announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewContent {
    pub(crate) kind: ContentKind,
    pub(crate) title: String,
    pub(crate) cover_uri: String,
    pub(crate) topics: Vec<String>,
    pub(crate) advertisement: bool,
    /// When a video was published, when a live is planned to start; none: now.
    pub(crate) content_time: Option<Micros>,
}

/// One field of a content, with its new value.
#[derive(Debug, Clone)]
pub(crate) enum ContentChange {
    Title(String),
    CoverUri(String),
    Topics(Vec<String>),
    Advertisement(bool),
    /// Of a live.
    ScheduledTime(Micros),
}

impl Accounts {
    /// Registers a content under the id that the platform gave it; the same again is answered as it stands.
    pub(crate) async fn register_content(
        &self,
        mutation: &Mutation,
        account_id: &str,
        content_id: &str,
        new: &NewContent,
    ) -> Result<Content, Error> {
        check_title(&new.title)?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let account = store::account::get_for_update(&mut tx, account_id).await?;
            account.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}")))?;
            if let Some(first) = store::content::get(&mut tx, account_id, content_id).await? {
                return if is_same(&first, new) { Ok(first) } else { Err(Error::exists(&first.name())) };
            }
            check_time(new, now)?;
            let content = self.new_content(account_id, content_id, new.clone(), now);
            store::content::insert(&mut tx, &content).await?;
            self.outbox.write(&mut tx, [events::content_is_at(&content)]).await?;
            mutation.finish(tx, &content, now).await?;
            self.outbox.wake();
            Ok(content)
        })
        .await
    }

    fn new_content(&self, account_id: &str, content_id: &str, new: NewContent, now: Micros) -> Content {
        let content_time = new.content_time.unwrap_or(now);
        let heads_up = || self.heads_up(content_time);
        Content {
            account_id: account_id.to_owned(),
            content_id: content_id.to_owned(),
            kind: new.kind,
            state: new.kind.first_state(),
            title: new.title,
            cover_uri: new.cover_uri,
            topics: new.topics,
            advertisement: new.advertisement,
            content_time,
            start_time: None,
            end_time: None,
            notice: (new.kind == ContentKind::Live).then(heads_up),
            revision: 1,
            create_time: now,
            update_time: now,
        }
    }

    fn heads_up(&self, scheduled_time: Micros) -> (Notice, Micros) {
        (Notice::HeadsUp, scheduled_time.minus(self.live_reminder_lead))
    }

    pub(crate) async fn get_content(&self, account_id: &str, content_id: &str) -> Result<Content, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::content::get(&mut tx, account_id, content_id).await?;
        found.ok_or_else(|| Error::not_found(&name_of(account_id, content_id)))
    }

    /// A page of the contents of an account, latest first, and the token of the next.
    pub(crate) async fn list_contents(
        &self,
        account_id: &str,
        filter: &Filter,
        page: &Page<(i64, String)>,
    ) -> Result<(Vec<Content>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        account(&mut tx, account_id).await?;
        let first = (i64::MAX, String::new());
        let before = page.after.as_ref().unwrap_or(&first);
        let mut found = store::content::list(&mut tx, account_id, filter, before, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.content_time.0, last.content_id.clone()))?;
        Ok((found, next))
    }

    /// Changes a content whose state the caller has seen, as `etag` says.
    pub(crate) async fn update_content(
        &self,
        mutation: &Mutation,
        account_id: &str,
        content_id: &str,
        etag: &str,
        changes: &[ContentChange],
    ) -> Result<Content, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut content = locked(&mut tx, account_id, content_id).await?;
            etag::check(etag, content.revision, &content.name())?;
            let planned = content.content_time;
            for change in changes {
                self.apply(change, &mut content, now)?;
            }
            let is_moved = content.content_time != planned;
            if is_moved {
                store::appointment::forget_heads_up(&mut tx, account_id, content_id).await?;
            }
            store_changed(&mut tx, &mut content, now).await?;
            let event =
                if is_moved { events::content_is_at(&content) } else { events::content_updated(&content) };
            self.outbox.write(&mut tx, [event]).await?;
            mutation.finish(tx, &content, now).await?;
            self.outbox.wake();
            Ok(content)
        })
        .await
    }

    fn apply(&self, change: &ContentChange, content: &mut Content, now: Micros) -> Result<(), Error> {
        match change {
            ContentChange::Title(title) => {
                check_title(title)?;
                content.title.clone_from(title);
            }
            ContentChange::CoverUri(cover_uri) => content.cover_uri.clone_from(cover_uri),
            ContentChange::Topics(topics) => content.topics.clone_from(topics),
            ContentChange::Advertisement(advertisement) => content.advertisement = *advertisement,
            ContentChange::ScheduledTime(_) if content.state != ContentState::Scheduled => {
                let state = content.state.name();
                return Err(wrong_state(content, format!("is {state}: it cannot be moved to another time")));
            }
            ContentChange::ScheduledTime(time) => {
                check_scheduled_time(*time, now)?;
                content.content_time = *time;
                content.notice = Some(self.heads_up(*time));
            }
        }
        Ok(())
    }

    /// Starts, ends or cancels a live, now; where that was done before it is answered as it stands.
    pub(crate) async fn step_live(
        &self,
        mutation: &Mutation,
        account_id: &str,
        content_id: &str,
        step: LiveStep,
    ) -> Result<Content, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut content = locked(&mut tx, account_id, content_id).await?;
            let refused = || {
                let what = if content.kind == ContentKind::Video { "a video" } else { content.state.name() };
                wrong_state(&content, format!("is {what}: it cannot {}", step.verb()))
            };
            let state = content.state.after(step).ok_or_else(refused)?;
            if state == content.state {
                return Ok(content);
            }
            content.state = state;
            match step {
                LiveStep::Start => content.start_time = Some(now),
                LiveStep::End | LiveStep::Cancel => content.end_time = Some(now),
            }
            content.notice = match step {
                LiveStep::Start => Some((Notice::Start, now)),
                LiveStep::Cancel => Some((Notice::Cancel, now)),
                // Nobody need hear any more that it has started.
                LiveStep::End => None,
            };
            store_changed(&mut tx, &mut content, now).await?;
            self.outbox.write(&mut tx, [events::content_is_at(&content)]).await?;
            mutation.finish(tx, &content, now).await?;
            self.outbox.wake();
            self.notices.notify_one();
            Ok(content)
        })
        .await
    }
}

fn name_of(account_id: &str, content_id: &str) -> String {
    format!("accounts/{account_id}/contents/{content_id}")
}

/// The content, which nobody else changes until the transaction ends.
pub(super) async fn locked(tx: &mut Tx, account_id: &str, content_id: &str) -> Result<Content, Error> {
    let not_found = || Error::not_found(&name_of(account_id, content_id));
    store::account::get_for_update(tx, account_id).await?.ok_or_else(not_found)?;
    store::content::get(tx, account_id, content_id).await?.ok_or_else(not_found)
}

async fn store_changed(tx: &mut Tx, content: &mut Content, now: Micros) -> Result<(), Error> {
    content.revision += 1;
    content.update_time = now;
    Ok(store::content::update(tx, content).await?)
}

/// Whether a content is what is announced again.
fn is_same(content: &Content, new: &NewContent) -> bool {
    let announced = NewContent {
        kind: content.kind,
        title: content.title.clone(),
        cover_uri: content.cover_uri.clone(),
        topics: content.topics.clone(),
        advertisement: content.advertisement,
        // Without a time it was the time of the first call.
        content_time: new.content_time.map(|_| content.content_time),
    };
    announced == *new
}

fn check_title(title: &str) -> Result<(), Error> {
    super::create::check_display_name("content.title", title)
}

fn check_time(new: &NewContent, now: Micros) -> Result<(), Error> {
    match (new.kind, new.content_time) {
        (ContentKind::Live, Some(time)) => check_scheduled_time(time, now),
        (ContentKind::Live, None) => {
            Err(Error::invalid_field("content.scheduled_time", "must be set for a live"))
        }
        (ContentKind::Video, Some(time)) if time > now.plus(CLOCK_DIFFERENCE) => {
            Err(Error::invalid_field("content.publish_time", "must not be in the future"))
        }
        (ContentKind::Video, _) => Ok(()),
    }
}

fn check_scheduled_time(time: Micros, now: Micros) -> Result<(), Error> {
    if time < now.minus(CLOCK_DIFFERENCE) {
        return Err(Error::invalid_field("content.scheduled_time", "must not be in the past"));
    }
    Ok(())
}

pub(super) fn wrong_state(content: &Content, what: String) -> Error {
    let message = format!("{} {what}", content.name());
    let error = Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message);
    error.with("resource", content.name()).with("state", content.state.name())
}
