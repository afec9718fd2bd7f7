//! What accounts have set up, as sending needs it: made ready once for each version, and kept.
//!
//! The version is read with the lock of the account's inbox, and whoever changes a setting counts it up under the same lock: a
//! setting holds for every message that is stored after it, whichever process stores it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use quick_cache::sync::Cache;
use siyu_db::Tx;
use siyu_rpc::Error;

use super::moderating::Moderation;
use crate::{
    domain::{
        desk::DeskRules,
        menu::Menu,
        questionnaire::{MOST_QUESTIONNAIRES, Questionnaires},
        replies::{MOST_RULES, ReplyLimits, ReplyRules},
    },
    store::{self, inbox::Standing},
};

/// Accounts whose settings are kept.
const MOST_KEPT: usize = 10_000;

/// What an account has set up.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) replies: ReplyRules,
    pub(crate) reply_limits: ReplyLimits,
    pub(crate) menu: Menu,
    pub(crate) questionnaires: Questionnaires,
    pub(crate) moderation: Moderation,
    /// Its service desk.
    pub(crate) desk: DeskRules,
}

impl Settings {
    async fn load(tx: &mut Tx, account_id: &str) -> Result<Self, Error> {
        let rules = store::reply_rule::list(tx, account_id, "", MOST_RULES).await?;
        let questionnaires = store::questionnaire::list(tx, account_id, "", MOST_QUESTIONNAIRES).await?;
        Ok(Self {
            questionnaires: Questionnaires::new(questionnaires),
            replies: ReplyRules::compile(rules).map_err(Error::internal)?,
            reply_limits: store::account_setting::get(tx, account_id).await?.document,
            menu: store::account_setting::get(tx, account_id).await?.document,
            moderation: Moderation::load(tx, account_id).await?,
            desk: store::desk::rules(tx, account_id).await?,
        })
    }
}

/// Locks what an account has set up, which this transaction changes. Answers the version of which that becomes part.
pub(super) async fn change(tx: &mut Tx, account_id: &str) -> Result<i64, Error> {
    let owner = format!("accounts/{account_id}");
    let inboxes = store::inbox::lock(tx, [owner.as_str()]).await?;
    store::inbox::settings_changed(tx, &owner).await?;
    Ok(inboxes.get(&owner).map_or(0, |inbox| inbox.settings_version) + 1)
}

/// Settings of accounts, with their versions.
#[derive(Debug)]
pub(crate) struct SettingsCache {
    kept: Cache<String, (i64, Arc<Settings>)>,
}

impl Default for SettingsCache {
    fn default() -> Self {
        Self { kept: Cache::new(MOST_KEPT) }
    }
}

impl SettingsCache {
    /// Those of accounts whose inboxes are locked.
    pub(crate) async fn of(
        &self,
        tx: &mut Tx,
        account_ids: &BTreeSet<&str>,
        inboxes: &BTreeMap<String, Standing>,
    ) -> Result<HashMap<String, Arc<Settings>>, Error> {
        let mut found = HashMap::new();
        for &account_id in account_ids {
            let inbox = inboxes.get(&format!("accounts/{account_id}"));
            let version = inbox.map_or(0, |inbox| inbox.settings_version);
            found.insert(account_id.to_owned(), self.at(tx, account_id, version).await?);
        }
        Ok(found)
    }

    /// Those of one account, as the transaction sees them.
    pub(crate) async fn of_one(&self, tx: &mut Tx, account_id: &str) -> Result<Arc<Settings>, Error> {
        let version = store::inbox::settings_version(tx, &format!("accounts/{account_id}")).await?;
        self.at(tx, account_id, version).await
    }

    async fn at(&self, tx: &mut Tx, account_id: &str, version: i64) -> Result<Arc<Settings>, Error> {
        match self.kept.get(account_id) {
            Some((kept, settings)) if kept == version => Ok(settings),
            _ if version == 0 => Ok(Arc::default()),
            _ => {
                let settings = Arc::new(Settings::load(tx, account_id).await?);
                self.kept.insert(account_id.to_owned(), (version, settings.clone()));
                Ok(settings)
            }
        }
    }
}
