//! What users want of accounts: nothing, nothing about some topics, nothing at some hours.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use siyu_db::{DbError, Tx};
use siyu_rpc::{Error, Mutation, etag, retrying};

use crate::{
    Crm,
    domain::reach::quiet_hours::QuietHours,
    events,
    store::{self, bitmap::from_ordinals, reach_preference::Preference},
};

/// Users choose their quiet hours in steps of so many minutes: all who wake at the same time are reached together.
const STEP: i64 = 15;

/// A field of a preference, with its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    OptedOut(bool),
    OptedOutTopics(Vec<String>),
    QuietHours(Option<QuietHours>),
}

impl Crm {
    /// Changes fields of what a user wants, as long as it is still as the caller saw it, and tells other services.
    pub(crate) async fn update_reach_preference(
        &self,
        mutation: &Mutation,
        account_id: &str,
        user_id: &str,
        changes: &[Change],
        seen: &str,
    ) -> Result<Preference, Error> {
        check(changes)?;
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::account::lock(&mut tx, account_id).await?;
            let mut preference = store::reach_preference::get(&mut tx, account_id, user_id).await?;
            let what = format!("the reach preference of users/{user_id} towards accounts/{account_id}");
            etag::check(seen, preference.revision, &what)?;
            for change in changes {
                apply(change, &mut preference);
            }
            preference.revision += 1;
            preference.update_time = Some(now.0);
            store::reach_preference::save(&mut tx, account_id, user_id, &preference).await?;
            let fan = store::fan::get(&mut tx, account_id, user_id).await?;
            let ordinal = fan.map_or(0, |fan| fan.ordinal);
            let event = events::reach_preference_changed(account_id, user_id, ordinal, &preference);
            self.outbox.write(&mut tx, [event]).await?;
            mutation.finish(tx, &preference, now).await?;
            self.outbox.wake();
            Ok(preference)
        })
        .await
    }

    pub(crate) async fn get_reach_preference(
        &self,
        account_id: &str,
        user_id: &str,
    ) -> Result<Preference, Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::reach_preference::get(&mut tx, account_id, user_id).await?)
    }
}

fn apply(change: &Change, preference: &mut Preference) {
    match change {
        Change::OptedOut(opted_out) => preference.opted_out = *opted_out,
        Change::OptedOutTopics(topics) => {
            preference.opted_out_topics.clone_from(topics);
            preference.opted_out_topics.sort();
        }
        Change::QuietHours(quiet_hours) => preference.quiet_hours = *quiet_hours,
    }
}

fn check(changes: &[Change]) -> Result<(), Error> {
    for change in changes {
        if let Change::QuietHours(Some(hours)) = change {
            for (field, minute) in [("start_minute", hours.start_minute), ("end_minute", hours.end_minute)] {
                if minute % STEP != 0 {
                    let field = format!("reach_preference.quiet_hours.{field}");
                    return Err(Error::invalid_field(field, format!("must be a multiple of {STEP}")));
                }
            }
            check_quiet_hours(Some(*hours), "reach_preference.quiet_hours")?;
        }
    }
    Ok(())
}

/// Refuses quiet hours that are no hours; `field` is what they came in.
pub(super) fn check_quiet_hours(quiet_hours: Option<QuietHours>, field: &str) -> Result<(), Error> {
    if quiet_hours.is_some_and(|hours| hours.start_minute == hours.end_minute) {
        return Err(Error::invalid_field(format!("{field}.end_minute"), "must differ from start_minute"));
    }
    Ok(())
}

/// The quiet hours that fans have of their own, each fan once.
pub(super) async fn own_quiet_hours(
    tx: &mut Tx,
    account_id: &str,
) -> Result<Vec<(QuietHours, RoaringBitmap)>, DbError> {
    let mut fans: HashMap<QuietHours, Vec<i64>> = HashMap::new();
    for (quiet_hours, ordinal) in store::reach_preference::quiet(tx, account_id).await? {
        fans.entry(quiet_hours).or_default().push(ordinal);
    }
    fans.into_iter().map(|(quiet_hours, ordinals)| Ok((quiet_hours, from_ordinals(ordinals)?))).collect()
}
