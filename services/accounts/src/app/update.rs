use siyu_rpc::{Error, Mutation, retrying};

use super::{
    Profile,
    create::{check_display_name, check_opening_hours, to_json},
};
use crate::{
    Accounts,
    domain::calendar::Period,
    events,
    store::{self, account::Account},
};

/// One field of an account, with its new value.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    DisplayName(String),
    Industry(String),
    Persona(String),
    Regions(Vec<String>),
    OpeningHours(Vec<Period>),
}

impl Change {
    /// The changes that give an account a whole new profile.
    pub(crate) fn whole_profile(profile: Profile) -> Vec<Self> {
        let Profile { industry, persona, regions, opening_hours } = profile;
        vec![
            Self::Industry(industry),
            Self::Persona(persona),
            Self::Regions(regions),
            Self::OpeningHours(opening_hours),
        ]
    }
}

impl Change {
    /// Makes the change, unless the new value breaks a rule.
    fn apply(&self, account: &mut Account) -> Result<(), Error> {
        match self {
            Self::DisplayName(display_name) => {
                check_display_name("account.display_name", display_name)?;
                account.display_name.clone_from(display_name);
            }
            Self::Industry(industry) => account.industry.clone_from(industry),
            Self::Persona(persona) => account.persona.clone_from(persona),
            Self::Regions(regions) => account.regions = to_json(regions)?,
            Self::OpeningHours(opening_hours) => {
                check_opening_hours(opening_hours)?;
                account.opening_hours = to_json(opening_hours)?;
            }
        }
        Ok(())
    }
}

impl Accounts {
    /// Changes the named fields of an account and leaves all others as they are.
    pub(crate) async fn update_account(
        &self,
        mutation: &Mutation,
        id: &str,
        changes: &[Change],
    ) -> Result<Account, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let found = store::account::get_for_update(&mut tx, id).await?;
            let mut account = found.ok_or_else(|| Error::not_found(&format!("accounts/{id}")))?;
            for change in changes {
                change.apply(&mut account)?;
            }
            account.update_time = now.0;
            store::account::update(&mut tx, &account).await?;
            self.outbox.write(&mut tx, [events::account_updated(&account)?]).await?;
            mutation.finish(tx, &account, now).await?;
            self.outbox.wake();
            Ok(account)
        })
        .await
    }
}
