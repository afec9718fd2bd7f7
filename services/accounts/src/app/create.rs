use jiff::tz::TimeZone;
use siyu_db::DbError;
use siyu_rpc::{Error, Mutation, retrying};

use super::NewAccount;
use crate::{
    Accounts,
    domain::calendar::{self, Period},
    events,
    store::{self, account::Account, enterprise::Enterprise},
};

const DEFAULT_TIME_ZONE: &str = "Asia/Shanghai";
const DEFAULT_CURRENCY: &str = "CNY";

impl Accounts {
    /// Registers a company under `id`, or under an id of our own when that is empty.
    pub(crate) async fn create_enterprise(
        &self,
        mutation: &Mutation,
        id: String,
        display_name: String,
    ) -> Result<Enterprise, Error> {
        check_display_name("enterprise.display_name", &display_name)?;
        let now = self.clock.now();
        let enterprise_id = if id.is_empty() { self.ids.ulid(now) } else { id };
        let enterprise = Enterprise { enterprise_id, display_name, create_time: now.0 };
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            store::enterprise::insert(&mut tx, &enterprise)
                .await
                .map_err(|error| exists(error, &format!("enterprises/{}", enterprise.enterprise_id)))?;
            mutation.finish(tx, &enterprise, now).await?;
            Ok(enterprise.clone())
        })
        .await
    }

    /// Adds an account to the matrix of a company.
    pub(crate) async fn create_account(
        &self,
        mutation: &Mutation,
        enterprise_id: &str,
        id: String,
        new: NewAccount,
    ) -> Result<Account, Error> {
        check_display_name("account.display_name", &new.display_name)?;
        check_opening_hours(&new.profile.opening_hours)?;
        let time_zone = or_default(new.time_zone, DEFAULT_TIME_ZONE);
        if TimeZone::get(&time_zone).is_err() {
            return Err(Error::invalid_field(
                "account.time_zone",
                "must be an IANA time zone such as Asia/Shanghai",
            ));
        }
        let now = self.clock.now();
        let account = Account {
            account_id: if id.is_empty() { self.ids.ulid(now) } else { id },
            enterprise_id: enterprise_id.to_owned(),
            display_name: new.display_name,
            time_zone,
            currency_code: or_default(new.currency_code, DEFAULT_CURRENCY),
            industry: new.profile.industry,
            persona: new.profile.persona,
            regions: to_json(&new.profile.regions)?,
            opening_hours: to_json(&new.profile.opening_hours)?,
            create_time: now.0,
            update_time: now.0,
            certification_start_time: None,
            certification_expire_time: None,
        };
        retrying(|| async {
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            if store::enterprise::get(&mut tx, enterprise_id).await?.is_none() {
                return Err(Error::not_found(&format!("enterprises/{enterprise_id}")));
            }
            store::account::insert(&mut tx, &account)
                .await
                .map_err(|error| exists(error, &format!("accounts/{}", account.account_id)))?;
            self.outbox.write(&mut tx, [events::account_created(&account)?]).await?;
            mutation.finish(tx, &account, now).await?;
            self.outbox.wake();
            Ok(account.clone())
        })
        .await
    }
}

fn or_default(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}

fn exists(error: DbError, name: &str) -> Error {
    match error {
        DbError::Duplicate { .. } => Error::exists(name),
        other => other.into(),
    }
}

pub(super) fn check_display_name(field: &str, display_name: &str) -> Result<(), Error> {
    if display_name.trim().is_empty() {
        Err(Error::invalid_field(field, "must not be empty"))
    } else {
        Ok(())
    }
}

pub(super) fn check_opening_hours(periods: &[Period]) -> Result<(), Error> {
    match calendar::mistake(periods) {
        Some((place, rule)) => {
            Err(Error::invalid_field(format!("account.profile.opening_hours[{place}]"), rule))
        }
        None => Ok(()),
    }
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::internal)
}
