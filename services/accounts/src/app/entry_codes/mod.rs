//! Entry codes (A7): from a package, a store or a poster to the account.

mod draw;
mod scans;

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};

pub(crate) use scans::{ScanCall, Scans};

use super::{account, cards::mountable, collided, create::check_display_name};
use crate::{
    Accounts,
    domain::entry_code::{self, Landing, LandingKind, SHORT_CODE_CHARS},
    store::{self, entry_code::EntryCode},
};

/// What codes have that are made together.
#[derive(Debug, Clone)]
pub(crate) struct NewEntryCode {
    pub(crate) channel: String,
    pub(crate) source_domain: String,
    pub(crate) campaign: String,
    pub(crate) tags: Vec<String>,
    pub(crate) landing: Landing,
    pub(crate) expire_time: Option<Micros>,
}

/// One field of a code, with its new value.
#[derive(Debug, Clone)]
pub(crate) enum EntryCodeChange {
    DisplayName(String),
    Channel(String),
    SourceDomain(String),
    Campaign(String),
    Tags(Vec<String>),
    Landing(Landing),
    ExpireTime(Option<Micros>),
}

impl EntryCodeChange {
    fn apply(self, code: &mut EntryCode) {
        match self {
            Self::DisplayName(display_name) => code.display_name = display_name,
            Self::Channel(channel) => code.channel = channel,
            Self::SourceDomain(source_domain) => code.source_domain = source_domain,
            Self::Campaign(campaign) => code.campaign = campaign,
            Self::Tags(tags) => code.tags = tags,
            Self::Landing(landing) => code.landing = landing,
            Self::ExpireTime(expire_time) => code.expire_time = expire_time,
        }
    }
}

impl Accounts {
    /// Makes a code under `id`, or under an id of our own when that is empty.
    pub(crate) async fn create_entry_code(
        &self,
        mutation: &Mutation,
        account_id: &str,
        id: String,
        display_name: String,
        new: &NewEntryCode,
    ) -> Result<EntryCode, Error> {
        check_display_name("entry_code.display_name", &display_name)?;
        let mut made = self.make_entry_codes(mutation, account_id, &[(id, display_name)], new).await?;
        made.pop().ok_or_else(|| Error::internal("no code was made"))
    }

    /// Makes a code for each of the display names: all of them or none.
    pub(crate) async fn batch_create_entry_codes(
        &self,
        mutation: &Mutation,
        account_id: &str,
        display_names: Vec<String>,
        new: &NewEntryCode,
    ) -> Result<Vec<EntryCode>, Error> {
        for (place, display_name) in display_names.iter().enumerate() {
            check_display_name(&format!("display_names[{place}]"), display_name)?;
        }
        let named: Vec<_> = display_names.into_iter().map(|name| (String::new(), name)).collect();
        self.make_entry_codes(mutation, account_id, &named, new).await
    }

    /// Makes codes, given by id and display name.
    async fn make_entry_codes(
        &self,
        mutation: &Mutation,
        account_id: &str,
        named: &[(String, String)],
        new: &NewEntryCode,
    ) -> Result<Vec<EntryCode>, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            lock(&mut tx, account_id).await?;
            check_expire_time(new.expire_time, now)?;
            check_landing(&mut tx, account_id, &new.landing).await?;
            for (id, _) in named.iter().filter(|(id, _)| !id.is_empty()) {
                if store::entry_code::get(&mut tx, account_id, id).await?.is_some() {
                    return Err(Error::exists(&name_of(account_id, id)));
                }
            }
            let codes: Vec<_> =
                named.iter().map(|(id, name)| self.new_entry_code(account_id, id, name, new, now)).collect();
            // Ids were looked up before: what may be taken is a short code, by a chance of one in 2^50. Another will do.
            store::entry_code::insert(&mut tx, &codes).await.map_err(collided)?;
            mutation.finish(tx, &codes, now).await?;
            Ok(codes)
        })
        .await
    }

    fn new_entry_code(
        &self,
        account_id: &str,
        id: &str,
        display_name: &str,
        new: &NewEntryCode,
        now: Micros,
    ) -> EntryCode {
        let mut random = [0; SHORT_CODE_CHARS];
        self.ids.fill(&mut random);
        EntryCode {
            account_id: account_id.to_owned(),
            entry_code_id: if id.is_empty() { self.ids.ulid(now) } else { id.to_owned() },
            short_code: entry_code::short_code(random),
            display_name: display_name.to_owned(),
            channel: new.channel.clone(),
            source_domain: new.source_domain.clone(),
            campaign: new.campaign.clone(),
            tags: new.tags.clone(),
            landing: new.landing.clone(),
            expire_time: new.expire_time,
            disabled: false,
            scan_count: 0,
            revision: 1,
            create_time: now,
            update_time: now,
        }
    }

    pub(crate) async fn get_entry_code(&self, account_id: &str, id: &str) -> Result<EntryCode, Error> {
        let mut tx = self.db.begin_read().await?;
        let found = store::entry_code::get(&mut tx, account_id, id).await?;
        found.ok_or_else(|| Error::not_found(&name_of(account_id, id)))
    }

    /// A page of the codes of an account, or of a campaign where that is not empty, and the token of the next.
    pub(crate) async fn list_entry_codes(
        &self,
        account_id: &str,
        campaign: &str,
        page: &Page<String>,
    ) -> Result<(Vec<EntryCode>, String), Error> {
        let mut tx = self.db.begin_read().await?;
        account(&mut tx, account_id).await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut found = store::entry_code::list(&mut tx, account_id, after, campaign, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.entry_code_id.clone())?;
        Ok((found, next))
    }

    /// Changes a code whose state the caller has seen, as `etag` says.
    pub(crate) async fn update_entry_code(
        &self,
        mutation: &Mutation,
        account_id: &str,
        id: &str,
        etag: &str,
        changes: &[EntryCodeChange],
    ) -> Result<EntryCode, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut code = locked(&mut tx, account_id, id).await?;
            etag::check(etag, code.revision, &code.name())?;
            for change in changes {
                match change {
                    EntryCodeChange::DisplayName(name) => {
                        check_display_name("entry_code.display_name", name)?
                    }
                    EntryCodeChange::Landing(landing) => check_landing(&mut tx, account_id, landing).await?,
                    EntryCodeChange::ExpireTime(expire_time) => check_expire_time(*expire_time, now)?,
                    _ => {}
                }
                change.clone().apply(&mut code);
            }
            store_changed(&mut tx, &mut code, now).await?;
            mutation.finish(tx, &code, now).await?;
            Ok(code)
        })
        .await
    }

    /// Lets a code lead nowhere from now on.
    pub(crate) async fn disable_entry_code(
        &self,
        mutation: &Mutation,
        account_id: &str,
        id: &str,
    ) -> Result<EntryCode, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            let mut code = locked(&mut tx, account_id, id).await?;
            if !code.disabled {
                code.disabled = true;
                store_changed(&mut tx, &mut code, now).await?;
                mutation.finish(tx, &code, now).await?;
            }
            Ok(code)
        })
        .await
    }
}

fn name_of(account_id: &str, id: &str) -> String {
    format!("accounts/{account_id}/entryCodes/{id}")
}

/// Keeps others from changing the codes of an account until the transaction ends.
async fn lock(tx: &mut Tx, account_id: &str) -> Result<(), Error> {
    let found = store::account::get_for_update(tx, account_id).await?;
    found.map(drop).ok_or_else(|| Error::not_found(&format!("accounts/{account_id}")))
}

/// The code, which nobody else changes until the transaction ends.
async fn locked(tx: &mut Tx, account_id: &str, id: &str) -> Result<EntryCode, Error> {
    let not_found = || Error::not_found(&name_of(account_id, id));
    store::account::get_for_update(tx, account_id).await?.ok_or_else(not_found)?;
    store::entry_code::get(tx, account_id, id).await?.ok_or_else(not_found)
}

async fn store_changed(tx: &mut Tx, code: &mut EntryCode, now: Micros) -> Result<(), Error> {
    code.revision += 1;
    code.update_time = now;
    Ok(store::entry_code::update(tx, code).await?)
}

fn check_expire_time(expire_time: Option<Micros>, now: Micros) -> Result<(), Error> {
    match expire_time {
        Some(end) if end <= now => {
            Err(Error::invalid_field("entry_code.expire_time", format!("must be later than now, {now}")))
        }
        _ => Ok(()),
    }
}

/// A code leads to what there is, in its own account. Groups are not known here: their name alone is checked.
async fn check_landing(tx: &mut Tx, account_id: &str, landing: &Landing) -> Result<(), Error> {
    let field = "entry_code.landing.resource";
    let id = landing.resource_id(account_id).map_err(|rule| Error::invalid_field(field, rule))?;
    match (landing.kind, id) {
        (LandingKind::Card, _) => {
            mountable(tx, account_id, &[(field.to_owned(), &landing.resource)]).await.map(drop)
        }
        (LandingKind::Content, Some(id)) if store::content::get(tx, account_id, id).await?.is_none() => {
            Err(Error::invalid_field(field, format!("{} does not exist", landing.resource)))
        }
        _ => Ok(()),
    }
}
