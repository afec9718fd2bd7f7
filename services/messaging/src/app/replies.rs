//! Rules of automatic replies: making, reading, changing, deleting and trying them; how far they go (M3).

use siyu_db::Tx;
use siyu_proto::common::v1::ErrorReason;
use siyu_rpc::{Error, Mutation, Page, etag, retrying};
use tonic::Code;

use super::settings;
use crate::{
    Messaging,
    domain::{
        message::{Content, ContentKind},
        replies::{
            Asked, Definition, MOST_KEYWORD_CHARS, MOST_ONCE, MOST_PATTERNS, MOST_RULES, ReplyLimits,
            ReplyRule, Size,
        },
    },
    store::{
        self,
        account_setting::{Document, Stored},
    },
};

/// How many rules with a keyword in a text are named.
const MOST_NAMED: usize = 100;

impl Document for ReplyLimits {
    const KIND: &'static str = "replies";
}

/// How a text would be answered.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Those that would answer.
    pub(crate) answers: Vec<ReplyRule>,
    /// Those of which a keyword is found.
    pub(crate) matching: Vec<String>,
}

impl Messaging {
    pub(crate) async fn create_reply_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        definition: Definition,
    ) -> Result<ReplyRule, Error> {
        self.accounts.check(account_id).await?;
        self.check_definition(account_id, &definition).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let number = settings::change(&mut tx, account_id).await?;
            if store::reply_rule::get(&mut tx, account_id, rule_id).await?.is_some() {
                return Err(Error::exists(&name(account_id, rule_id)));
            }
            check_size(&mut tx, account_id, rule_id, definition.size()).await?;
            let rule = ReplyRule {
                rule_id: rule_id.to_owned(),
                number,
                definition: definition.clone(),
                revision: 1,
                create_time: now,
                update_time: now,
            };
            store::reply_rule::insert(&mut tx, account_id, &rule).await?;
            mutation.finish(tx, &rule, now).await?;
            Ok(rule)
        })
        .await
    }

    pub(crate) async fn get_reply_rule(&self, account_id: &str, rule_id: &str) -> Result<ReplyRule, Error> {
        let mut tx = self.db.begin_read().await?;
        known(&mut tx, account_id, rule_id).await
    }

    /// A page of rules by id, and the token of the next.
    pub(crate) async fn list_reply_rules(
        &self,
        account_id: &str,
        page: &Page<String>,
    ) -> Result<(Vec<ReplyRule>, String), Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut rules = store::reply_rule::list(&mut tx, account_id, after, page.limit()).await?;
        let next = page.finish(&mut rules, |last| last.rule_id.clone())?;
        Ok((rules, next))
    }

    /// Makes a rule that is still as the caller saw it say something else.
    pub(crate) async fn update_reply_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        definition: Definition,
        seen: &str,
    ) -> Result<ReplyRule, Error> {
        self.check_definition(account_id, &definition).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            let mut rule = seen_rule(&mut tx, account_id, rule_id, seen).await?;
            check_size(&mut tx, account_id, rule_id, definition.size()).await?;
            rule.definition = definition.clone();
            rule.revision += 1;
            rule.update_time = now;
            store::reply_rule::update(&mut tx, account_id, &rule).await?;
            mutation.finish(tx, &rule, now).await?;
            Ok(rule)
        })
        .await
    }

    /// Deletes a rule that is still as the caller saw it.
    pub(crate) async fn delete_reply_rule(
        &self,
        mutation: &Mutation,
        account_id: &str,
        rule_id: &str,
        seen: &str,
    ) -> Result<(), Error> {
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            seen_rule(&mut tx, account_id, rule_id, seen).await?;
            store::reply_rule::delete(&mut tx, account_id, rule_id).await?;
            mutation.finish(tx, &(), now).await?;
            Ok(())
        })
        .await
    }

    /// How a text would be answered now.
    pub(crate) async fn test_reply(
        &self,
        account_id: &str,
        text: &str,
        is_first: bool,
    ) -> Result<Tried, Error> {
        let zone = self.accounts.zone(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        let settings = self.settings.of_one(&mut tx, account_id).await?;
        let asked = Asked { text, is_first, zone: &zone, now: self.clock.now() };
        let matching = settings.replies.matching(text).into_iter().take(MOST_NAMED);
        Ok(Tried {
            answers: settings.replies.answers(&asked, &[]).into_iter().cloned().collect(),
            matching: matching.map(|rule| rule.rule_id.clone()).collect(),
        })
    }

    pub(crate) async fn get_reply_settings(&self, account_id: &str) -> Result<Stored<ReplyLimits>, Error> {
        self.accounts.check(account_id).await?;
        let mut tx = self.db.begin_read().await?;
        Ok(store::account_setting::get(&mut tx, account_id).await?)
    }

    /// Sets something of an account that is still as the caller saw it; `name` is what it is called.
    pub(crate) async fn set<D: Document + Default + Clone + Send + Sync>(
        &self,
        mutation: &Mutation,
        account_id: &str,
        name: &str,
        document: D,
        seen: &str,
    ) -> Result<Stored<D>, Error> {
        self.accounts.check(account_id).await?;
        retrying(|| async {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            if let Some(first) = mutation.first_answer(&mut tx, now).await? {
                return Ok(first);
            }
            settings::change(&mut tx, account_id).await?;
            let stored: Stored<D> = store::account_setting::get(&mut tx, account_id).await?;
            etag::check(seen, stored.revision, name)?;
            let stored =
                Stored { document: document.clone(), revision: stored.revision + 1, update_time: now };
            store::account_setting::save(&mut tx, account_id, &stored).await?;
            mutation.finish(tx, &stored, now).await?;
            Ok(stored)
        })
        .await
    }

    async fn check_definition(&self, account_id: &str, definition: &Definition) -> Result<(), Error> {
        let field = |field: String| format!("reply_rule.{field}");
        definition.check(account_id).map_err(|(name, rule)| Error::invalid_field(field(name), rule))?;
        self.check_cards(&definition.contents, &field("contents".to_owned())).await
    }

    /// That cards in contents, which are in a `field`, can be shown.
    pub(super) async fn check_cards(&self, contents: &[Content], field: &str) -> Result<(), Error> {
        for (place, content) in contents.iter().enumerate() {
            if content.kind == ContentKind::Card {
                self.accounts.check_card(&content.card, &format!("{field}[{place}].card")).await?;
            }
        }
        Ok(())
    }
}

/// A rule that this transaction changes, and that is still as the caller saw it.
async fn seen_rule(tx: &mut Tx, account_id: &str, rule_id: &str, seen: &str) -> Result<ReplyRule, Error> {
    // First: the lock would make the row of an account that nobody knows.
    known(tx, account_id, rule_id).await?;
    settings::change(tx, account_id).await?;
    let rule = known(tx, account_id, rule_id).await?;
    etag::check(seen, rule.revision, &name(account_id, rule_id))?;
    Ok(rule)
}

async fn known(tx: &mut Tx, account_id: &str, rule_id: &str) -> Result<ReplyRule, Error> {
    let found = store::reply_rule::get(tx, account_id, rule_id).await?;
    found.ok_or_else(|| Error::not_found(&name(account_id, rule_id)))
}

/// `accounts/{account}/replyRules/{rule}`
pub(crate) fn name(account_id: &str, rule_id: &str) -> String {
    format!("accounts/{account_id}/replyRules/{rule_id}")
}

/// That an account may have a rule of this size besides its others.
async fn check_size(tx: &mut Tx, account_id: &str, rule_id: &str, size: Size) -> Result<(), Error> {
    let others = store::reply_rule::size(tx, account_id, rule_id).await?;
    let taken = [
        (others.rules + size.rules, MOST_RULES, "reply rules"),
        (others.keyword_chars + size.keyword_chars, MOST_KEYWORD_CHARS, "characters in keywords"),
        (others.patterns + size.patterns, MOST_PATTERNS, "keywords that are REGEX"),
        (others.once + size.once, MOST_ONCE, "reply rules that answer once per conversation"),
    ];
    for (taken, most, what) in taken {
        if taken > most {
            let message = format!("accounts/{account_id} may have {most} {what}, and this would be {taken}");
            let error = Error::new(Code::ResourceExhausted, ErrorReason::LimitReached, message);
            return Err(error.with("limit", most.to_string()));
        }
    }
    Ok(())
}
