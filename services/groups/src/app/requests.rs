//! Users who ask to come in, and who decides (G2).

use siyu_rpc::{Error, Mutation, Page, retrying};

use super::{
    existing,
    joining::{check_user, not_met, series_of},
    live::Said,
};
use crate::{
    Groups,
    domain::member::{JoinRequest, Member},
    store,
};

impl Groups {
    /// A page of those who ask, by user, and the token of the next.
    pub(crate) async fn list_join_requests(
        &self,
        ids: [&str; 2],
        page: &Page<String>,
    ) -> Result<(Vec<JoinRequest>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        existing(&mut tx, ids).await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut requests = store::join_request::list(&mut tx, ids, after, page.limit()).await?;
        let next = page.finish(&mut requests, |last| last.user_id.clone())?;
        Ok((requests, next))
    }

    /// Lets somebody in who asks, or does not. Who is let in must meet the threshold now.
    pub(crate) async fn decide(
        &self,
        mutation: &Mutation,
        ids: [&str; 3],
        approve: bool,
    ) -> Result<Option<Member>, Error> {
        let (member, said) = retrying(|| self.try_to_decide(mutation, ids, approve)).await?;
        self.tell(said);
        Ok(member)
    }

    async fn try_to_decide(
        &self,
        mutation: &Mutation,
        ids: [&str; 3],
        approve: bool,
    ) -> Result<(Option<Member>, Option<Said>), Error> {
        let [account_id, group_id, user_id] = ids;
        let asked = self.get_group([account_id, group_id]).await?;
        let threshold = &asked.settings.threshold;
        let missing = match approve {
            true => self.fans.missing(threshold, [account_id, user_id], self.clock.now()).await?,
            false => None,
        };
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if let Some(first) = mutation.first_answer(&mut tx, now).await? {
            return Ok((first, None));
        }
        let found = store::join_request::get(&mut tx, ids).await?;
        let name = || format!("accounts/{account_id}/groups/{group_id}/joinRequests/{user_id}");
        let request = found.ok_or_else(|| Error::not_found(&name()))?;
        if !approve {
            store::join_request::delete(&mut tx, ids).await?;
            mutation.finish(tx, &None::<Member>, now).await?;
            return Ok((None, None));
        }
        let (current, series) = series_of(&mut tx, &asked).await?;
        if let Some(missing) = missing {
            return Err(not_met(&current.name(), user_id, &missing));
        }
        check_user(&mut tx, [account_id, user_id], &series).await?;
        let (member, said) = self.admit_member(&mut tx, &current, &series, &request, now).await?;
        mutation.finish(tx, &Some(&member), now).await?;
        self.outbox.wake();
        Ok((Some(member), said))
    }
}
