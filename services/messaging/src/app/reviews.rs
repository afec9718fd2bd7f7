//! Messages in which words were found, and those that somebody has to look at (M10).

use std::collections::HashMap;

use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, retrying};
use tonic::Code;

use super::{read::conversation, sending::owners};
use crate::{
    Messaging,
    domain::{
        message::{Message, Sender, name},
        review::{Cause, ReviewItem, State, parse_id},
    },
    store::{
        self,
        review::{Hit, ItemPlace},
    },
};

impl Messaging {
    /// A page of hits, newest first, and the token of the next.
    pub(crate) async fn list_moderation_hits(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<Hit>, String), Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let before = page.after.as_deref().unwrap_or(store::review::LAST_ID);
        let mut hits = store::review::list_hits(&mut tx, account_id, before, page.limit()).await?;
        let next = page.finish(&mut hits, |last| last.hit_id.clone())?;
        Ok((hits, next))
    }

    /// A page of review items with their messages, oldest first, and the token of the next.
    pub(crate) async fn list_review_items(
        &self,
        account_id: &str,
        state: Option<State>,
        page: &Page<ItemPlace>,
    ) -> Result<(Vec<(ReviewItem, Option<Message>)>, String), Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.clone().unwrap_or_default();
        let mut items = store::review::list_items(&mut tx, account_id, state, &after, page.limit()).await?;
        let next = page.finish(&mut items, |last| {
            (last.create_time.0, last.user_id.clone(), last.sequence, last.cause.name().to_owned())
        })?;
        let names: Vec<_> =
            items.iter().map(|item| (account_id, item.user_id.as_str(), item.sequence)).collect();
        let messages = store::message::find(&mut tx, &names).await?;
        let messages: HashMap<(String, i64), Message> = messages
            .into_iter()
            .map(|message| ((message.user_id.clone(), message.sequence), message))
            .collect();
        // Two items may be about one message.
        let with_message = |item: ReviewItem| {
            let message = messages.get(&(item.user_id.clone(), item.sequence)).cloned();
            (item, message)
        };
        Ok((items.into_iter().map(with_message).collect(), next))
    }

    /// Decides on a message, once; one that should not be there is taken back.
    pub(crate) async fn decide_review_item(
        &self,
        mutation: &Mutation,
        [account_id, item_id]: [&str; 2],
        state: State,
    ) -> Result<(ReviewItem, Option<Message>), Error> {
        let not_found = || Error::not_found(&format!("accounts/{account_id}/reviewItems/{item_id}"));
        let (cause, sequence, user_id) = parse_id(item_id).ok_or_else(not_found)?;
        let message = (account_id, user_id, sequence);
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            // First: the lock would make the rows of inboxes that nobody knows.
            store::review::item(&mut tx, message, cause).await?.ok_or_else(not_found)?;
            let owners = owners(account_id, user_id);
            let mut inboxes = store::inbox::lock(&mut tx, owners.iter().map(String::as_str)).await?;
            let mut item = store::review::item(&mut tx, message, cause).await?.ok_or_else(not_found)?;
            let found = store::message::find(&mut tx, &[message]).await?.pop();
            if item.state == state {
                return Ok((item, found));
            }
            if item.state != State::Open {
                return Err(decided(&item));
            }
            item.state = state;
            item.decide_time = Some(now);
            item.decider = mutation.actor();
            store::review::decide(&mut tx, &item).await?;
            let is_there = |message: &&Message| state == State::Upheld && message.recall_time.is_none();
            let recalled = match found.as_ref().filter(is_there).cloned() {
                Some(message) => Some(self.take_back(&mut tx, &mut inboxes, message, now).await?),
                None => None,
            };
            mutation.finish(tx, &item, now).await?;
            if let Some(message) = &recalled {
                self.tell_recalled(message);
            }
            Ok((item, recalled.map(|message| Message::clone(&message)).or(found)))
        })
        .await
    }

    /// A user reports a message of the account; once more changes nothing.
    pub(crate) async fn report_message(
        &self,
        ids: [&str; 2],
        sequence: i64,
        comment: &str,
    ) -> Result<(), Error> {
        let [account_id, user_id] = ids;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            conversation(&mut tx, ids).await?;
            let found = store::message::find(&mut tx, &[(account_id, user_id, sequence)]).await?.pop();
            let message = found.ok_or_else(|| Error::not_found(&name(account_id, user_id, sequence)))?;
            if message.sender == Sender::User {
                return Err(Error::invalid_field("sequence", "must be of a message of the account"));
            }
            let item = ReviewItem {
                account_id: account_id.to_owned(),
                user_id: user_id.to_owned(),
                sequence,
                cause: Cause::Report,
                words: Vec::new(),
                comment: comment.to_owned(),
                state: State::Open,
                create_time: now,
                decide_time: None,
                decider: String::new(),
            };
            store::review::insert_items(&mut tx, [&item]).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

fn decided(item: &ReviewItem) -> Error {
    let message = format!("{} was {} before", item.name(), item.state.name());
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message)
}
