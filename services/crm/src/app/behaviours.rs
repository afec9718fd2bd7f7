//! Tags by what fans did with contents (C5): given when interactions arrive that make up what a rule looks for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use siyu_clock::Micros;
use siyu_db::{DbError, Tx};
use siyu_rpc::Error;

use super::{fan_tags::FanTags, ledger::Ledger, tag_rules::name};
use crate::{
    domain::{behaviour::Behaviour, interaction::Interaction, tag::Origin, tag_rule::Criterion},
    store::{
        self,
        fan::Fan,
        interaction::{OnContent, content_prefix},
        tag_rule::TagRule,
    },
};

/// Gives the tags of the rules that fans have met with what was just stored of them. An account without such rules pays
/// nothing for it.
pub(super) async fn tag_by_behaviour(
    tx: &mut Tx,
    ledger: &mut Ledger,
    new: &[&Interaction],
    fans: &HashMap<String, Fan>,
    now: Micros,
) -> Result<(), Error> {
    let account_id = ledger.account.account_id.clone();
    let arrived = arrived(ledger, new, fans);
    if arrived.is_empty() {
        return Ok(());
    }
    let rules = store::tag_rule::of_behaviour(tx, &account_id).await?;
    let arrived = Doings::new(tx, &account_id, arrived).await?;
    let touched: BTreeSet<i64> = rules.iter().flat_map(|rule| arrived.fans_of(rule)).collect();
    let mut tags = FanTags::load(tx, &account_id, touched.iter().copied()).await?;
    // Most who do what a rule looks for have its tag already.
    let lacks = |rule: &TagRule, ordinal: &i64| tags.origin_of(*ordinal, rule.tag).is_none();
    let lacking: BTreeSet<i64> = rules
        .iter()
        .flat_map(|rule| arrived.fans_of(rule).into_iter().filter(|ordinal| lacks(rule, ordinal)))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let span = rules.iter().filter_map(behaviour).map(|behaviour| behaviour.within).max().unwrap_or_default();
    let times = arrived.all.iter().map(|doing| doing.event_time);
    let (first, last) =
        times.fold((i64::MAX, i64::MIN), |(first, last), time| (first.min(time), last.max(time)));
    let around = first.saturating_sub(span)..=last.saturating_add(span);
    let history = store::interaction::on_contents_of(tx, &account_id, lacking, around).await?;
    let history = Doings::new(tx, &account_id, history).await?;
    for rule in &rules {
        history.give(&account_id, rule, &mut tags);
    }
    tags.save(tx, &ledger.outbox, &account_id, now).await?;
    ledger.has_told |= tags.has_changed();
    Ok(())
}

/// What of the new interactions rules may look for.
fn arrived(ledger: &Ledger, new: &[&Interaction], fans: &HashMap<String, Fan>) -> Vec<OnContent> {
    if ledger.account.behaviour_rule_count == 0 {
        return Vec::new();
    }
    let prefix = content_prefix(&ledger.account.account_id);
    let on_content = |interaction: &&Interaction| {
        let ordinal = fans.get(&interaction.user_id)?.ordinal;
        let is_on_content =
            Behaviour::KINDS.contains(&interaction.kind) && interaction.target.starts_with(&prefix);
        is_on_content.then(|| OnContent {
            ordinal,
            event_time: interaction.event_time.0,
            kind: interaction.kind,
            content: interaction.target.clone(),
        })
    };
    new.iter().filter_map(on_content).collect()
}

fn behaviour(rule: &TagRule) -> Option<&Behaviour> {
    match &rule.criterion {
        Criterion::Behaviour(behaviour) => Some(behaviour),
        Criterion::Condition(_) => None,
    }
}

/// What fans did with contents, and what those are about.
pub(super) struct Doings {
    all: Vec<OnContent>,
    topics: BTreeMap<String, Vec<String>>,
}

impl Doings {
    /// Looks up what the contents are about. Those of which nothing is known are noted: once it is, rules look again.
    pub(super) async fn new(tx: &mut Tx, account_id: &str, mut all: Vec<OnContent>) -> Result<Self, DbError> {
        all.sort_by_key(|doing| doing.event_time);
        let contents: BTreeSet<&str> = all.iter().map(|doing| doing.content.as_str()).collect();
        let topics = store::content_topic::of_contents(tx, account_id, contents.iter().copied()).await?;
        let topicless: Vec<&str> =
            contents.into_iter().filter(|content| !topics.contains_key(*content)).collect();
        store::content_topic::note_topicless(tx, account_id, &topicless).await?;
        Ok(Self { all, topics })
    }

    /// When which fan did what a rule looks for: by ordinal, the times in their order.
    fn times_of(&self, rule: &TagRule) -> BTreeMap<i64, Vec<i64>> {
        let mut times: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let Some(behaviour) = behaviour(rule) else { return times };
        for doing in &self.all {
            let topics = self.topics.get(&doing.content).map_or(&[][..], Vec::as_slice);
            if behaviour.counts(doing.kind, topics) {
                times.entry(doing.ordinal).or_default().push(doing.event_time);
            }
        }
        times
    }

    fn fans_of(&self, rule: &TagRule) -> BTreeSet<i64> {
        self.times_of(rule).into_keys().collect()
    }

    /// Gives the tag of a rule to those who met it. A fan who has all the tags they may have goes without.
    pub(super) fn give(&self, account_id: &str, rule: &TagRule, tags: &mut FanTags) {
        let Some(behaviour) = behaviour(rule) else { return };
        let cause = name(account_id, &rule.rule_id);
        for (ordinal, times) in self.times_of(rule) {
            if behaviour.is_met(&times) {
                tags.give(ordinal, rule.tag, Origin::Behaviour, &cause);
            }
        }
    }
}

/// Takes in what a content is about. What fans did with it before is looked at by the rules that look for its new topics.
pub(super) async fn take_in_topics(
    tx: &mut Tx,
    account_id: &str,
    content: &str,
    topics: &[String],
    now: Micros,
) -> Result<(), Error> {
    let mut stored = store::content_topic::of_contents(tx, account_id, [content]).await?;
    let before: HashSet<String> = stored.remove(content).unwrap_or_default().into_iter().collect();
    let after: HashSet<String> = topics.iter().cloned().collect();
    if before == after {
        return Ok(());
    }
    // Whoever takes interactions in has either done so before, or will know these topics.
    store::account::lock(tx, account_id).await?;
    store::content_topic::remove(tx, account_id, content).await?;
    store::content_topic::insert(tx, account_id, content, topics).await?;
    let was_seen = !before.is_empty() || store::content_topic::is_topicless(tx, account_id, content).await?;
    if !was_seen || after.is_empty() {
        return Ok(());
    }
    store::content_topic::forget_topicless(tx, account_id, content).await?;
    let gained: Vec<String> = after.difference(&before).cloned().collect();
    for mut rule in store::tag_rule::of_behaviour(tx, account_id).await? {
        if behaviour(&rule).is_some_and(|behaviour| behaviour.is_about(&gained)) {
            rule.due_time = now.0;
            rule.done_ordinal = 0;
            store::tag_rule::update(tx, account_id, &rule).await?;
        }
    }
    Ok(())
}
