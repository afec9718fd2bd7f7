//! What users did and the suite is told in bulk, now and then.

use std::{
    collections::{BTreeMap, HashSet},
    mem,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use siyu_proto::{
    crm::v1::{
        IngestInteractionsRequest, Interaction, InteractionKind as Kind,
        interaction_service_client::InteractionServiceClient,
    },
    subscriptions::v1::{FeedReport, ReportFeedRequest, feed_service_client::FeedServiceClient},
};

use super::{
    pushes::AT_ONCE,
    visitors::{Visitors, is_engagement, is_message, is_wish},
};
use crate::connect::Client;

/// Interactions of one call.
const MOST_INTERACTIONS: usize = 1_000;
/// Visits and clicks of one call.
const MOST_ENGAGEMENTS: usize = 500;

/// What users of one account did and the suite has not been told yet.
#[derive(Debug)]
pub(super) struct Untold {
    parent: String,
    interactions: Vec<Interaction>,
    engagements: Vec<Interaction>,
    follows: Vec<Interaction>,
    /// What they did with pushes, by user.
    reports: BTreeMap<String, Vec<FeedReport>>,
    /// Users who ceased to follow: the pushes of the account are in their feeds no longer.
    gone: HashSet<String>,
    /// Users who follow since the events of the suite were last delivered: the CRM may not know it yet.
    pub(super) new_followers: HashSet<String>,
}

impl Untold {
    pub(super) fn of(account_id: &str) -> Self {
        Self {
            parent: format!("accounts/{account_id}"),
            interactions: Vec::new(),
            engagements: Vec::new(),
            follows: Vec::new(),
            reports: BTreeMap::new(),
            gone: HashSet::new(),
            new_followers: HashSet::new(),
        }
    }

    /// Keeps what a user did, unless that is told at its moment.
    pub(super) fn note(&mut self, done: Interaction) {
        match done.kind() {
            Kind::Follow => _ = self.new_followers.insert(done.user.clone()),
            Kind::Unfollow => _ = self.gone.insert(done.user.clone()),
            _ => {}
        }
        let kept = match done.kind() {
            _ if is_wish(&done) || is_message(&done) => return,
            _ if is_engagement(&done) => &mut self.engagements,
            Kind::Follow => &mut self.follows,
            _ => &mut self.interactions,
        };
        kept.push(done);
    }

    /// Keeps what a user did with a push, unless they ceased to follow before they came to it.
    pub(super) fn note_report(&mut self, user: String, report: FeedReport) {
        if !self.gone.contains(&user) {
            self.reports.entry(user).or_default().push(report);
        }
    }

    /// Whether a user followed, or did something with pushes, before they now cease to follow: it has to be told before.
    pub(super) fn comes_before(&self, wish: &Interaction) -> bool {
        let user = &wish.user;
        wish.kind() == Kind::Unfollow
            && (self.new_followers.contains(user) || self.reports.contains_key(user))
    }

    /// Tells who follows, unless that was told at its moment.
    pub(super) async fn tell_follows(&mut self, visitors: &Visitors) -> anyhow::Result<()> {
        let follows = mem::take(&mut self.follows);
        if follows.is_empty() { Ok(()) } else { visitors.bring_in(&self.parent, &follows).await }
    }

    /// Tells it all.
    pub(super) async fn tell(&mut self, client: &Client, visitors: &Visitors) -> anyhow::Result<()> {
        let mut ingestion = InteractionServiceClient::new(client.clone());
        for batch in mem::take(&mut self.interactions).chunks(MOST_INTERACTIONS) {
            let (parent, interactions) = (self.parent.clone(), batch.to_vec());
            let request = IngestInteractionsRequest { parent, interactions };
            let answer = ingestion.ingest_interactions(request).await?.into_inner();
            if let Some(first) = answer.rejections.first() {
                let (parent, count) = (&self.parent, answer.rejections.len());
                anyhow::bail!("{parent}: {count} of {} rejected: {first:?}", batch.len());
            }
        }
        self.tell_follows(visitors).await?;
        for batch in mem::take(&mut self.engagements).chunks(MOST_ENGAGEMENTS) {
            visitors.engage(&self.parent, batch).await?;
        }
        let feeds = FeedServiceClient::new(client.clone());
        let reports = stream::iter(mem::take(&mut self.reports));
        let told = reports.map(|(user, reports)| report(feeds.clone(), user, reports));
        told.buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// Reports what one user did with pushes.
async fn report(
    mut feeds: FeedServiceClient<Client>,
    user: String,
    reports: Vec<FeedReport>,
) -> anyhow::Result<()> {
    let request = ReportFeedRequest { user: user.clone(), reports };
    let answer = feeds.report_feed(request).await?.into_inner();
    match answer.rejections.first() {
        Some(first) => anyhow::bail!("{user}: {} reports rejected: {first:?}", answer.rejections.len()),
        None => Ok(()),
    }
}
