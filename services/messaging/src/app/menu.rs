//! The menu below conversations: setting and reading it (M4).

use siyu_proto::accounts::v1::CardKind;
use siyu_rpc::{Error, Mutation};

use crate::{
    Messaging,
    domain::menu::{Action, Menu},
    store::{
        self,
        account_setting::{Document, Stored},
    },
};

impl Document for Menu {
    const KIND: &'static str = "menu";
}

impl Messaging {
    /// Sets the menu of an account that is still as the caller saw it.
    pub(crate) async fn set_menu(
        &self,
        mutation: &Mutation,
        account_id: &str,
        menu: Menu,
        seen: &str,
    ) -> Result<Stored<Menu>, Error> {
        let checked = menu.check(account_id);
        checked.map_err(|(field, rule)| Error::invalid_field(format!("menu.{field}"), rule))?;
        for (path, item) in menu.each() {
            let field = format!("menu.{path}.action");
            match &item.action {
                Some(Action::ShowCard(card)) => {
                    self.accounts.check_card(card, &format!("{field}.card")).await?;
                }
                Some(Action::InviteToGroup(card)) => {
                    let field = format!("{field}.card");
                    if self.accounts.check_card(card, &field).await? != CardKind::GroupInvite {
                        return Err(Error::invalid_field(field, "must be of the kind GROUP_INVITE"));
                    }
                }
                Some(action) => self.check_cards(&action.contents(), &format!("{field}.contents")).await?,
                None => {}
            }
        }
        self.set(mutation, account_id, &format!("accounts/{account_id}/menu"), menu, seen).await
    }

    pub(crate) async fn get_menu(&self, account_id: &str) -> Result<Stored<Menu>, Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::account_setting::get(&mut tx, account_id).await?)
    }
}
