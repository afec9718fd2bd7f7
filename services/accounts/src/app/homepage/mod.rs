//! Homepages of accounts: the draft that operators work on (A3, A4).

mod kept;
mod mount;
mod page;
mod publish;
mod render;
mod schedule;
mod view;

pub(crate) use publish::When;
pub(crate) use render::Viewer;
pub use view::HomepageCache;
pub(crate) use view::{Homepages, PageHearer, StandingHearer};

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::accounts::v1::Homepage;
use siyu_rpc::{Error, Mutation, etag, retrying};

use super::certification::locked;
use crate::{
    Accounts,
    domain::homepage::{self, template},
    store::{
        self,
        account::Account,
        homepage::{Document, Draft, schedule::Schedule},
    },
};

/// A draft with what is scheduled beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DraftState {
    pub(crate) draft: Draft,
    pub(crate) schedule: Option<Schedule>,
}

/// What the draft is to show.
#[derive(Debug, Clone)]
pub(crate) enum NewContent {
    Homepage(Homepage),
    /// The template of this id.
    Template(String),
}

impl Accounts {
    /// The draft; what is made of the profile, where nobody worked on one yet.
    pub(crate) async fn get_homepage_draft(&self, account_id: &str) -> Result<DraftState, Error> {
        let mut tx = self.db.begin_read().await?;
        let account = self.account_of_homepage(&mut tx, account_id).await?;
        let draft = draft_of(&mut tx, &account).await?;
        let schedule = store::homepage::schedule::get(&mut tx, account_id).await?;
        Ok(DraftState { draft, schedule })
    }

    /// Replaces what the draft shows, if it still is what `etag` stands for.
    pub(crate) async fn update_homepage_draft(
        &self,
        mutation: &Mutation,
        account_id: &str,
        etag: &str,
        content: &NewContent,
    ) -> Result<DraftState, Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let account = locked(&mut tx, account_id).await?;
            let homepage = match content {
                NewContent::Homepage(homepage) => homepage.clone(),
                NewContent::Template(id) => from_template(id, &account)?,
            };
            check(&mut tx, account_id, &homepage, "draft.homepage").await?;
            let mut draft = seen(&mut tx, &account, etag).await?;
            draft.draft = Document::from(&homepage);
            change(&mut draft, mutation, now);
            store::homepage::save(&mut tx, &draft).await?;
            let schedule = store::homepage::schedule::get(&mut tx, account_id).await?;
            let state = DraftState { draft, schedule };
            mutation.finish(tx, &state, now).await?;
            Ok(state)
        })
        .await
    }

    /// The account, which need not be locked.
    pub(crate) async fn account_of_homepage(&self, tx: &mut Tx, account_id: &str) -> Result<Account, Error> {
        let found = store::account::get(tx, account_id).await?;
        found.ok_or_else(|| Error::not_found(&format!("accounts/{account_id}")))
    }
}

/// The draft of an account: what is made of the profile, where nobody worked on one yet.
async fn draft_of(tx: &mut Tx, account: &Account) -> Result<Draft, Error> {
    let stored = store::homepage::get(tx, &account.account_id).await?;
    Ok(stored.unwrap_or_else(|| Draft {
        account_id: account.account_id.clone(),
        draft: Document::from(&template::of_profile(&account.persona)),
        revision: 0,
        author: String::new(),
        update_time: None,
        last_number: 0,
    }))
}

/// The draft, if it still is what `etag` stands for.
async fn seen(tx: &mut Tx, account: &Account, etag: &str) -> Result<Draft, Error> {
    let draft = draft_of(tx, account).await?;
    etag::check(etag, draft.revision, &format!("accounts/{}/homepage/draft", account.account_id))?;
    Ok(draft)
}

/// The draft is changed by whoever calls.
fn change(draft: &mut Draft, mutation: &Mutation, now: Micros) {
    draft.revision += 1;
    draft.author = mutation.actor();
    draft.update_time = Some(now.0);
}

/// Refuses a document that breaks a rule, naming the field that does: `{field}.modules[2].cards[0]`.
async fn check(tx: &mut Tx, account_id: &str, homepage: &Homepage, field: &str) -> Result<(), Error> {
    if let Some(mistake) = homepage::mistake(homepage) {
        let path = match mistake.field.as_str() {
            "" => field.to_owned(),
            below => format!("{field}.{below}"),
        };
        return Err(Error::invalid_field(path, mistake.rule));
    }
    mount::check(tx, account_id, homepage, field).await
}

fn from_template(id: &str, account: &Account) -> Result<Homepage, Error> {
    let template = template::named(id);
    let template = template.ok_or_else(|| Error::not_found(&format!("homepageTemplates/{id}")))?;
    Ok(template.homepage(&account.persona))
}
