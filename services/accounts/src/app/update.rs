use siyu_rpc::Error;

use super::{
    Profile,
    create::{check_display_name, check_profile, to_json},
};
use crate::{
    Accounts,
    domain::calendar::Period,
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

impl Accounts {
    /// Changes the named fields of an account and leaves all others as they are.
    pub(crate) async fn update_account(&self, id: &str, changes: Vec<Change>) -> Result<Account, Error> {
        let mut tx = self.db.begin().await?;
        let found = store::account::get_for_update(&mut tx, id).await?;
        let mut account = found.ok_or_else(|| Error::not_found(&format!("accounts/{id}")))?;
        for change in changes {
            match change {
                Change::DisplayName(display_name) => {
                    check_display_name("account.display_name", &display_name)?;
                    account.display_name = display_name;
                }
                Change::Industry(industry) => account.industry = industry,
                Change::Persona(persona) => account.persona = persona,
                Change::Regions(regions) => account.regions = to_json(&regions)?,
                Change::OpeningHours(opening_hours) => {
                    let profile = Profile { opening_hours, ..Profile::default() };
                    check_profile(&profile)?;
                    account.opening_hours = to_json(&profile.opening_hours)?;
                }
            }
        }
        account.update_time = self.clock.now().0;
        store::account::update(&mut tx, &account).await?;
        tx.commit().await?;
        Ok(account)
    }
}
