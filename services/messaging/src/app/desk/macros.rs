//! Macros: making, reading, changing and deleting them (M6).

use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag};
use tonic::Code;

use crate::{
    Messaging,
    domain::desk_macro::{Action, Definition, DeskMacro, name},
    store,
};

/// Most macros of an account.
const MOST_MACROS: i64 = 200;

impl Messaging {
    pub(crate) async fn create_macro(
        &self,
        mutation: &Mutation,
        [account_id, macro_id]: [&str; 2],
        definition: &Definition,
    ) -> Result<DeskMacro, Error> {
        check(definition)?;
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let now = self.clock.now();
            if store::desk_macro::get(&mut tx, account_id, macro_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, macro_id)));
            }
            if store::desk_macro::count(&mut tx, account_id).await? >= MOST_MACROS {
                return Err(too_many(account_id));
            }
            check_replies(&mut tx, account_id, definition).await?;
            let made = DeskMacro {
                account_id: account_id.to_owned(),
                macro_id: macro_id.to_owned(),
                definition: definition.clone(),
                revision: 1,
                create_time: now,
                update_time: now,
            };
            store::desk_macro::save(&mut tx, &made).await?;
            Ok((tx, made))
        })
        .await
    }

    pub(crate) async fn get_macro(&self, [account_id, macro_id]: [&str; 2]) -> Result<DeskMacro, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, macro_id).await
    }

    /// A page of macros by id, and the token of the next.
    pub(crate) async fn list_macros(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<DeskMacro>, String), Error> {
        self.check_account(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut macros = store::desk_macro::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut macros, |last| last.macro_id.clone())?;
        Ok((macros, next))
    }

    /// Makes a macro that is still as the caller saw it do something else.
    pub(crate) async fn update_macro(
        &self,
        mutation: &Mutation,
        [account_id, macro_id]: [&str; 2],
        definition: &Definition,
        seen: &str,
    ) -> Result<DeskMacro, Error> {
        check(definition)?;
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let mut changed = known(&mut tx, account_id, macro_id).await?;
            etag::check(seen, changed.revision, &changed.name())?;
            check_replies(&mut tx, account_id, definition).await?;
            changed.definition = definition.clone();
            changed.revision += 1;
            changed.update_time = self.clock.now();
            store::desk_macro::save(&mut tx, &changed).await?;
            Ok((tx, changed))
        })
        .await
    }

    /// Deletes a macro that is still as the caller saw it.
    pub(crate) async fn delete_macro(
        &self,
        mutation: &Mutation,
        [account_id, macro_id]: [&str; 2],
        seen: &str,
    ) -> Result<(), Error> {
        self.check_account(account_id).await?;
        self.change_desk(mutation, account_id, |mut tx| async move {
            let deleted = known(&mut tx, account_id, macro_id).await?;
            etag::check(seen, deleted.revision, &deleted.name())?;
            store::desk_macro::delete(&mut tx, account_id, macro_id).await?;
            Ok((tx, ()))
        })
        .await
    }
}

async fn known(tx: &mut Tx, account_id: &str, macro_id: &str) -> Result<DeskMacro, Error> {
    let found = store::desk_macro::get(tx, account_id, macro_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, macro_id)))
}

fn check(definition: &Definition) -> Result<(), Error> {
    definition.check().map_err(|(field, rule)| Error::invalid_field(format!("desk_macro.{field}"), rule))
}

/// That there are the canned replies which it sends. One that is deleted later makes it fail where it is run.
async fn check_replies(tx: &mut Tx, account_id: &str, definition: &Definition) -> Result<(), Error> {
    for (place, action) in definition.actions.iter().enumerate() {
        if let Action::SendCannedReply(reply_id) = action
            && store::canned_reply::get(tx, account_id, reply_id).await?.is_none()
        {
            let field = format!("desk_macro.actions[{place}].canned_reply");
            return Err(Error::invalid_field(field, "must be a canned reply of the account"));
        }
    }
    Ok(())
}

fn too_many(account_id: &str) -> Error {
    let message = format!("accounts/{account_id} has {MOST_MACROS} macros, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    error.with("limit", MOST_MACROS.to_string())
}
