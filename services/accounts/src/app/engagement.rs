//! What users do with homepages and cards, on its way to the CRM (A5).

use std::collections::{BTreeMap, BTreeSet};

use siyu_clock::Micros;
use siyu_db::{Db, Engine};
use siyu_observed::{Observed, interactions_observed};
use siyu_outbox::Outbox;
use siyu_proto::{
    Validate,
    accounts::v1::{Engagement, EngagementAction},
    common::v1::ErrorReason,
    crm::v1::{Interaction, InteractionKind},
};
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
    name,
    time::from_proto,
};
use siyu_telemetry::names;

use crate::{
    Accounts,
    domain::{card::Card, homepage::is_entrance},
    store,
};

/// How far in the future an event may lie: clocks differ.
const TOLERATED_FUTURE: std::time::Duration = std::time::Duration::from_secs(600);
/// Transactions at once under PostgreSQL; SQLite has one writer.
const LANES: usize = 4;
/// Calls that share a transaction at most.
const MOST_CALLS: usize = 256;
/// Interactions after which a transaction takes no further calls.
const FULL: usize = 2_000;

/// Why something was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) reason: ErrorReason,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// What one call brings.
#[derive(Debug)]
pub(crate) struct RecordCall {
    account_id: String,
    interactions: Vec<Interaction>,
}

/// Records what calls bring.
#[derive(Debug)]
pub(crate) struct Recording {
    db: Db,
    outbox: Outbox,
}

impl Recording {
    pub(crate) fn start(db: Db, outbox: Outbox) -> GroupCommit<Self> {
        let lanes = if db.engine() == Engine::Sqlite { 1 } else { LANES };
        GroupCommit::start(Self { db, outbox }, Limits { lanes, calls: MOST_CALLS, weight: FULL })
    }
}

#[tonic::async_trait]
impl Batch for Recording {
    const NAME: &'static str = "accounts.record_engagements";
    type Call = RecordCall;
    type Answer = ();

    fn weight(call: &RecordCall) -> usize {
        call.interactions.len()
    }

    async fn run(&self, calls: &[RecordCall]) -> Result<Vec<()>, Error> {
        let mut accounts: BTreeMap<&str, Vec<Observed>> = BTreeMap::new();
        for call in calls {
            let observed = call.interactions.iter().cloned().map(Observed::from);
            accounts.entry(&call.account_id).or_default().extend(observed);
        }
        let drafts = accounts
            .into_iter()
            .flat_map(|(account_id, observed)| interactions_observed(account_id, observed));
        let mut tx = self.db.begin().await?;
        self.outbox.write(&mut tx, drafts).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(vec![(); calls.len()])
    }
}

impl Accounts {
    /// Records what users did; answers for each why it was not, if it was not.
    pub(crate) async fn record_engagements(
        &self,
        account_id: &str,
        engagements: &[Engagement],
    ) -> Result<Vec<Option<Rejected>>, Error> {
        let now = self.clock.now();
        let cards = self.clicked_cards(account_id, engagements).await?;
        let mut outcomes = Vec::with_capacity(engagements.len());
        let mut interactions = Vec::with_capacity(engagements.len());
        for engagement in engagements {
            match interaction(account_id, engagement.clone(), &cards, now) {
                Ok(interaction) => {
                    interactions.push(interaction);
                    outcomes.push(None);
                }
                Err(rejected) => outcomes.push(Some(rejected)),
            }
        }
        let (accepted, rejected) = (interactions.len(), outcomes.len() - interactions.len());
        if !interactions.is_empty() {
            let call = RecordCall { account_id: account_id.to_owned(), interactions };
            self.recording.call(account_id, call).await?;
        }
        for (outcome, count) in [("accepted", accepted), ("rejected", rejected)] {
            metrics::counter!(names::ENGAGEMENTS_TOTAL, "outcome" => outcome).increment(count as u64);
        }
        Ok(outcomes)
    }

    /// The cards that were clicked and that there are, by name.
    async fn clicked_cards(
        &self,
        account_id: &str,
        engagements: &[Engagement],
    ) -> Result<BTreeMap<String, Card>, Error> {
        let ids = engagements.iter().filter_map(|engagement| {
            let [owner, card_id] = name::ids(&engagement.target, ["accounts", "cards"])?;
            (owner == account_id).then_some(card_id)
        });
        let ids: BTreeSet<&str> = ids.collect();
        let mut tx = self.db.begin_read().await?;
        self.account_of_homepage(&mut tx, account_id).await?;
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let cards = store::card::get_many(&mut tx, account_id, ids).await?;
        Ok(cards.into_iter().map(|card| (card.name(), card)).collect())
    }
}

/// What the CRM is told of it.
fn interaction(
    account_id: &str,
    engagement: Engagement,
    cards: &BTreeMap<String, Card>,
    now: Micros,
) -> Result<Interaction, Rejected> {
    if let Some(violation) = engagement.violations().into_iter().next() {
        return Err(invalid(&violation.field, violation.rule));
    }
    let event_time = engagement.event_time.as_ref().and_then(from_proto);
    let event_time = event_time.filter(|time| time.0 >= 0 && *time <= now.plus(TOLERATED_FUTURE));
    let Some(event_time) = event_time else {
        let message = format!("must lie between 1970 and now: it is {now}");
        return Err(Rejected {
            reason: ErrorReason::EventTimeOutOfRange,
            field: "event_time".to_owned(),
            message,
        });
    };
    let homepage = format!("accounts/{account_id}/homepage");
    let is_of_account = engagement.mount.starts_with(&format!("accounts/{account_id}/"));
    if !engagement.mount.is_empty() && !is_of_account {
        return Err(invalid("mount", "must be a resource of this account"));
    }
    let action = engagement.action();
    let (kind, target, mount) = match action {
        EngagementAction::HomepageVisit if !engagement.target.is_empty() => {
            return Err(invalid("target", "must be empty with HOMEPAGE_VISIT"));
        }
        EngagementAction::HomepageVisit => (InteractionKind::HomepageVisit, homepage, engagement.mount),
        EngagementAction::EntranceClick => {
            let id = engagement.target.strip_prefix(&format!("{homepage}/entrances/"));
            if !id.is_some_and(is_entrance) {
                return Err(invalid("target", "must be an entrance of this account"));
            }
            let mount = if engagement.mount.is_empty() { homepage } else { engagement.mount };
            (InteractionKind::Click, engagement.target, mount)
        }
        EngagementAction::CardClick => {
            check_card(cards.get(&engagement.target), event_time)?;
            (InteractionKind::Click, engagement.target, engagement.mount)
        }
        EngagementAction::Unspecified => return Err(invalid("action", "must be a defined value")),
    };
    Ok(Interaction {
        event_id: engagement.event_id,
        user: engagement.user,
        kind: kind.into(),
        event_time: engagement.event_time,
        target,
        source_domain: engagement.source_domain,
        purchase: None,
        mount,
        campaign: engagement.campaign,
    })
}

/// Reports may be late: what was clicked before it was archived counts.
fn check_card(card: Option<&Card>, time: Micros) -> Result<(), Rejected> {
    match card {
        None => Err(invalid("target", "must be a card of this account")),
        Some(card) if card.archived && time >= card.update_time => {
            Err(invalid("target", "must not be archived"))
        }
        Some(_) => Ok(()),
    }
}

fn invalid(field: &str, rule: &str) -> Rejected {
    Rejected { reason: ErrorReason::InvalidField, field: field.to_owned(), message: rule.to_owned() }
}
