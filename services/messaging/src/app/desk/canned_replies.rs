//! Replies that agents have at hand (M6).

use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag};
use tonic::Code;

use crate::{
    Messaging,
    domain::canned_reply,
    store::{
        self,
        canned_reply::{CannedReply, name},
    },
};

/// Most replies of an account.
const MOST_REPLIES: i64 = 500;
/// Most characters of a message.
const LONGEST_TEXT: usize = 2_000;

impl Messaging {
    pub(crate) async fn create_canned_reply(
        &self,
        mutation: &Mutation,
        [account_id, reply_id]: [&str; 2],
        text: &str,
    ) -> Result<CannedReply, Error> {
        check(text)?;
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let now = self.clock.now().0;
            if store::canned_reply::get(&mut tx, account_id, reply_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, reply_id)));
            }
            if store::canned_reply::count(&mut tx, account_id).await? >= MOST_REPLIES {
                return Err(too_many(account_id));
            }
            let reply = CannedReply {
                account_id: account_id.to_owned(),
                reply_id: reply_id.to_owned(),
                text: text.to_owned(),
                revision: 1,
                create_time: now,
                update_time: now,
            };
            store::canned_reply::insert(&mut tx, &reply).await?;
            Ok((tx, reply))
        })
        .await
    }

    pub(crate) async fn get_canned_reply(
        &self,
        [account_id, reply_id]: [&str; 2],
    ) -> Result<CannedReply, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, reply_id).await
    }

    /// A page of replies by id, and the token of the next.
    pub(crate) async fn list_canned_replies(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<CannedReply>, String), Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut replies = store::canned_reply::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut replies, |last| last.reply_id.clone())?;
        Ok((replies, next))
    }

    /// Gives a reply that is still as the caller saw it another text.
    pub(crate) async fn update_canned_reply(
        &self,
        mutation: &Mutation,
        [account_id, reply_id]: [&str; 2],
        text: &str,
        seen: &str,
    ) -> Result<CannedReply, Error> {
        check(text)?;
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let mut reply = known(&mut tx, account_id, reply_id).await?;
            etag::check(seen, reply.revision, &reply.name())?;
            reply.text = text.to_owned();
            reply.revision += 1;
            reply.update_time = self.clock.now().0;
            store::canned_reply::update(&mut tx, &reply).await?;
            Ok((tx, reply))
        })
        .await
    }

    /// Deletes a reply that is still as the caller saw it.
    pub(crate) async fn delete_canned_reply(
        &self,
        mutation: &Mutation,
        [account_id, reply_id]: [&str; 2],
        seen: &str,
    ) -> Result<(), Error> {
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let reply = known(&mut tx, account_id, reply_id).await?;
            etag::check(seen, reply.revision, &reply.name())?;
            store::canned_reply::delete(&mut tx, account_id, reply_id).await?;
            Ok((tx, ()))
        })
        .await
    }

    /// What a reply says to a user; `variables` are the names and values that the caller gives.
    pub(crate) async fn render_canned_reply(
        &self,
        ids: [&str; 2],
        user_id: &str,
        variables: &[(String, String)],
    ) -> Result<String, Error> {
        let reply = self.get_canned_reply(ids).await?;
        let account = self.accounts.display_name(ids[0]).await?;
        let value = |name: &str| match name {
            "user" => Some(user_id.to_owned()),
            "account" => Some(account.clone()),
            _ => variables.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone()),
        };
        let rendered = canned_reply::render(&reply.text, value);
        let text = rendered.map_err(|name| {
            Error::invalid_field("variables", format!("must have {name}, which {} asks for", reply.name()))
        })?;
        if text.chars().count() > LONGEST_TEXT {
            let rule = format!("make a text of more than {LONGEST_TEXT} characters");
            return Err(Error::invalid_field("variables", rule));
        }
        Ok(text)
    }
}

async fn known(tx: &mut Tx, account_id: &str, reply_id: &str) -> Result<CannedReply, Error> {
    let found = store::canned_reply::get(tx, account_id, reply_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, reply_id)))
}

fn check(text: &str) -> Result<(), Error> {
    match canned_reply::mistake(text) {
        None => Ok(()),
        Some(wrong) => {
            let wrong: String = wrong.chars().take(32).collect();
            let rule = format!("has no variable after {{{{ but {wrong:?}: write {{{{name}}}}");
            Err(Error::invalid_field("canned_reply.text", rule))
        }
    }
}

fn too_many(account_id: &str) -> Error {
    let message = format!("accounts/{account_id} has {MOST_REPLIES} canned replies, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    error.with("limit", MOST_REPLIES.to_string())
}
