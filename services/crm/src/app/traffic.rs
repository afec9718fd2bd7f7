//! Where fans come from, and what comes of the homepage and its cards (A5, A6, A7, C10).

use siyu_clock::Micros;
use siyu_rpc::{Error, Page};

use crate::{
    Crm,
    domain::traffic::{Grouping, Span},
    store::{
        self,
        traffic::{CardFigures, Funnel, SourceFigures, Target},
    },
};

/// How the homepage works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Homepage {
    pub(crate) funnel: Funnel,
    pub(crate) entrances: Vec<Target>,
    pub(crate) cards: Vec<Target>,
    pub(crate) as_of: Micros,
}

impl Crm {
    pub(crate) async fn homepage_funnel(&self, account_id: &str, span: Span) -> Result<Homepage, Error> {
        self.directory.get(account_id).await?;
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        Ok(Homepage {
            funnel: store::traffic::homepage_funnel(&mut tx, account_id, span).await?,
            entrances: store::traffic::entrances(&mut tx, account_id, span).await?,
            cards: store::traffic::homepage_cards(&mut tx, account_id, span).await?,
            as_of,
        })
    }

    /// A page of what came of cards, one or all, by card and mount, and the token of the next.
    pub(crate) async fn card_results(
        &self,
        account_id: &str,
        span: Span,
        card: Option<&str>,
        page: &Page<(String, String)>,
    ) -> Result<(Vec<CardFigures>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_ref().map(|(card, mount)| (card.as_str(), mount.as_str()));
        let mut found = store::traffic::cards(&mut tx, account_id, span, card, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| (last.card.clone(), last.mount.clone()))?;
        Ok((found, next))
    }

    /// A page of what each source brought, one or all, by name, the token of the next, and the currency.
    pub(crate) async fn compare_sources(
        &self,
        account_id: &str,
        span: Span,
        asked: (Grouping, Option<&str>),
        page: &Page<String>,
    ) -> Result<(Vec<SourceFigures>, String, String), Error> {
        let currency_code = self.directory.get(account_id).await?.currency_code;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref();
        let mut found =
            store::traffic::sources(&mut tx, account_id, span, asked, after, page.limit()).await?;
        let next = page.finish(&mut found, |last| last.source.clone())?;
        Ok((found, next, currency_code))
    }
}
