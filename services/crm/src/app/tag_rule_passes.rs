//! Going through the fans of an account for the rules that give tags (C5).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_rpc::Error;

use super::{
    behaviours::Doings, fan_tags::FanTags, lifecycle::rules_in_force, tag_rules::name, tiers::log_failure,
};
use crate::{
    Crm,
    domain::{
        tag::Origin,
        tag_rule::{Condition, Criterion},
    },
    store::{
        self,
        account::Account,
        tag_rule::{NEVER, TagRule},
    },
};

/// Fans gone through in one transaction.
const CHUNK: i64 = 500;
/// Pause between two passes of a rule about what holds of fans.
const PASS_INTERVAL: i64 = Micros::PER_DAY;

impl Crm {
    /// Lets each rule that is due go through a chunk of fans; answers how many rules did. Call again until it is 0. What
    /// fails for one account is logged and does not keep it from the others.
    pub(crate) async fn apply_tag_rules_once(&self, now: Micros) -> Result<usize, Error> {
        let mut tx = self.db.begin_read().await?;
        let due = store::tag_rule::due(&mut tx, now.0).await?;
        drop(tx);
        let mut applied = 0;
        for (account_id, rule_id) in &due {
            match self.apply_tag_rule(account_id, rule_id, now).await {
                Ok(()) => applied += 1,
                Err(error) => log_failure(account_id, &error),
            }
        }
        Ok(applied)
    }

    /// Goes through a chunk of fans. How far it has come is stored with what it did, so that it goes on from there
    /// whatever ends the process.
    async fn apply_tag_rule(&self, account_id: &str, rule_id: &str, now: Micros) -> Result<(), Error> {
        let _turn = self.turns.take(account_id).await;
        let mut tx = self.db.begin().await?;
        let account = store::account::lock(&mut tx, account_id).await?;
        // Another replica may have been here since it was found due.
        let found = store::tag_rule::get(&mut tx, account_id, rule_id).await?;
        let Some(mut rule) = found.filter(|rule| rule.due_time <= now.0) else { return Ok(()) };
        // Who has met a behaviour keeps its tag: there is nobody to look at when it goes.
        let is_left = rule.deleted && matches!(rule.criterion, Criterion::Behaviour(_));
        let chunk = if is_left { account.last_ordinal } else { CHUNK };
        let last = (rule.done_ordinal + chunk).min(account.last_ordinal);
        let (tags, next_pass) = match &rule.criterion {
            Criterion::Condition(condition) => {
                let tags = judge(&mut tx, &account, &rule, condition, last, now).await?;
                (tags, now.0 + PASS_INTERVAL)
            }
            // From here on what fans do is looked at when it arrives.
            Criterion::Behaviour(_) if is_left => (FanTags::default(), NEVER),
            Criterion::Behaviour(_) => (look_back(&mut tx, account_id, &rule, last).await?, NEVER),
        };
        tags.save(&mut tx, &self.outbox, account_id, now).await?;
        rule.done_ordinal = last;
        let is_done = last >= account.last_ordinal;
        if is_done {
            rule.done_ordinal = 0;
            rule.pass_time = Some(now.0);
            rule.due_time = next_pass;
        }
        if is_done && rule.deleted {
            store::tag_rule::delete(&mut tx, account_id, rule_id).await?;
        } else {
            store::tag_rule::update(&mut tx, account_id, &rule).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}

/// Gives the tag to the fans of whom the condition holds, up to the ordinal `last`, and takes it from the others.
async fn judge(
    tx: &mut Tx,
    account: &Account,
    rule: &TagRule,
    condition: &Condition,
    last: i64,
    now: Micros,
) -> Result<FanTags, Error> {
    let account_id = &account.account_id;
    let lifecycle = rules_in_force(tx, account).await?;
    let fans = store::fan_facts::range(tx, account_id, rule.done_ordinal, last).await?;
    let mut tags = FanTags::load(tx, account_id, fans.iter().map(|fan| fan.ordinal)).await?;
    let cause = name(account_id, &rule.rule_id);
    for fan in &fans {
        if !rule.deleted && condition.holds(fan.tier, &fan.facts, &lifecycle, now) {
            // A fan who has all the tags they may have goes without.
            tags.give(fan.ordinal, rule.tag, Origin::Rule, &cause);
        } else if tags.origin_of(fan.ordinal, rule.tag) == Some(Origin::Rule) {
            tags.take(fan.ordinal, rule.tag);
        }
    }
    Ok(tags)
}

/// Gives the tag to the fans who have ever met the rule, up to the ordinal `last`.
async fn look_back(tx: &mut Tx, account_id: &str, rule: &TagRule, last: i64) -> Result<FanTags, Error> {
    let history = store::interaction::on_contents_of_range(tx, account_id, rule.done_ordinal, last).await?;
    let mut tags = FanTags::load(tx, account_id, rule.done_ordinal + 1..=last).await?;
    Doings::new(tx, account_id, history).await?.give(account_id, rule, &mut tags);
    Ok(tags)
}
