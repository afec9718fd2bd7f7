//! The feed of a fan, made when it is read (S7).

mod audiences;
mod live;
mod report;
mod touching;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Page};

use crate::{
    Subscriptions,
    domain::{push::Push, touch::Touch},
    store::{
        self,
        push_wave::{Candidate, Place},
    },
};

pub use audiences::AudienceCache;
pub(crate) use audiences::Audiences;
pub(crate) use live::{Published, PublishedHearer};
pub(crate) use report::{Report, Unusable};
pub(crate) use touching::{TouchCall, Touching};

/// Waves that are looked at together.
const CANDIDATES: i64 = 200;
/// Accounts whose ordinals the CRM is asked for at once.
const ORDINALS: i64 = 1_000;

/// A push in a feed.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) push: std::sync::Arc<Push>,
    pub(crate) ordinal: u32,
    pub(crate) deliver_time: Micros,
    pub(crate) expire_time: Micros,
    /// What happened before this reading.
    pub(crate) touch: Option<Touch>,
}

impl Item {
    fn place(&self) -> Place {
        Place {
            deliver_time: self.deliver_time.0,
            account_id: self.push.account_id.clone(),
            push_id: self.push.push_id.clone(),
        }
    }
}

/// Before all there is.
fn newest() -> Place {
    Place { deliver_time: i64::MAX, account_id: String::new(), push_id: String::new() }
}

impl Subscriptions {
    /// A page of the feed of a user, newest first, and the token of the next; of one account where `account_id` is not empty.
    /// What is on it is seen by that, unless it is peeked at.
    pub(crate) async fn list_feed(
        &self,
        user_id: &str,
        account_id: &str,
        peek: bool,
        page: &Page<Place>,
    ) -> Result<(Vec<Item>, String), Error> {
        self.learn_ordinals(user_id).await?;
        let now = self.clock.now();
        let after = page.after.clone().unwrap_or_else(newest);
        let most = page.size + 1;
        let mut tx = self.db.begin_read().await?;
        let mut items = self.collect(&mut tx, user_id, account_id, after, now, most).await?;
        drop(tx);
        let next = page.finish(&mut items, Item::place)?;
        if !peek {
            self.see(&items, now).await?;
        }
        Ok((items, next))
    }

    /// Up to `most` items of a feed that stand behind `after`.
    async fn collect(
        &self,
        tx: &mut Tx,
        user_id: &str,
        account_id: &str,
        mut after: Place,
        now: Micros,
        most: usize,
    ) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        while items.len() < most {
            let found = store::push_wave::of_feed(tx, user_id, account_id, now, &after, CANDIDATES).await?;
            let Some(last) = found.last() else { break };
            let is_last = i64::try_from(found.len()).unwrap_or(i64::MAX) < CANDIDATES;
            let Candidate { deliver_time, account_id, push_id, .. } = last.clone();
            after = Place { deliver_time, account_id, push_id };
            for candidate in found {
                if items.len() == most {
                    break;
                }
                items.extend(self.item(tx, candidate).await?);
            }
            if is_last {
                break;
            }
        }
        let keys: Vec<_> = items
            .iter()
            .map(|item: &Item| (item.push.account_id.as_str(), item.push.push_id.as_str(), item.ordinal))
            .collect();
        let touches = store::touch::find(tx, &keys).await?;
        for item in &mut items {
            item.touch = touches.get(&(item.push.account_id.clone(), item.push.push_id.clone())).copied();
        }
        Ok(items)
    }

    /// A wave as an item of the feed, if it reaches the user.
    async fn item(&self, tx: &mut Tx, candidate: Candidate) -> Result<Option<Item>, Error> {
        let Some(ordinal) = candidate.ordinal.and_then(|ordinal| u32::try_from(ordinal).ok()) else {
            return Ok(None);
        };
        let audience = self.audiences.get(tx, &candidate).await?;
        let is_hidden = || !audience.push.service_message && !candidate.opt_out.allows(&audience.push.topic);
        if !audience.fans.contains(ordinal) || is_hidden() {
            return Ok(None);
        }
        Ok(Some(Item {
            push: audience.push.clone(),
            ordinal,
            deliver_time: Micros(candidate.deliver_time),
            expire_time: Micros(candidate.expire_time),
            touch: None,
        }))
    }

    /// Records that items were returned to their user.
    async fn see(&self, items: &[Item], now: Micros) -> Result<(), Error> {
        let unseen: Vec<_> = items.iter().filter(|item| item.touch.is_none()).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let touch = |item: &&Item| (item.push.account_id.clone(), item.push.push_id.clone(), item.ordinal);
        let key = unseen[0].push.account_id.clone();
        self.touching
            .call(&key, TouchCall::Seen { fans: unseen.iter().map(touch).collect(), time: now })
            .await
    }

    /// Asks the CRM which number a user has with the accounts they follow, where that is not known yet. Where it does not
    /// answer, their feed lacks what is new to them, until the next time.
    async fn learn_ordinals(&self, user_id: &str) -> Result<(), Error> {
        let mut tx = self.db.begin_read().await?;
        let unknown = store::following::without_ordinal(&mut tx, user_id, ORDINALS).await?;
        drop(tx);
        if unknown.is_empty() {
            return Ok(());
        }
        let ordinals = match self.fans.ordinals(user_id, &unknown).await {
            Ok(ordinals) => ordinals,
            Err(error) => {
                tracing::debug!(%error, "a feed is read without what the CRM would have told");
                return Ok(());
            }
        };
        if ordinals.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        store::following::set_ordinals(&mut tx, user_id, &ordinals).await?;
        Ok(tx.commit().await?)
    }
}
