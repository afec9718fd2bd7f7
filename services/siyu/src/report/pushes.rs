//! Pushes as they were planned and as they went, as a titled table.

use siyu_proto::{
    accounts::v1::Allowance,
    crm::v1::{ReachCount, ReachVerdict},
    subscriptions::v1::{Push, PushCounts, PushPlan, PushResults},
};

use super::{
    format::{count, money, share},
    render::section,
};

/// A push, and what was known of it before.
#[derive(Debug, Clone, Default)]
pub struct PushRow {
    /// As it is now.
    pub push: Push,
    /// What came of it.
    pub results: PushResults,
    /// Whom it was for, in words.
    pub audience: String,
    /// What was planned, if anything was.
    pub plan: Option<PushPlan>,
    /// The rights of its month, with the one it took; none for one that costs nothing.
    pub allowance: Option<Allowance>,
}

/// The pushes of one account, `account_name` being `accounts/{account}`: what each was to be, and what came of it. Rates are
/// of all whom a push reached, those included whom it was taken back from; orders are those that are attributed to it.
#[must_use]
pub fn pushes(account_name: &str, display_name: &str, rows: &[PushRow]) -> String {
    let plan = ["push", "for", "planned reach", "excluded", "pushes of the month"];
    let outcome =
        ["push", "planned reach", "delivered", "seen", "opened", "clicked", "converted", "orders", "GMV"];
    let sections = [
        format!("Pushes of {display_name} ({account_name})"),
        section("Plan", &plan, rows.iter().map(planned)),
        section("Outcome", &outcome, rows.iter().map(came_of)),
    ];
    sections.join("\n\n") + "\n"
}

fn planned(row: &PushRow) -> [String; 5] {
    let excluded_counts = row.push.counts.as_ref().map_or(&[][..], |counts| &counts.excluded);
    [
        name(&row.push),
        row.audience.clone(),
        row.plan.as_ref().map_or_else(none, planned_reach),
        excluded(excluded_counts),
        row.allowance.as_ref().map_or_else(none, right),
    ]
}

fn came_of(row: &PushRow) -> [String; 9] {
    let counts = row.push.counts.clone().unwrap_or_default();
    let reached = counts.delivered + counts.retracted;
    [
        name(&row.push),
        row.plan.as_ref().map_or_else(none, planned_reach),
        delivered(&counts),
        count(counts.seen),
        share(counts.opened, reached),
        share(counts.clicked, reached),
        share(counts.converted, reached),
        count(row.results.order_count),
        money(row.results.gmv_minor, &row.results.currency_code),
    ]
}

fn none() -> String {
    "–".to_owned()
}

/// Its id; those of corrections say nothing.
fn name(push: &Push) -> String {
    let id = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    if push.corrects.is_empty() { id(&push.name) } else { format!("correction of {}", id(&push.corrects)) }
}

/// How many it was to reach at once, and how many later.
fn planned_reach(plan: &PushPlan) -> String {
    let counts = plan.audience.as_ref().map_or(&[][..], |audience| &audience.counts);
    let held: i64 =
        counts.iter().filter(|one| one.verdict() == ReachVerdict::Held).map(|one| one.count).sum();
    match held {
        0 => count(plan.reach),
        _ if plan.reach == 0 => format!("{} held", count(held)),
        _ => format!("{}, {} held", count(plan.reach), count(held)),
    }
}

/// `31 capped`, by reason.
fn excluded(counts: &[ReachCount]) -> String {
    let reason = |one: &ReachCount| {
        let verdict = one.verdict().as_str_name().trim_start_matches("REACH_VERDICT_");
        format!("{} {}", count(one.count), verdict.to_lowercase().replace('_', " "))
    };
    if counts.is_empty() { none() } else { counts.iter().map(reason).collect::<Vec<_>>().join(", ") }
}

fn delivered(counts: &PushCounts) -> String {
    let others = [(counts.held, "held"), (counts.failed, "failed"), (counts.retracted, "taken back")];
    let others = others.into_iter().filter(|(number, _)| *number > 0);
    let others: String = others.map(|(number, what)| format!(", {} {what}", count(number))).collect();
    format!("{}{others}", count(counts.delivered))
}

/// `2 of 8`.
fn right(allowance: &Allowance) -> String {
    format!("{} of {}", count(allowance.reserved + allowance.used), count(allowance.limit))
}
