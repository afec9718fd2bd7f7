//! The rules that no kill may break.

use std::collections::{HashMap, HashSet};

use siyu::connect::Client;
use siyu_proto::crm::v1::{Fan, Interaction};
use siyu_rpc::time::from_proto;

use super::{
    Report,
    callers::{Call, ingest},
    stored,
};

/// Most interactions of a call.
const BATCH: usize = 1_000;
/// Sums of the same points in another order differ by less.
const TOLERANCE: f64 = 1e-6;

/// What was acknowledged is stored exactly once and as it was sent; of what was not, a batch is stored whole or not at
/// all; counters and tiers of fans say the same as what they were made from.
pub(super) async fn check_what_is_stored(
    client: &Client,
    account: &str,
    calls: &[&Call],
    report: &mut Report,
) -> anyhow::Result<()> {
    let fans = stored::fans(client, account).await?;
    let mut found: HashMap<String, Interaction> = HashMap::new();
    for fan in fans.values() {
        let timeline = stored::interactions(client, &fan.name).await?;
        if i64::try_from(timeline.len())? != fan.interaction_count {
            let (counted, rows) = (fan.interaction_count, timeline.len());
            report.violations.push(format!("{}: counts {counted} interactions, {rows} are stored", fan.name));
        }
        for interaction in timeline {
            if let Some(twice) = found.insert(interaction.event_id.clone(), interaction) {
                report.violations.push(format!("{account}: {} is stored twice", twice.event_id));
            }
        }
    }
    report.fans += fans.len();
    report.stored += found.len();

    let mut sent = HashSet::new();
    for call in calls {
        let same = |sent: &&Interaction| found.get(&sent.event_id) == Some(sent);
        let stored = call.interactions.iter().filter(same).count();
        let whole = call.interactions.len();
        let first = call.interactions.first().map(|interaction| &interaction.event_id);
        if call.acknowledged && stored != whole {
            let line =
                format!("{account}: of the acknowledged {whole} from {first:?} on, {stored} are stored");
            report.violations.push(line);
        } else if stored != whole && stored != 0 {
            report.violations.push(format!("{account}: the batch from {first:?} on is stored by half"));
        }
        sent.extend(call.interactions.iter().map(|interaction| interaction.event_id.as_str()));
    }
    for event_id in found.keys().filter(|event_id| !sent.contains(event_id.as_str())) {
        report.violations.push(format!("{account}: {event_id} is stored and was never sent"));
    }
    check_tier_changes(client, account, &fans, report).await
}

/// The changes of each fan form a chain that ends at their tier.
async fn check_tier_changes(
    client: &Client,
    account: &str,
    fans: &HashMap<String, Fan>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut reached: HashMap<String, i32> = HashMap::new();
    for change in stored::tier_changes(client, account).await? {
        let before = reached.insert(change.fan.clone(), change.to_tier).unwrap_or_default();
        if before != change.from_tier {
            report.violations.push(format!("{}: tier {before} before {change:?}", change.fan));
        }
    }
    for fan in fans.values() {
        let by_changes = reached.get(&fan.name).copied().unwrap_or_default();
        if by_changes != fan.tier {
            let line = format!("{}: in tier {}, their last change led to {by_changes}", fan.name, fan.tier);
            report.violations.push(line);
        }
    }
    Ok(())
}

/// What was acknowledged gives nothing but duplicates; what was given up is stored now.
pub(super) async fn send_everything_again(
    client: &Client,
    account: &str,
    calls: &[&Call],
    report: &mut Report,
) -> anyhow::Result<()> {
    for (acknowledged, what) in [(true, "acknowledged"), (false, "abandoned")] {
        let of_kind = calls.iter().filter(|call| call.acknowledged == acknowledged);
        let again: Vec<Interaction> = of_kind.flat_map(|call| call.interactions.clone()).collect();
        for batch in again.chunks(BATCH) {
            let answer = ingest(client, account, batch).await?;
            let taken = answer.duplicate_count + if acknowledged { 0 } else { answer.accepted_count };
            if taken != i64::try_from(batch.len())? {
                let sent = batch.len();
                report.violations.push(format!("{account}: {sent} {what} ones sent again gave {answer:?}"));
            }
        }
    }
    Ok(())
}

/// After a rebuild each fan stands where they stand in a suite that nothing happened to.
pub(super) async fn check_tiers<'a>(
    client: &Client,
    calm: &Client,
    account: &str,
    sent: impl IntoIterator<Item = &'a Interaction>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut in_order: Vec<Interaction> = sent.into_iter().cloned().collect();
    in_order
        .sort_by_cached_key(|sent| (sent.event_time.as_ref().and_then(from_proto), sent.event_id.clone()));
    for batch in in_order.chunks(BATCH) {
        let answer = ingest(calm, account, batch).await?;
        anyhow::ensure!(answer.rejections.is_empty(), "{account}: refused without any kill: {answer:?}");
    }
    stored::rebuild_tiers(client, account).await?;
    stored::rebuild_tiers(calm, account).await?;
    let (found, mut expected) = (stored::fans(client, account).await?, stored::fans(calm, account).await?);
    for (user, fan) in found {
        let twin = expected.remove(&user);
        if !twin.as_ref().is_some_and(|twin| same_standing(&fan, twin)) {
            report.violations.push(format!("{account}: {fan:?} would be {twin:?} without kills"));
        }
    }
    report.violations.extend(expected.keys().map(|user| format!("{account}: {user} is missing")));
    Ok(())
}

fn same_standing(fan: &Fan, twin: &Fan) -> bool {
    let facts = |fan: &Fan| {
        let times = [fan.follow_change_time, fan.first_interaction_time, fan.last_interaction_time];
        (fan.tier, fan.following, fan.interaction_count, fan.tier_rules_version, times)
    };
    facts(fan) == facts(twin) && (fan.intimacy - twin.intimacy).abs() <= TOLERANCE * twin.intimacy.max(1.0)
}
