//! Whom something is for: the fans of whom filters hold, as bitmaps of ordinals (C6, C7).

pub(crate) mod fan_indexes;
pub(crate) mod packages;
pub(crate) mod segments;

use std::collections::{BTreeSet, HashMap};

use roaring::RoaringBitmap;
use siyu_clock::{Micros, Stopwatch};
use siyu_db::Tx;
use siyu_rpc::Error;
use siyu_telemetry::names;

use super::lifecycle::rules_in_force;
use crate::{
    Crm,
    domain::{fan_index::Context, filter::Filter},
    store,
};

/// The fans of some filters, all at the same moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selection {
    /// By ordinal; in the order of the filters.
    pub(crate) fans: Vec<RoaringBitmap>,
    /// How many fans the account knows, whether they follow or not.
    pub(crate) known: u64,
    /// The moment for which that is true. All that was stored before is in it.
    pub(crate) as_of: Micros,
}

impl Crm {
    /// The fans of whom each of the filters holds. Nobody has a tag that does not exist.
    pub(crate) async fn select(&self, account_id: &str, filters: Vec<Filter>) -> Result<Selection, Error> {
        self.directory.get(account_id).await?;
        let as_of = self.clock.now();
        let mut tx = self.db.begin_read().await?;
        let account = store::account::get(&mut tx, account_id).await?;
        let rules = rules_in_force(&mut tx, &account).await?;
        let tag_ids: BTreeSet<&str> = filters.iter().flat_map(Filter::tag_ids).collect();
        let tags = store::tag::find(&mut tx, account_id, tag_ids).await?;
        drop(tx);
        let tags: HashMap<String, i64> = tags.into_iter().map(|tag| (tag.tag_id, tag.number)).collect();
        let context = Context { rules, now: as_of, tags };

        let kept = self.fan_indexes.up_to_date(account_id).await?;
        let stopwatch = Stopwatch::start();
        // Tens of milliseconds in a large account: too long for a thread that others wait for.
        let selected = tokio::task::spawn_blocking(move || {
            let index = kept.index();
            let fans = filters.iter().map(|filter| index.select(filter, &context)).collect();
            Selection { fans, known: index.len(), as_of }
        });
        let selection = selected.await.map_err(Error::internal)?;
        metrics::histogram!(names::CRM_SELECT_SECONDS).record(stopwatch.elapsed().as_secs_f64());
        Ok(selection)
    }

    /// The filter that came in a field of a request.
    pub(crate) async fn filter(&self, account_id: &str, field: &str, text: &str) -> Result<Filter, Error> {
        let filter = parse(field, text)?;
        let mut tx = self.db.begin_read().await?;
        check_tags(&mut tx, account_id, field, &filter).await?;
        Ok(filter)
    }
}

fn parse(field: &str, text: &str) -> Result<Filter, Error> {
    Filter::parse(text).map_err(|mistake| Error::invalid_field(field, mistake.to_string()))
}

/// The tags that a filter names must be there when it is written.
async fn check_tags(tx: &mut Tx, account_id: &str, field: &str, filter: &Filter) -> Result<(), Error> {
    let missing = missing_tag(tx, account_id, filter).await?;
    let refuse = |why| Err(Error::invalid_field(field, why));
    missing.map_or(Ok(()), refuse)
}

/// What is wrong with a filter: it names a tag that the account does not have.
async fn missing_tag(tx: &mut Tx, account_id: &str, filter: &Filter) -> Result<Option<String>, Error> {
    let ids = filter.tag_ids();
    let found = store::tag::find(tx, account_id, ids.iter().copied()).await?;
    let missing = ids.into_iter().find(|id| found.iter().all(|tag| tag.tag_id != **id));
    Ok(missing.map(|tag_id| format!("names the tag {tag_id:?}, which the account does not have")))
}
