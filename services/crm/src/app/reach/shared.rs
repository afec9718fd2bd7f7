//! How often one user is reached by all enterprises together (C9): what the platform asks, who the fans of an account are over all
//! accounts, and what reached those.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, retrying};

use super::{LONGEST_HOLD, Outgoing};
use crate::{
    Crm,
    domain::reach::{
        Channel, Set,
        caps::{Cap, Touch},
        shared::{Persons, Shared},
    },
    store::{
        self,
        account::Account,
        bitmap::dense,
        shared_reach::{SharedReach, SharedReachPolicy},
        shared_touch::Sender,
    },
};

/// The turn in which messages of all accounts are frozen that count for a cap over all of them: the name of no account.
pub(super) const ALL_ACCOUNTS: &str = "";

/// So many fans get their numbers in one transaction.
const NUMBERED_AT_ONCE: i64 = 10_000;

impl Crm {
    /// Writes what the platform asks of all messages under the next version, in force from `effective_time` on; none: now.
    pub(crate) async fn create_shared_reach_policy(
        &self,
        mutation: &Mutation,
        cap: Option<Cap>,
        effective_time: Option<Micros>,
    ) -> Result<SharedReachPolicy, Error> {
        let _turn = self.turns.take(ALL_ACCOUNTS).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            if effective_time.is_some_and(|time| time < now) {
                let rule = "must not be in the past: what was asked then stays so";
                return Err(Error::invalid_field("shared_reach_policy.effective_time", rule));
            }
            let mut shared = store::shared_reach::lock(&mut tx).await?;
            shared.last_version += 1;
            let new = SharedReachPolicy {
                version: shared.last_version,
                effective_time: Some(effective_time.unwrap_or(now).0),
                cap: cap.clone(),
                create_time: Some(now.0),
            };
            store::shared_reach::insert(&mut tx, &new).await?;
            store::shared_reach::save(&mut tx, &shared).await?;
            mutation.finish(tx, &new, now).await?;
            Ok(new)
        })
        .await
    }

    /// What the platform asks of messages that are sent at a time; none: now.
    pub(crate) async fn get_shared_reach_policy(
        &self,
        time: Option<Micros>,
    ) -> Result<SharedReachPolicy, Error> {
        let time = time.unwrap_or_else(|| self.clock.now());
        let mut tx = self.db.begin_read().await?;
        Ok(store::shared_reach::at(&mut tx, time.0).await?)
    }

    /// Gives all fans of an account their numbers, where anything is counted over all accounts; answers whether it is.
    pub(super) async fn number_fans(&self, account_id: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin_read().await?;
        if store::shared_reach::last_version(&mut tx).await? == 0 {
            return Ok(false);
        }
        let account = store::account::get(&mut tx, account_id).await?;
        drop(tx);
        let mut are_left = account.numbered_ordinal < account.last_ordinal;
        while are_left {
            are_left = self.number_some(account_id).await?;
        }
        Ok(true)
    }

    /// Gives some fans of accounts their numbers that have many without, so that freezing need not; answers of how many
    /// accounts.
    pub(crate) async fn number_fans_once(&self) -> Result<usize, Error> {
        let mut tx = self.db.begin_read().await?;
        if store::shared_reach::last_version(&mut tx).await? == 0 {
            return Ok(0);
        }
        let account_ids = store::account::unnumbered(&mut tx).await?;
        drop(tx);
        for account_id in &account_ids {
            self.number_some(account_id).await?;
        }
        Ok(account_ids.len())
    }

    /// Gives some fans their numbers in a transaction of its own; answers whether there are more.
    async fn number_some(&self, account_id: &str) -> Result<bool, Error> {
        let _turns = self.turns.take_all([account_id, ALL_ACCOUNTS]).await;
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            let mut account = store::account::lock(&mut tx, account_id).await?;
            let mut shared = store::shared_reach::lock(&mut tx).await?;
            let are_left = number(&mut tx, &mut account, &mut shared).await?;
            tx.commit().await?;
            Ok(are_left)
        })
        .await
    }
}

/// Takes the turn of all accounts, in a transaction that has that of one, and sees to it that all fans of that have their numbers.
/// Answers the policy for messages that are sent at `time`. Does nothing where there never was any.
pub(super) async fn take_turn(
    tx: &mut Tx,
    account: &mut Account,
    time: Micros,
) -> Result<Option<SharedReachPolicy>, Error> {
    if store::shared_reach::last_version(tx).await? == 0 {
        return Ok(None);
    }
    let mut shared = store::shared_reach::lock(tx).await?;
    while number(tx, account, &mut shared).await? {}
    Ok(Some(store::shared_reach::at(tx, time.0).await?))
}

/// Gives the next fans of an account their numbers; answers whether there are more.
async fn number(tx: &mut Tx, account: &mut Account, shared: &mut SharedReach) -> Result<bool, Error> {
    let Account { account_id, numbered_ordinal, .. } = &*account;
    let fans = store::fan::users_after(tx, account_id, *numbered_ordinal, NUMBERED_AT_ONCE).await?;
    let Some((last, _)) = fans.last() else { return Ok(false) };
    let last = *last;
    let user_ids: Vec<&str> = fans.iter().map(|(_, user_id)| user_id.as_str()).collect();
    let known: HashMap<String, i64> = store::person::find(tx, &user_ids).await?.into_iter().collect();
    let mut new = Vec::new();
    let mut numbers = Vec::with_capacity(fans.len());
    for (ordinal, user_id) in fans {
        let number = match known.get(&user_id) {
            Some(number) => *number,
            None => {
                shared.last_person += 1;
                new.push((user_id, shared.last_person));
                shared.last_person
            }
        };
        numbers.push((dense(ordinal)?, dense(number)?));
    }
    let ordinals: RoaringBitmap = numbers.iter().map(|(ordinal, _)| *ordinal).collect();
    let mut persons = store::person::pages(tx, account_id, &Persons::pages_of(&ordinals)).await?;
    for (ordinal, number) in numbers {
        persons.set(ordinal, number);
    }
    store::person::insert(tx, &new).await?;
    store::person::save_pages(tx, account_id, &persons).await?;
    account.numbered_ordinal = last;
    store::account::save(tx, account).await?;
    store::shared_reach::save(tx, shared).await?;
    Ok(account.numbered_ordinal < account.last_ordinal)
}

/// The policy by which a message that is sent at `time` counts over all accounts; none where it does not count.
pub(super) async fn policy_at(
    tx: &mut Tx,
    outgoing: &Outgoing,
    time: Micros,
) -> Result<Option<SharedReachPolicy>, Error> {
    if outgoing.is_service || store::shared_reach::last_version(tx).await? == 0 {
        return Ok(None);
    }
    Ok(Some(store::shared_reach::at(tx, time.0).await?))
}

/// Fans of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fans<'a> {
    pub(super) account_id: &'a str,
    pub(super) enterprise_id: &'a str,
    pub(super) ordinals: &'a RoaringBitmap,
}

/// Gathers what decides whom of the fans all enterprises together reach too often for a message that is sent at `time`. The message
/// itself does not count.
pub(super) async fn gather(
    tx: &mut Tx,
    fans: Fans<'_>,
    message: &str,
    policy: SharedReachPolicy,
    time: Micros,
) -> Result<Shared, Error> {
    let pages = Persons::pages_of(fans.ordinals);
    let persons = store::person::pages(tx, fans.account_id, &pages).await?;
    let touches = match &policy.cap {
        Some(cap) => {
            let (after, before) = (time.0 - cap.window, time.0 + LONGEST_HOLD + cap.window);
            store::shared_touch::near(tx, &persons.of(fans.ordinals), after, before, message).await?
        }
        None => Vec::new(),
    };
    Ok(Shared::new(policy.cap, persons, fans.enterprise_id, touches))
}

/// Lets a message that was taken back count for those alone who are left in its sets.
pub(super) async fn keep(
    tx: &mut Tx,
    sender: Sender<'_>,
    channel: Channel,
    kept: &[Set],
) -> Result<(), Error> {
    store::shared_touch::delete(tx, sender.account_id, sender.message).await?;
    let mut touches = Vec::with_capacity(kept.len());
    for set in kept {
        let persons = store::person::pages(tx, sender.account_id, &Persons::pages_of(&set.fans)).await?;
        touches.push(Touch { channel, time: set.deliver_time, fans: persons.of(&set.fans) });
    }
    Ok(store::shared_touch::insert(tx, sender, &touches).await?)
}
