//! Homepages as users see them (A5).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use prost::Name;
use siyu_clock::Micros;
use siyu_outbox::{Hearer, StoredEvent};
use siyu_proto::{
    accounts::v1::{EntranceKind, HomepageView},
    crm::v1::{FansChanged, InteractionsObserved},
};
use siyu_rpc::Error;
use tokio::time::timeout;

use super::{
    draft_of,
    kept::Kept,
    page::Page,
    render::{Viewer, render},
};
use crate::{
    Accounts,
    domain::{homepage::template, standing::Standing},
    store,
};

/// How long the CRM may take to say where a viewer stands. A homepage is there at once, or it is left.
const STANDING_LIMIT: Duration = Duration::from_millis(500);

/// How homepages are kept in memory.
#[derive(Debug, Clone, Copy)]
pub struct HomepageCache {
    /// Most bytes of pages, and as many of where viewers stand.
    pub most_bytes: u64,
    /// How long what is kept is used at most. Events end that earlier; this is for those that are late.
    pub time_to_live: Duration,
}

/// What is kept in memory of homepages and their viewers.
#[derive(Debug)]
pub(crate) struct Homepages {
    /// The entrances behind which there is another service.
    installed: Vec<EntranceKind>,
    /// By `accounts/{account}`.
    pages: Kept<Arc<Page>>,
    /// By `accounts/{account}/fans/{user}`.
    standings: Kept<Arc<Standing>>,
}

impl Homepages {
    pub(crate) fn new(cache: HomepageCache, installed: Vec<EntranceKind>) -> Self {
        Self {
            installed,
            pages: Kept::new("pages", cache.most_bytes, cache.time_to_live),
            standings: Kept::new("standings", cache.most_bytes, cache.time_to_live),
        }
    }

    /// What an account shows has changed.
    pub(crate) fn forget(&self, account_id: &str) {
        self.pages.forget(&format!("accounts/{account_id}"));
    }
}

/// Forgets pages when something happens to their accounts.
#[derive(Debug)]
pub(crate) struct PageHearer(pub(crate) Arc<Homepages>);

impl Hearer for PageHearer {
    fn start_over(&self) {
        self.0.pages.forget_all();
    }

    fn hear(&self, event: &StoredEvent) {
        // What users do changes nothing that is shown, and it is most of what happens.
        if event.type_url != InteractionsObserved::type_url() {
            self.0.pages.forget(&event.event_key);
        }
    }
}

/// Forgets where viewers stand when they stand elsewhere.
#[derive(Debug)]
pub(crate) struct StandingHearer(pub(crate) Arc<Homepages>);

impl Hearer for StandingHearer {
    fn start_over(&self) {
        self.0.standings.forget_all();
    }

    fn hear(&self, event: &StoredEvent) {
        match event.decode::<FansChanged>() {
            Ok(Some(changed)) => {
                for standing in changed.standings {
                    let user_id = standing.user.trim_start_matches("users/");
                    self.0.standings.forget(&format!("{}/fans/{user_id}", changed.parent));
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(event = event.event_id, %error, "an event that cannot be read");
                self.start_over();
            }
        }
    }
}

impl Accounts {
    /// The published homepage as `user_id` sees it; without one, as nobody in particular: an encoded `GetHomepageResponse`.
    pub(crate) async fn view_homepage(
        &self,
        account_id: &str,
        user_id: Option<&str>,
    ) -> Result<Bytes, Error> {
        let page = self.page(account_id).await?;
        let viewer = match user_id {
            None => Viewer::unknown(),
            Some(user_id) => self.viewer(account_id, user_id).await,
        };
        Ok(page.answer_to(viewer))
    }

    /// The draft as somebody would see it.
    pub(crate) async fn preview_homepage(
        &self,
        account_id: &str,
        viewer: Viewer,
    ) -> Result<HomepageView, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let account = self.account_of_homepage(&mut tx, account_id).await?;
        let homepage = draft_of(&mut tx, &account).await?.draft.homepage()?;
        let installed = self.homepages.installed.clone();
        let page = Page::load(&mut tx, account, 0, homepage, installed, now).await?;
        Ok(render(&page, &viewer))
    }

    /// What the account shows now.
    async fn page(&self, account_id: &str) -> Result<Arc<Page>, Error> {
        let now = self.clock.now();
        let name = format!("accounts/{account_id}");
        let is_true = |page: &Arc<Page>| page.is_true_at(now);
        self.homepages.pages.get(&name, is_true, || self.load_page(account_id, now)).await
    }

    /// The page, and how much memory it takes, about.
    async fn load_page(&self, account_id: &str, now: Micros) -> Result<(Arc<Page>, usize), Error> {
        let mut tx = self.db.begin_read().await?;
        let account = self.account_of_homepage(&mut tx, account_id).await?;
        let published = store::homepage::version::published(&mut tx, account_id).await?;
        let (version, homepage) = match published {
            Some((number, document)) => (number, document.homepage()?),
            None => (0, template::of_profile(&account.persona)),
        };
        let installed = self.homepages.installed.clone();
        let page = Page::load(&mut tx, account, version, homepage, installed, now).await?;
        let bytes = page.bytes();
        Ok((Arc::new(page), bytes))
    }

    /// Where the user stands. Not to know that is no reason to show nothing.
    async fn viewer(&self, account_id: &str, user_id: &str) -> Viewer {
        let name = format!("accounts/{account_id}/fans/{user_id}");
        let ask = || async {
            let standing = self.fans.standing(account_id, user_id).await?;
            let bytes = standing.tags.iter().map(String::len).sum();
            Ok((Arc::new(standing), bytes))
        };
        match timeout(STANDING_LIMIT, self.homepages.standings.get(&name, |_| true, ask)).await {
            Ok(Ok(standing)) => Viewer::who_stands(Standing::clone(&standing)),
            Ok(Err(error)) => {
                tracing::debug!(name, %error, "it is not known where a viewer stands");
                Viewer::unknown()
            }
            Err(_) => {
                tracing::debug!(name, "the CRM takes too long to say where a viewer stands");
                Viewer::unknown()
            }
        }
    }
}
