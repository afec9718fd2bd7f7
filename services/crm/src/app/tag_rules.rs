//! Rules that give tags to fans: making, listing, changing and deleting them (C5).

use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::tags::{Words, new_tag};
use crate::{
    Crm,
    domain::{
        tag::is_tag_id,
        tag_rule::{Criterion, MOST_RULES},
    },
    store::{self, account::Account, tag_rule::TagRule},
};

impl Crm {
    /// Makes a rule, and its tag where the account does not have that.
    pub(crate) async fn create_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        tag_id: &str,
        criterion: Criterion,
    ) -> Result<TagRule, Error> {
        check(&criterion)?;
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
                    new_tag(&mut tx, &mut account, tag_id, words, now).await?
                }
            };
            if let Some(other) = store::tag_rule::of_tag(&mut tx, account_id, tag.number).await? {
                return Err(used_by(account_id, tag_id, &other));
            }
            let rule = TagRule {
                rule_id: rule_id.to_owned(),
                tag: tag.number,
                tag_id: tag_id.to_owned(),
                criterion: criterion.clone(),
                deleted: false,
                revision: 1,
                create_time: now.0,
                update_time: now.0,
                due_time: now.0,
                done_ordinal: 0,
                pass_time: None,
            };
            store::tag_rule::insert(&mut tx, account_id, &rule).await?;
            account.behaviour_rule_count += i64::from(is_behaviour(&criterion));
            store::account::save(&mut tx, &account).await?;
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

    /// Gives a rule that is still as the caller saw it another condition or behaviour; all fans are gone through again.
    pub(crate) async fn update_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        criterion: Criterion,
        seen: &str,
    ) -> Result<TagRule, Error> {
        check(&criterion)?;
        let change = |_: &mut Account, rule: &mut TagRule| {
            check_form(&rule.criterion, &criterion)?;
            rule.criterion = criterion.clone();
            Ok(())
        };
        self.change_tag_rule(mutation, account_id, rule_id, seen, change).await
    }

    /// Deletes a rule that is still as the caller saw it. The tag of one whose condition must hold is taken back by
    /// [`Crm::apply_tag_rules_once`]; who has met a behaviour keeps it.
    pub(crate) async fn delete_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        seen: &str,
    ) -> Result<(), Error> {
        let change = |account: &mut Account, rule: &mut TagRule| {
            rule.deleted = true;
            account.behaviour_rule_count -= i64::from(is_behaviour(&rule.criterion));
            Ok(())
        };
        self.change_tag_rule(mutation, account_id, rule_id, seen, change).await.map(drop)
    }

    async fn change_tag_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        seen: &str,
        change: impl Fn(&mut Account, &mut TagRule) -> Result<(), Error> + Send + Sync,
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
            let mut account = store::account::lock(&mut tx, account_id).await?;
            let mut rule = known(&mut tx, account_id, rule_id).await?;
            etag::check(seen, rule.revision, &name(account_id, rule_id))?;
            change(&mut account, &mut rule)?;
            rule.revision += 1;
            rule.update_time = now.0;
            rule.due_time = now.0;
            rule.done_ordinal = 0;
            store::tag_rule::update(&mut tx, account_id, &rule).await?;
            store::account::save(&mut tx, &account).await?;
            mutation.finish(tx, &rule, now).await?;
            Ok(rule)
        })
        .await
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

pub(super) fn name(account_id: &str, rule_id: &str) -> String {
    format!("accounts/{account_id}/tagRules/{rule_id}")
}

fn is_behaviour(criterion: &Criterion) -> bool {
    matches!(criterion, Criterion::Behaviour(_))
}

fn check(criterion: &Criterion) -> Result<(), Error> {
    match criterion {
        Criterion::Condition(condition) if condition.is_empty() => {
            Err(Error::invalid_field("tag_rule.condition", "must ask for something"))
        }
        _ => Ok(()),
    }
}

/// A rule stays of the form it was made in: what the one takes back the other leaves.
fn check_form(stored: &Criterion, sent: &Criterion) -> Result<(), Error> {
    match (stored, sent) {
        (Criterion::Condition(_), Criterion::Behaviour(_)) => {
            Err(Error::invalid_field("tag_rule.behaviour", "the rule was made with a condition"))
        }
        (Criterion::Behaviour(_), Criterion::Condition(_)) => {
            Err(Error::invalid_field("tag_rule.condition", "the rule was made with a behaviour"))
        }
        _ => Ok(()),
    }
}

async fn check_count(tx: &mut Tx, account_id: &str) -> Result<(), Error> {
    if store::tag_rule::count(tx, account_id).await? < MOST_RULES {
        return Ok(());
    }
    let message = format!("accounts/{account_id} has {MOST_RULES} tag rules, as many as it may have");
    let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
    Err(error.with("limit", MOST_RULES.to_string()))
}
