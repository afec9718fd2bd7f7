//! How users come into groups (G2).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, retrying};
use siyu_telemetry::names;
use tonic::Code;

use super::{closed, collided, duplicate, live::Said, locked};
use crate::{
    Groups,
    domain::{
        group::{Group, JoinMode},
        member::{JoinRequest, Member, Source},
        message::Content,
    },
    events, store,
};

/// Who greets those who come in.
const GREETER: &str = "bots/welcome";

/// What a user wants who wants into a group.
#[derive(Debug, Clone)]
pub(crate) struct NewJoin {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    pub(crate) user_id: String,
    pub(crate) source: Source,
    pub(crate) inviter: String,
    pub(crate) text: String,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Joined {
    In(Member),
    Asked(JoinRequest),
}

impl Groups {
    /// Lets a user in, or notes that they want in.
    pub(crate) async fn join(&self, mutation: &Mutation, new: &NewJoin) -> Result<Joined, Error> {
        let joined = retrying(|| self.try_to_join(mutation, new)).await;
        let outcome = match &joined {
            Ok((Joined::In(_), _)) => "joined",
            Ok((Joined::Asked(_), _)) => "asked",
            Err(error) => match error.reason() {
                ErrorReason::ConditionNotMet => "condition_not_met",
                ErrorReason::LimitReached => "full",
                ErrorReason::ResourceExists => "again",
                _ => "failed",
            },
        };
        metrics::counter!(names::GROUP_JOINS_TOTAL, "outcome" => outcome).increment(1);
        let (joined, said) = joined?;
        self.tell(said);
        Ok(joined)
    }

    async fn try_to_join(&self, mutation: &Mutation, new: &NewJoin) -> Result<(Joined, Option<Said>), Error> {
        let (account_id, user_id) = (new.account_id.as_str(), new.user_id.as_str());
        let ids = [account_id, new.group_id.as_str()];
        // Asked before the transaction begins, and looked at again inside.
        let asked = self.get_group(ids).await?;
        let missing =
            self.fans.missing(&asked.settings.threshold, [account_id, user_id], self.clock.now()).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if let Some(first) = mutation.first_answer(&mut tx, now).await? {
            return Ok((first, None));
        }
        let (current, series) = series_of(&mut tx, &asked).await?;
        self.check_joinable(&mut tx, &current, &series, new).await?;
        if let Some(missing) = missing {
            return Err(not_met(&current.name(), user_id, &missing));
        }
        let request = JoinRequest {
            account_id: new.account_id.clone(),
            group_id: new.group_id.clone(),
            user_id: new.user_id.clone(),
            text: new.text.clone(),
            source: new.source,
            inviter: new.inviter.clone(),
            create_time: now,
        };
        if current.settings.join_mode == JoinMode::Approval {
            store::join_request::save(&mut tx, &request).await?;
            let asked = Joined::Asked(request);
            mutation.finish(tx, &asked, now).await?;
            return Ok((asked, None));
        }
        let (member, said) = self.admit_member(&mut tx, &current, &series, &request, now).await?;
        let joined = Joined::In(member);
        mutation.finish(tx, &joined, now).await?;
        self.outbox.wake();
        Ok((joined, said))
    }

    /// Whether a user may come in at all, whatever the threshold says.
    async fn check_joinable(
        &self,
        tx: &mut Tx,
        group: &Group,
        series: &[Group],
        new: &NewJoin,
    ) -> Result<(), Error> {
        let (account_id, user_id) = (new.account_id.as_str(), new.user_id.as_str());
        if group.closed {
            return Err(closed(&group.name()));
        }
        check_user(tx, [account_id, user_id], series).await?;
        if new.inviter.is_empty() {
            return match group.settings.join_mode {
                JoinMode::Invitation => {
                    Err(Error::invalid_field("inviter", "must be set: members of this group invite others"))
                }
                JoinMode::Open | JoinMode::Approval => Ok(()),
            };
        }
        let inviter = [account_id, group.group_id.as_str(), new.inviter.as_str()];
        match store::member::find(tx, [inviter]).await?.pop() {
            Some(_) => Ok(()),
            None => Err(Error::invalid_field("inviter", format!("must be a member of {}", group.name()))),
        }
    }

    /// Lets a user in who may come in, in a transaction that has locked the series: into the group, or, where that is full, into
    /// the next of its series that has room. Answers also what is to be told after the commit.
    pub(super) async fn admit_member(
        &self,
        tx: &mut Tx,
        wanted: &Group,
        series: &[Group],
        request: &JoinRequest,
        now: Micros,
    ) -> Result<(Member, Option<Said>), Error> {
        let account_id = wanted.account_id.as_str();
        let mut group = match with_room(wanted, series) {
            Some(group) => locked(tx, [account_id, &group.group_id]).await?,
            None => self.open_next(tx, wanted, series, now).await?,
        };
        if group.closed {
            return Err(collided(&group.name()));
        }
        let member = request.admitted(&group.group_id, group.last_sequence, now);
        let inserted = store::member::insert(tx, &member).await;
        inserted.map_err(|error| duplicate(error, &member.name()))?;
        store::join_request::delete(tx, [account_id, &wanted.group_id, &member.user_id]).await?;
        group.member_count += 1;
        let said = self.greet(tx, &mut group, &member, now).await?;
        store::group::update(tx, &group).await?;
        self.outbox.write(tx, [events::member_joined(&member)]).await?;
        Ok((member, said))
    }

    /// Opens the group that follows the last of a series.
    async fn open_next(
        &self,
        tx: &mut Tx,
        wanted: &Group,
        series: &[Group],
        now: Micros,
    ) -> Result<Group, Error> {
        if !wanted.settings.opens_next {
            return Err(full(&wanted.name(), wanted.settings.capacity));
        }
        let mut next = series.last().unwrap_or(wanted).next(now);
        // The account may have called another group so.
        while store::group::get(tx, &next.account_id, &next.group_id).await?.is_some() {
            next = next.next(now);
        }
        next.settings = wanted.settings.clone();
        next.check_time = wanted.check_time;
        store::group::insert(tx, &next).await?;
        self.outbox.write(tx, [events::group_created(&next)]).await?;
        metrics::counter!(names::GROUPS_OPENED_TOTAL).increment(1);
        Ok(next)
    }

    /// Greets whoever came in, in a group that this transaction has locked and stores.
    async fn greet(
        &self,
        tx: &mut Tx,
        group: &mut Group,
        member: &Member,
        now: Micros,
    ) -> Result<Option<Said>, Error> {
        if group.settings.welcome.is_empty() {
            return Ok(None);
        }
        let welcome = Content::text(&group.settings.welcome);
        let content = Content { mentions: vec![member.user_id.clone()], ..welcome };
        self.say(tx, group, GREETER, content, now).await.map(Some)
    }
}

/// A group that was looked at before, and its series, first to last, as they are now. Who wants into one of the series waits
/// here until the transaction ends: nobody finds a place that another has just taken.
pub(super) async fn series_of(tx: &mut Tx, asked: &Group) -> Result<(Group, Vec<Group>), Error> {
    let (account_id, group_id) = (asked.account_id.as_str(), asked.group_id.as_str());
    locked(tx, [account_id, &asked.series_id]).await?;
    let series = store::group::of_series(tx, account_id, &asked.series_id).await?;
    let current = series.iter().find(|group| group.group_id == group_id).cloned();
    let current = current.ok_or_else(|| Error::not_found(&asked.name()))?;
    if current.settings.threshold != asked.settings.threshold {
        return Err(collided("the threshold"));
    }
    Ok((current, series))
}

/// Whether a user is not blocked, and in no group of the series yet.
pub(super) async fn check_user(
    tx: &mut Tx,
    [account_id, user_id]: [&str; 2],
    series: &[Group],
) -> Result<(), Error> {
    if store::blocked::get(tx, account_id, user_id).await?.is_some() {
        return Err(blocked(account_id, user_id));
    }
    let is_in_series = |id: &str| series.iter().any(|group| group.group_id == id);
    let memberships = store::member::of_user_in_account(tx, user_id, account_id).await?;
    match memberships.iter().find(|membership| is_in_series(&membership.group_id)) {
        Some(membership) => Err(Error::exists(&membership.name())),
        None => Ok(()),
    }
}

/// The first group from the wanted one on that has room; none where all are full. One that opens no next stands for itself.
fn with_room<'a>(wanted: &'a Group, series: &'a [Group]) -> Option<&'a Group> {
    if !wanted.is_full() {
        return Some(wanted);
    }
    let later = |group: &&Group| group.series_number > wanted.series_number;
    let has_room = |group: &&Group| !group.is_full() && !group.closed;
    let mut later = series.iter().filter(later);
    if wanted.settings.opens_next { later.find(has_room) } else { None }
}

/// What a user lacks.
pub(super) fn not_met(group: &str, user_id: &str, missing: &str) -> Error {
    let message = format!("{group}: users/{user_id} must {missing}");
    Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message)
        .with("resource", group)
        .with("condition", missing)
}

fn blocked(account_id: &str, user_id: &str) -> Error {
    let message = format!("users/{user_id} is blocked in the groups of accounts/{account_id}");
    Error::new(Code::FailedPrecondition, ErrorReason::ConditionNotMet, message)
        .with("resource", format!("accounts/{account_id}/blockedMembers/{user_id}"))
}

fn full(group: &str, capacity: i64) -> Error {
    let message = format!("{group} is full: it has {capacity} members, and opens no other group");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    error.with("resource", group).with("limit", capacity.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        group::{GroupSettings, Purpose},
        threshold::Threshold,
    };

    fn series(counts: &[i64], opens_next: bool) -> Vec<Group> {
        let settings = GroupSettings {
            display_name: "Fans".to_owned(),
            capacity: 2,
            opens_next,
            join_mode: JoinMode::Open,
            threshold: Threshold::default(),
            announcement: String::new(),
            welcome: String::new(),
            muted: false,
        };
        let mut groups = vec![Group::first("shop", "fans", Purpose::Push, settings, Micros(0))];
        while groups.len() < counts.len() {
            groups.push(groups[groups.len() - 1].next(Micros(0)));
        }
        for (group, count) in groups.iter_mut().zip(counts) {
            group.member_count = *count;
        }
        groups
    }

    #[test]
    fn the_next_with_room_takes_in_who_finds_a_group_full() {
        let place = |counts: &[i64], wanted: usize, opens_next| {
            let groups = series(counts, opens_next);
            with_room(&groups[wanted], &groups).map(|group| group.series_number)
        };
        assert_eq!(place(&[1, 0], 0, true), Some(1));
        assert_eq!(place(&[2, 2, 1, 0], 0, true), Some(3));
        // One that was left again is no place for who wants into a later one.
        assert_eq!(place(&[1, 2, 2], 1, true), None);
        assert_eq!(place(&[2, 0], 0, false), None);
    }
}
