//! Taking in what users did: in batches, each interaction judged on its own, repeats harmless (C1).

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::tz::TimeZone;
use siyu_clock::{Clock, Micros};
use siyu_db::Tx;
use siyu_outbox::Outbox;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::Error;

use super::{behaviours::tag_by_behaviour, ingestion::IngestCall, ledger::Ledger, tiers::bring_up_to_date};
use crate::{
    Crm,
    domain::{
        activity::Activity,
        interaction::{Interaction, Kind},
        profile::is_earlier,
        purchase::{OrderFacts, local_day_and_month},
        standing::{Fact, Standing},
    },
    store::{self, fan::Fan, purchase::OrderUpdate},
};
use siyu_telemetry::names;

/// Why one interaction was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) reason: ErrorReason,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// What became of one interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// It was stored before, with the same content.
    Duplicate,
    Rejected(Rejected),
}

impl Crm {
    /// Stores a batch, together with those of other calls, and answers what became of each. Those that could not even be decoded come
    /// as their rejection, and leave as it.
    pub(crate) async fn ingest(
        &self,
        account_id: &str,
        batch: Vec<Result<Interaction, Rejected>>,
    ) -> Result<Vec<Outcome>, Error> {
        let zone = self.directory.get(account_id).await?.zone;
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.len());
        let mut decoded: Vec<(usize, Interaction)> = Vec::with_capacity(batch.len());
        for (place, item) in batch.into_iter().enumerate() {
            match item {
                Ok(interaction) => {
                    decoded.push((place, interaction));
                    outcomes.push(Outcome::Accepted);
                }
                Err(rejected) => outcomes.push(Outcome::Rejected(rejected)),
            }
        }
        if !decoded.is_empty() {
            let (places, interactions): (Vec<usize>, Vec<Interaction>) = decoded.into_iter().unzip();
            let call = IngestCall { account_id: account_id.to_owned(), zone, interactions };
            let judged = self.ingestion.call(account_id, call).await?;
            for (place, outcome) in places.into_iter().zip(judged) {
                outcomes[place] = outcome;
            }
        }
        count(&outcomes);
        Ok(outcomes)
    }
}

/// Takes interactions of one account in. Answers what changed, which is durable once `tx` commits, and what became of
/// each interaction.
pub(super) async fn take_in_account(
    tx: &mut Tx,
    clock: &Clock,
    outbox: &Outbox,
    account_id: &str,
    zone: &TimeZone,
    interactions: Vec<&Interaction>,
) -> Result<(Ledger, Vec<Outcome>), Error> {
    let mut ledger = Ledger::open(tx, outbox, account_id).await?;
    // Only now: whoever had the turn before has dated its changes before.
    let now = clock.now();
    let (new, outcomes) = sort_out(tx, account_id, interactions).await?;
    let fans = take_in(tx, &mut ledger, &new, now).await?;
    store_all(tx, &ledger, &new, &fans, zone, now).await?;
    tag_by_behaviour(tx, &mut ledger, &new, &fans, now).await?;
    Ok((ledger, outcomes))
}

/// Leaves the interactions that are new, in the order of event time, and says what becomes of each: stored before, in
/// conflict with what was stored before or stands earlier among them, or accepted.
async fn sort_out<'a>(
    tx: &mut Tx,
    account_id: &str,
    interactions: Vec<&'a Interaction>,
) -> Result<(Vec<&'a Interaction>, Vec<Outcome>), Error> {
    let ids = interactions.iter().map(|interaction| interaction.event_id.as_str());
    let stored = store::interaction::find(tx, account_id, ids).await?;
    let mut known: HashMap<&str, &Interaction> =
        stored.iter().map(|interaction| (interaction.event_id.as_str(), interaction)).collect();
    let mut owners = order_owners(tx, account_id, &interactions).await?;

    let mut new = Vec::with_capacity(interactions.len());
    let mut outcomes = Vec::with_capacity(interactions.len());
    for interaction in interactions {
        outcomes.push(match known.get(interaction.event_id.as_str()) {
            Some(first) if *first == interaction => Outcome::Duplicate,
            Some(first) => Outcome::Rejected(conflict(first, interaction)),
            None => match foreign_order(&mut owners, interaction) {
                Some(rejected) => Outcome::Rejected(rejected),
                None => {
                    known.insert(&interaction.event_id, interaction);
                    new.push(interaction);
                    Outcome::Accepted
                }
            },
        });
    }
    new.sort_by(|a, b| (a.event_time, &a.event_id).cmp(&(b.event_time, &b.event_id)));
    Ok((new, outcomes))
}

/// The users that the orders of a batch belong to, as far as they are stored.
async fn order_owners(
    tx: &mut Tx,
    account_id: &str,
    interactions: &[&Interaction],
) -> Result<HashMap<String, String>, Error> {
    let order_ids: HashSet<&str> = interactions
        .iter()
        .filter_map(|interaction| interaction.purchase.as_ref())
        .map(|purchase| purchase.order_id.as_str())
        .collect();
    if order_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let owners = store::purchase::owners(tx, account_id, order_ids).await?;
    let fans = store::fan::find_by_ordinal(tx, account_id, owners.values().copied()).await?;
    let users: HashMap<i64, String> = fans.into_iter().map(|fan| (fan.ordinal, fan.user_id)).collect();
    Ok(owners
        .into_iter()
        .filter_map(|(order, ordinal)| Some((order, users.get(&ordinal)?.clone())))
        .collect())
}

fn conflict(first: &Interaction, second: &Interaction) -> Rejected {
    let differences = [
        ("user", first.user_id != second.user_id),
        ("kind", first.kind != second.kind),
        ("event_time", first.event_time != second.event_time),
        ("target", first.target != second.target),
        ("source_domain", first.source != second.source),
        ("mount", first.mount != second.mount),
        ("campaign", first.campaign != second.campaign),
        ("purchase", first.purchase != second.purchase),
    ];
    let field = differences.iter().find(|(_, differs)| *differs).map_or("event_id", |(field, _)| field);
    Rejected {
        reason: ErrorReason::EventIdConflict,
        field: field.to_owned(),
        message: format!(
            "differs from the interaction that was stored under the event id {:?}",
            second.event_id
        ),
    }
}

/// An order belongs to one user: whoever names it first.
fn foreign_order(owners: &mut HashMap<String, String>, interaction: &Interaction) -> Option<Rejected> {
    let order_id = &interaction.purchase.as_ref()?.order_id;
    let owner = owners.entry(order_id.clone()).or_insert_with(|| interaction.user_id.clone());
    (*owner != interaction.user_id).then(|| Rejected {
        reason: ErrorReason::InvalidField,
        field: "purchase.order_id".to_owned(),
        message: format!("the order {order_id:?} belongs to another user"),
    })
}

/// Lets every fan of the batch take in what is new. Answers the fans as they are afterwards, by user id.
async fn take_in(
    tx: &mut Tx,
    ledger: &mut Ledger,
    new: &[&Interaction],
    now: Micros,
) -> Result<HashMap<String, Fan>, Error> {
    let users: HashSet<&str> = new.iter().map(|interaction| interaction.user_id.as_str()).collect();
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let mut found = store::fan::find_by_user(tx, &ledger.account.account_id, users).await?;
    bring_up_to_date(tx, ledger, &mut found, now).await?;
    let mut fans: HashMap<String, Fan> = found.into_iter().map(|fan| (fan.user_id.clone(), fan)).collect();

    for interaction in new {
        let fan = fans.entry(interaction.user_id.clone()).or_insert_with(|| {
            ledger.account.last_ordinal += 1;
            Fan {
                ordinal: ledger.account.last_ordinal,
                user_id: interaction.user_id.clone(),
                standing: Standing::unknown(),
                rules_version: ledger.rules.version,
                first_time: interaction.event_time,
                first_source: interaction.source.clone(),
                last_time: interaction.event_time,
                interaction_count: 0,
                activity: Activity::default(),
            }
        });
        if is_earlier((interaction.event_time, &interaction.source), (fan.first_time, &fan.first_source)) {
            fan.first_time = interaction.event_time;
            fan.first_source.clone_from(&interaction.source);
        }
        fan.last_time = fan.last_time.max(interaction.event_time);
        fan.interaction_count += 1;
        fan.activity.note(interaction.kind, interaction.event_time);
        let Interaction { kind, event_time: time, event_id, .. } = *interaction;
        let fact = Fact { kind: *kind, time: *time, event_id: event_id.clone() };
        let changes = fan.standing.apply(&ledger.rules, &fact, now);
        ledger.note(fan.ordinal, changes);
    }
    Ok(fans)
}

async fn store_all(
    tx: &mut Tx,
    ledger: &Ledger,
    new: &[&Interaction],
    fans: &HashMap<String, Fan>,
    zone: &TimeZone,
    now: Micros,
) -> Result<(), Error> {
    let account_id = &ledger.account.account_id;
    let with_ordinals: Vec<(i64, &Interaction)> = new
        .iter()
        .filter_map(|interaction| Some((fans.get(&interaction.user_id)?.ordinal, *interaction)))
        .collect();
    store::interaction::insert(tx, account_id, &with_ordinals, now).await?;

    let mut orders: BTreeMap<&str, (i64, OrderFacts)> = BTreeMap::new();
    for (ordinal, interaction) in &with_ordinals {
        let Some((purchase, facts)) = interaction.purchase.as_ref().zip(OrderFacts::of(interaction)) else {
            continue;
        };
        orders
            .entry(&purchase.order_id)
            .and_modify(|(_, so_far)| so_far.merge(&facts))
            .or_insert_with(|| (*ordinal, facts.clone()));
    }
    let updates: Vec<OrderUpdate> = orders
        .into_iter()
        .map(|(order_id, (ordinal, facts))| {
            let (local_day, local_month) = local_day_and_month(facts.time, zone);
            OrderUpdate { order_id: order_id.to_owned(), ordinal, facts, local_day, local_month }
        })
        .collect();
    store::purchase::merge(tx, account_id, &updates).await?;

    let mut changed: Vec<Fan> = fans.values().cloned().collect();
    changed.sort_by_key(|fan| fan.ordinal);
    ledger.save(tx, &changed).await?;
    Ok(())
}

/// Tells the metrics what became of interactions.
pub(super) fn count(outcomes: &[Outcome]) {
    let name = |outcome: &Outcome| match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Duplicate => "duplicate",
        Outcome::Rejected(_) => "rejected",
    };
    for label in ["accepted", "duplicate", "rejected"] {
        let number = outcomes.iter().filter(|outcome| name(outcome) == label).count();
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        metrics::counter!(names::CRM_INTERACTIONS_TOTAL, "outcome" => label).increment(number);
    }
}

/// Whether the kind of an interaction and its purchase belong together; otherwise why not.
pub(crate) fn purchase_mistake(kind: Kind, has_purchase: bool) -> Option<&'static str> {
    match (kind.is_purchase(), has_purchase) {
        (true, false) => Some("is required with this kind"),
        (false, true) => Some("is allowed with the kinds ORDER, ORDER_CANCEL and REFUND only"),
        _ => None,
    }
}
