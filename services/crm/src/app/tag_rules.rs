//! Rules that give tags to fans: making and changing them, and going through the fans (C5).

use siyu_clock::Micros;
use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::{
    fan_tags::FanTags,
    lifecycle::rules_in_force,
    tags::{Words, new_tag},
    tiers::log_failure,
};
use crate::{
    Crm,
    domain::{
        tag::{Origin, is_tag_id},
        tag_rule::{Condition, MOST_RULES},
    },
    store::{self, tag_rule::TagRule},
};

/// Fans gone through in one transaction.
const CHUNK: i64 = 500;
/// Pause between two passes.
const PASS_INTERVAL: i64 = Micros::PER_DAY;

impl Crm {
    /// Makes a rule, and its tag where the account does not have that.
    pub(crate) async fn create_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        tag_id: &str,
        condition: Condition,
    ) -> Result<TagRule, Error> {
        check(&condition)?;
        if !is_tag_id(tag_id) {
            let rule = "must be lower-case letters, digits, - and _, at most 63, not beginning with - or _";
            return Err(Error::invalid_field("tag_rule.tag", rule));
        }
        self.directory.get(account_id).await?;
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut account = store::account::lock(&mut tx, account_id).await?;
            if store::tag_rule::get(&mut tx, account_id, rule_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, rule_id)));
            }
            check_count(&mut tx, account_id).await?;
            let tag = match store::tag::get(&mut tx, account_id, tag_id).await? {
                Some(tag) => tag,
                None => {
                    let words = Words {
                        display_name: tag_id.to_owned(),
                        category: String::new(),
                        description: String::new(),
                    };
                    let tag = new_tag(&mut tx, &mut account, tag_id, words, now).await?;
                    store::account::save(&mut tx, &account).await?;
                    tag
                }
            };
            if let Some(other) = store::tag_rule::of_tag(&mut tx, account_id, tag.number).await? {
                return Err(used_by(account_id, tag_id, &other));
            }
            let rule = TagRule {
                rule_id: rule_id.to_owned(),
                tag: tag.number,
                tag_id: tag_id.to_owned(),
                condition: condition.clone(),
                deleted: false,
                revision: 1,
                create_time: now.0,
                update_time: now.0,
                due_time: now.0,
                done_ordinal: 0,
                pass_time: None,
            };
            store::tag_rule::insert(&mut tx, account_id, &rule).await?;
            mutation.finish(tx, &rule, now).await?;
            Ok(rule)
        })
        .await
    }

    pub(crate) async fn get_tag_rule(&self, account_id: &str, rule_id: &str) -> Result<TagRule, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, rule_id).await
    }

    /// A page of rules by id, and the token of the next.
    pub(crate) async fn list_tag_rules(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<TagRule>, String), Error> {
        self.directory.get(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut rules = store::tag_rule::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut rules, |last| last.rule_id.clone())?;
        Ok((rules, next))
    }

    /// Gives a rule that is still as the caller saw it another condition; all fans are gone through again.
    pub(crate) async fn update_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        condition: Condition,
        seen: &str,
    ) -> Result<TagRule, Error> {
        check(&condition)?;
        self.change_tag_rule(mutation, account_id, rule_id, seen, |rule| rule.condition = condition.clone())
            .await
    }

    /// Deletes a rule that is still as the caller saw it. Its tag is taken back by [`Crm::apply_tag_rules_once`].
    pub(crate) async fn delete_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        seen: &str,
    ) -> Result<(), Error> {
        self.change_tag_rule(mutation, account_id, rule_id, seen, |rule| rule.deleted = true).await.map(drop)
    }

    async fn change_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        seen: &str,
        change: impl Fn(&mut TagRule) + Send + Sync,
    ) -> Result<TagRule, Error> {
        let _turn = self.turns.take(account_id).await;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            // Before the lock, which would make the row of an account that nobody knows.
            known(&mut tx, account_id, rule_id).await?;
            store::account::lock(&mut tx, account_id).await?;
            let mut rule = known(&mut tx, account_id, rule_id).await?;
            etag::check(seen, rule.revision, &name(account_id, rule_id))?;
            change(&mut rule);
            rule.revision += 1;
            rule.update_time = now.0;
            rule.due_time = now.0;
            rule.done_ordinal = 0;
            store::tag_rule::update(&mut tx, account_id, &rule).await?;
            mutation.finish(tx, &rule, now).await?;
            Ok(rule)
        })
        .await
    }

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
        let last = (rule.done_ordinal + CHUNK).min(account.last_ordinal);
        let lifecycle = rules_in_force(&mut tx, &account).await?;
        let fans = store::fan_facts::range(&mut tx, account_id, rule.done_ordinal, last).await?;
        let mut tags = FanTags::load(&mut tx, account_id, fans.iter().map(|fan| fan.ordinal)).await?;
        let cause = name(account_id, rule_id);
        for fan in &fans {
            if !rule.deleted && rule.condition.holds(fan.tier, &fan.facts, &lifecycle, now) {
                // A fan who has all the tags they may have goes without.
                tags.give(fan.ordinal, rule.tag, Origin::Rule, &cause);
            } else if tags.origin_of(fan.ordinal, rule.tag) == Some(Origin::Rule) {
                tags.take(fan.ordinal, rule.tag);
            }
        }
        tags.save(&mut tx, &self.outbox, account_id, now).await?;
        rule.done_ordinal = last;
        let is_done = last >= account.last_ordinal;
        if is_done {
            rule.done_ordinal = 0;
            rule.pass_time = Some(now.0);
            rule.due_time = now.0 + PASS_INTERVAL;
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

/// The refusal of what a rule that gives the tag stands against.
pub(super) fn used_by(account_id: &str, tag_id: &str, rule_id: &str) -> Error {
    let rule = name(account_id, rule_id);
    let message = format!("accounts/{account_id}/tags/{tag_id} is given by {rule}");
    Error::new(Code::FailedPrecondition, ErrorReason::WrongState, message).with("resource", rule)
}

async fn known(tx: &mut Tx, account_id: &str, rule_id: &str) -> Result<TagRule, Error> {
    let found = store::tag_rule::get(tx, account_id, rule_id).await?;
    found.filter(|rule| !rule.deleted).ok_or_else(|| Error::not_found(&name(account_id, rule_id)))
}

fn name(account_id: &str, rule_id: &str) -> String {
    format!("accounts/{account_id}/tagRules/{rule_id}")
}

fn check(condition: &Condition) -> Result<(), Error> {
    if condition.is_empty() {
        return Err(Error::invalid_field("tag_rule.condition", "must ask for something"));
    }
    Ok(())
}

async fn check_count(tx: &mut Tx, account_id: &str) -> Result<(), Error> {
    if store::tag_rule::count(tx, account_id).await? < MOST_RULES {
        return Ok(());
    }
    let message = format!("accounts/{account_id} has {MOST_RULES} tag rules, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    Err(error.with("limit", MOST_RULES.to_string()))
}
