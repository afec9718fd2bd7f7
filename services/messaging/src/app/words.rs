//! Lists of words, and users who cannot write (M10).

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, retrying};
use tonic::Code;

use super::moderating::PLATFORM;
use crate::{
    Messaging,
    domain::moderation::{MOST_WORDS, Matching, WordAction},
    store::{
        self,
        moderation::{BlockedUser, Word},
    },
};

/// Most users whom an account blocks.
const MOST_BLOCKED: i64 = 10_000;

/// Whose list it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ListOwner<'a> {
    Platform,
    Account(&'a str),
}

impl ListOwner<'_> {
    fn name(self) -> String {
        match self {
            Self::Platform => PLATFORM.to_owned(),
            Self::Account(account_id) => format!("accounts/{account_id}"),
        }
    }
}

impl Messaging {
    /// Adds words to a list, or gives them another action; answers how many it then has.
    pub(crate) async fn add_words(
        &self,
        mutation: &Mutation,
        owner: ListOwner<'_>,
        words: &BTreeMap<String, WordAction>,
    ) -> Result<i64, Error> {
        self.check_owner(owner).await?;
        let owner = owner.name();
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.change_settings(&owner).await?;
            let matching = store::moderation::matching(&mut tx, &owner).await?;
            if let Some(word) = words.keys().find(|word| !matching.can_find(word)) {
                let rule =
                    format!("{word:?} has neither letter nor digit, and the list is looked for across such");
                return Err(Error::invalid_field("words", rule));
            }
            let added = words.iter().map(|(word, action)| (word.as_str(), *action));
            store::moderation::add_words(&mut tx, &owner, added, now).await?;
            let count = store::moderation::count_words(&mut tx, &owner).await?;
            if count > MOST_WORDS {
                return Err(limit_reached(&format!("{owner} would have {count} words"), MOST_WORDS));
            }
            mutation.finish(tx, &count, now).await?;
            Ok(count)
        })
        .await
    }

    /// Takes words from a list; answers how many it then has.
    pub(crate) async fn remove_words(
        &self,
        mutation: &Mutation,
        owner: ListOwner<'_>,
        words: &[String],
    ) -> Result<i64, Error> {
        self.check_owner(owner).await?;
        let owner = owner.name();
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.change_settings(&owner).await?;
            store::moderation::remove_words(&mut tx, &owner, words).await?;
            let count = store::moderation::count_words(&mut tx, &owner).await?;
            mutation.finish(tx, &count, now).await?;
            Ok(count)
        })
        .await
    }

    /// A page of words, how they are looked for, and the token of the next page.
    pub(crate) async fn list_words(
        &self,
        owner: ListOwner<'_>,
        page: &Page<String>,
    ) -> Result<(Vec<Word>, Matching, String), Error> {
        self.check_owner(owner).await?;
        let owner = owner.name();
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut words = store::moderation::list_words(&mut tx, &owner, after, page.limit()).await?;
        let next = page.finish(&mut words, |last| last.text.clone())?;
        Ok((words, store::moderation::matching(&mut tx, &owner).await?, next))
    }

    /// Sets how the words of a list are looked for.
    pub(crate) async fn update_word_matching(
        &self,
        mutation: &Mutation,
        owner: ListOwner<'_>,
        matching: Matching,
    ) -> Result<(), Error> {
        self.check_owner(owner).await?;
        let owner = owner.name();
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.change_settings(&owner).await?;
            store::moderation::set_matching(&mut tx, &owner, matching).await?;
            mutation.finish(tx, &(), now).await
        })
        .await
    }

    /// A user cannot write to the account any more.
    pub(crate) async fn block_user(
        &self,
        mutation: &Mutation,
        [account_id, user_id]: [&str; 2],
        reason: &str,
    ) -> Result<BlockedUser, Error> {
        self.check_account(account_id).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.change_settings(&format!("accounts/{account_id}")).await?;
            if let Some(blocked) = store::moderation::blocked(&mut tx, account_id, user_id).await? {
                return Ok(blocked);
            }
            if store::moderation::count_blocked(&mut tx, account_id).await? >= MOST_BLOCKED {
                return Err(limit_reached(
                    &format!("accounts/{account_id} blocks too many users"),
                    MOST_BLOCKED,
                ));
            }
            let blocked = BlockedUser {
                account_id: account_id.to_owned(),
                user_id: user_id.to_owned(),
                reason: reason.to_owned(),
                author: mutation.actor(),
                create_time: now.0,
            };
            store::moderation::block(&mut tx, &blocked).await?;
            mutation.finish(tx, &(), now).await?;
            Ok(blocked)
        })
        .await
    }

    /// A user can write to the account again.
    pub(crate) async fn unblock_user(
        &self,
        mutation: &Mutation,
        [account_id, user_id]: [&str; 2],
    ) -> Result<(), Error> {
        self.check_account(account_id).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.change_settings(&format!("accounts/{account_id}")).await?;
            store::moderation::unblock(&mut tx, account_id, user_id).await?;
            mutation.finish(tx, &(), now).await
        })
        .await
    }

    /// A page of users who cannot write to the account, and the token of the next.
    pub(crate) async fn list_blocked_users(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<BlockedUser>, String), Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut blocked = store::moderation::list_blocked(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut blocked, |last| last.user_id.clone())?;
        Ok((blocked, next))
    }

    async fn check_owner(&self, owner: ListOwner<'_>) -> Result<(), Error> {
        match owner {
            ListOwner::Platform => Ok(()),
            ListOwner::Account(account_id) => self.check_account(account_id).await,
        }
    }

    /// A transaction that changes what an owner has set up: it holds for all messages that are stored after it.
    async fn change_settings(&self, owner: &str) -> Result<Tx, Error> {
        let mut tx = self.db.begin().await?;
        store::inbox::lock(&mut tx, [owner]).await?;
        store::inbox::settings_changed(&mut tx, owner).await?;
        Ok(tx)
    }
}

fn limit_reached(what: &str, limit: i64) -> Error {
    let message = format!("{what}: {limit} are as many as there may be");
    Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message).with("limit", limit.to_string())
}

/// When a user was blocked.
impl BlockedUser {
    pub(crate) fn time(&self) -> Micros {
        Micros(self.create_time)
    }
}
