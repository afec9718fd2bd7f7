//! Segments: filters over fans, by name (C6).

use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::{check_tags, missing_tag, parse};
use crate::{
    Crm,
    domain::filter::Filter,
    store::{self, segment::Segment},
};

/// Most segments of an account.
const MOST_SEGMENTS: i64 = 1_000;
/// Field that a filter comes in.
const FILTER: &str = "segment.filter";

/// A field of a segment, with its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    DisplayName(String),
    Description(String),
    Filter(String),
}

impl Crm {
    /// Makes a segment. Its revision and times do not matter.
    pub(crate) async fn create_segment(
        &self,
        mutation: &Mutation,
        account_id: &str,
        segment: Segment,
    ) -> Result<Segment, Error> {
        check_display_name(&segment.display_name)?;
        let filter = parse(FILTER, &segment.filter)?;
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::account::lock(&mut tx, account_id).await?;
            if store::segment::get(&mut tx, account_id, &segment.segment_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, &segment.segment_id)));
            }
            check_count(&mut tx, account_id).await?;
            check_tags(&mut tx, account_id, FILTER, &filter).await?;
            let made = Segment { revision: 1, create_time: now.0, update_time: now.0, ..segment.clone() };
            store::segment::insert(&mut tx, account_id, &made).await?;
            mutation.finish(tx, &made, now).await?;
            Ok(made)
        })
        .await
    }

    pub(crate) async fn get_segment(&self, account_id: &str, segment_id: &str) -> Result<Segment, Error> {
        let mut tx = self.db.begin_read().await?;
        one(&mut tx, account_id, segment_id).await
    }

    /// The filter of a segment, as it is now.
    pub(crate) async fn filter_of_segment(
        &self,
        account_id: &str,
        segment_id: &str,
    ) -> Result<Filter, Error> {
        let mut tx = self.db.begin_read().await?;
        let segment = one(&mut tx, account_id, segment_id).await?;
        let name = name(account_id, segment_id);
        let broken = |why: String| {
            let message = format!("the filter of {name} {why}");
            Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("resource", &name)
        };
        let filter = Filter::parse(&segment.filter);
        let filter = filter.map_err(|mistake| broken(format!("cannot be read: {mistake}")))?;
        match missing_tag(&mut tx, account_id, &filter).await? {
            Some(why) => Err(broken(why)),
            None => Ok(filter),
        }
    }

    /// A page of segments by id, and the token of the next.
    pub(crate) async fn list_segments(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Segment>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut segments = store::segment::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut segments, |last| last.segment_id.clone())?;
        Ok((segments, next))
    }

    /// Changes fields of a segment that is still as the caller saw it.
    pub(crate) async fn update_segment(
        &self,
        mutation: &Mutation,
        account_id: &str,
        segment_id: &str,
        changes: &[Change],
        seen: &str,
    ) -> Result<Segment, Error> {
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut segment = locked(&mut tx, account_id, segment_id).await?;
            etag::check(seen, segment.revision, &name(account_id, segment_id))?;
            for change in changes {
                match change {
                    Change::DisplayName(display_name) => {
                        check_display_name(display_name)?;
                        segment.display_name.clone_from(display_name);
                    }
                    Change::Description(description) => segment.description.clone_from(description),
                    Change::Filter(filter) => {
                        check_tags(&mut tx, account_id, FILTER, &parse(FILTER, filter)?).await?;
                        segment.filter.clone_from(filter);
                    }
                }
            }
            segment.revision += 1;
            segment.update_time = now.0;
            store::segment::update(&mut tx, account_id, &segment).await?;
            mutation.finish(tx, &segment, now).await?;
            Ok(segment)
        })
        .await
    }

    /// Deletes a segment that is still as the caller saw it.
    pub(crate) async fn delete_segment(
        &self,
        mutation: &Mutation,
        account_id: &str,
        segment_id: &str,
        seen: &str,
    ) -> Result<(), Error> {
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(()) = mutation.first_answer(&mut tx, now).await? {
                return Ok(());
            }
            let segment = locked(&mut tx, account_id, segment_id).await?;
            etag::check(seen, segment.revision, &name(account_id, segment_id))?;
            store::segment::delete(&mut tx, account_id, segment_id).await?;
            mutation.finish(tx, &(), now).await
        })
        .await
    }
}

fn name(account_id: &str, segment_id: &str) -> String {
    format!("accounts/{account_id}/segments/{segment_id}")
}

async fn one(tx: &mut Tx, account_id: &str, segment_id: &str) -> Result<Segment, Error> {
    let found = store::segment::get(tx, account_id, segment_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, segment_id)))
}

/// The segment, on the turn of its account.
async fn locked(tx: &mut Tx, account_id: &str, segment_id: &str) -> Result<Segment, Error> {
    // Before the lock, which would make the row of an account that nobody knows.
    one(tx, account_id, segment_id).await?;
    store::account::lock(tx, account_id).await?;
    one(tx, account_id, segment_id).await
}

fn check_display_name(display_name: &str) -> Result<(), Error> {
    if display_name.trim().is_empty() {
        return Err(Error::invalid_field("segment.display_name", "must not be blank"));
    }
    Ok(())
}

async fn check_count(tx: &mut Tx, account_id: &str) -> Result<(), Error> {
    if store::segment::count(tx, account_id).await? < MOST_SEGMENTS {
        return Ok(());
    }
    let message = format!("accounts/{account_id} has {MOST_SEGMENTS} segments, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    Err(error.with("limit", MOST_SEGMENTS.to_string()))
}
