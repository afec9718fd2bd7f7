//! Who is in groups, and their roles (G3).

use std::{collections::HashMap, time::Duration};

use siyu_clock::Micros;
use siyu_rpc::{Error, Mutation, Page, retrying};

use super::{existing, existing_member, locked};
use crate::{
    Groups,
    domain::{
        group::Group,
        member::{Member, Role},
    },
    store,
};

/// For how long somebody may be muted.
const LONGEST_MUTE: Duration = Duration::from_secs(365 * 24 * 3600);

impl Groups {
    /// A page of members by user, now or at a time, and the token of the next.
    pub(crate) async fn list_members(
        &self,
        ids: [&str; 2],
        as_of: Option<Micros>,
        page: &Page<String>,
    ) -> Result<(Vec<Member>, String), Error> {
        if as_of.is_some_and(|time| time > self.clock.now()) {
            return Err(Error::invalid_field("as_of", "must not be in the future"));
        }
        let mut tx = self.db.begin_read().await?;
        existing(&mut tx, ids).await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut members = match as_of {
            None => store::member::list(&mut tx, ids, after, page.limit()).await?,
            Some(time) => store::past_member::as_of(&mut tx, ids, time, after, page.limit()).await?,
        };
        let next = page.finish(&mut members, |last| last.user_id.clone())?;
        Ok((members, next))
    }

    /// A page of the groups that a user is in, by account and group, and the token of the next.
    pub(crate) async fn list_memberships(
        &self,
        user_id: &str,
        page: &Page<[String; 2]>,
    ) -> Result<(Vec<(Group, Member)>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_ref().map_or(["", ""], |[account, group]| [account, group]);
        let mut members = store::member::of_user(&mut tx, user_id, after, page.limit()).await?;
        let next = page.finish(&mut members, |last| [last.account_id.clone(), last.group_id.clone()])?;
        let mut groups = HashMap::new();
        for member in &members {
            let ids = [member.account_id.as_str(), member.group_id.as_str()];
            groups.insert(member.name(), existing(&mut tx, ids).await?);
        }
        let membership = |member: Member| Some((groups.remove(&member.name())?, member));
        Ok((members.into_iter().filter_map(membership).collect(), next))
    }

    /// Gives a member another role; whoever owned the group before becomes an admin.
    pub(crate) async fn set_role(
        &self,
        mutation: &Mutation,
        ids: [&str; 3],
        role: Role,
    ) -> Result<Member, Error> {
        let group_ids = [ids[0], ids[1]];
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            locked(&mut tx, group_ids).await?;
            let mut member = existing_member(&mut tx, ids).await?;
            if role == Role::Owner {
                for owner in store::member::of_role(&mut tx, group_ids, Role::Owner).await? {
                    store::member::update(&mut tx, &Member { role: Role::Admin, ..owner }).await?;
                }
            }
            member.role = role;
            store::member::update(&mut tx, &member).await?;
            mutation.finish(tx, &member, now).await?;
            Ok(member)
        })
        .await
    }

    /// Mutes a member for a time, or lets them speak again.
    pub(crate) async fn mute(
        &self,
        mutation: &Mutation,
        ids: [&str; 3],
        duration: Duration,
    ) -> Result<Member, Error> {
        if duration > LONGEST_MUTE {
            return Err(Error::invalid_field("duration", "must be at most 365 days"));
        }
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            locked(&mut tx, [ids[0], ids[1]]).await?;
            let mut member = existing_member(&mut tx, ids).await?;
            member.mute_time = if duration.is_zero() { Micros(0) } else { now.plus(duration) };
            store::member::update(&mut tx, &member).await?;
            mutation.finish(tx, &member, now).await?;
            Ok(member)
        })
        .await
    }
}
