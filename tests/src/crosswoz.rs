//! Keyword replies on Chinese dialogues that others have labelled (`../shared/data/crosswoz`).

use std::{collections::BTreeSet, fs::File, path::Path};

use anyhow::Context;
use siyu_proto::messaging::v1::{
    CreateReplyRuleRequest, KeywordMatch, MessageContent, MessageContentKind, ReplyKeyword, ReplyRule,
    ReplyTrigger, TestReplyRequest, auto_reply_service_client::AutoReplyServiceClient,
};
use tokio::task::JoinSet;

use crate::TestSuite;

/// Keywords, which are what the labels call them too.
pub const KEYWORDS: [&str; 4] = ["电话", "地址", "营业时间", "价格"];
/// Calls at once.
const AT_ONCE: usize = 8;

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The words.
    pub text: String,
    /// Whether it is the user who says it, not the service.
    pub by_user: bool,
    /// What is asked for, as the labels say.
    pub requested: BTreeSet<String>,
}

/// How one keyword did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The keyword.
    pub keyword: &'static str,
    /// Turns of both sides in which the rule found it.
    pub hits: usize,
    /// Turns of both sides that have it as a part of their text.
    pub substrings: usize,
    /// Turns of users in which the rule found it.
    pub found: usize,
    /// Turns of users who ask for it, as the labels say.
    pub requested: usize,
    /// Turns of users that are both.
    pub right: usize,
}

impl Measured {
    /// Of what was found, the part that was asked for.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.right, self.found)
    }

    /// Of what was asked for, the part that was found.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.right, self.requested)
    }
}

fn ratio(part: usize, of: usize) -> f64 {
    let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    if of == 0 { 0.0 } else { number(part) / number(of) }
}

/// Every turn of the dialogues; none where the file is not there.
///
/// # Errors
/// When the file is not what it should be.
pub fn turns() -> anyhow::Result<Option<Vec<Turn>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/crosswoz/val.json.zip");
    let Ok(file) = File::open(&path) else { return Ok(None) };
    let mut archive = zip::ZipArchive::new(file)?;
    let dialogues: serde_json::Value = serde_json::from_reader(archive.by_name("val.json")?)?;
    let dialogues = dialogues.as_object().context("dialogues by id")?;
    let turns =
        dialogues.values().flat_map(|dialogue| dialogue["messages"].as_array()).flatten().map(|turn| {
            let acts = turn["dialog_act"].as_array().context("labels")?.iter();
            let requested = acts.filter(|act| act[0] == "Request").filter_map(|act| act[2].as_str());
            Ok(Turn {
                text: turn["content"].as_str().context("a text")?.to_owned(),
                by_user: turn["role"] == "usr",
                requested: requested.map(str::to_owned).collect(),
            })
        });
    turns.collect::<anyhow::Result<_>>().map(Some)
}

/// Gives the account `accounts/{id}` a rule for each keyword, and tries every turn on it.
///
/// # Errors
/// When a call fails.
pub async fn measure(suite: &TestSuite, id: &str, turns: &[Turn]) -> anyhow::Result<Vec<Measured>> {
    let parent = format!("accounts/{id}");
    let mut replies = AutoReplyServiceClient::new(suite.client());
    for (place, keyword) in KEYWORDS.iter().enumerate() {
        let text = (*keyword).to_owned();
        let content = MessageContent {
            kind: MessageContentKind::Text.into(),
            text: text.clone(),
            ..MessageContent::default()
        };
        let rule = ReplyRule {
            trigger: ReplyTrigger::Keyword.into(),
            keywords: vec![ReplyKeyword { text, r#match: KeywordMatch::Contains.into() }],
            contents: vec![content],
            ..ReplyRule::default()
        };
        let request = CreateReplyRuleRequest {
            parent: parent.clone(),
            reply_rule: Some(rule),
            reply_rule_id: format!("k{place}"),
            ..Default::default()
        };
        replies.create_reply_rule(request).await?;
    }
    let mut calls = JoinSet::new();
    for first in 0..AT_ONCE {
        let texts: Vec<(usize, String)> = turns
            .iter()
            .enumerate()
            .skip(first)
            .step_by(AT_ONCE)
            .map(|(place, turn)| (place, turn.text.clone()))
            .collect();
        let (mut replies, parent) = (replies.clone(), parent.clone());
        calls.spawn(async move {
            let mut found = Vec::with_capacity(texts.len());
            for (place, text) in texts {
                let request = TestReplyRequest { parent: parent.clone(), text, first_message: false };
                let rules = replies.test_reply(request).await?.into_inner().matching_reply_rules;
                found.push((place, rules));
            }
            anyhow::Ok(found)
        });
    }
    let mut found = vec![Vec::new(); turns.len()];
    while let Some(call) = calls.join_next().await {
        for (place, rules) in call?? {
            found[place] = rules;
        }
    }
    let measured = KEYWORDS.iter().enumerate().map(|(place, keyword)| {
        let rule = format!("{parent}/replyRules/k{place}");
        let count = |counted: &dyn Fn(&Turn, bool) -> bool| {
            let pairs = turns.iter().zip(&found);
            pairs.filter(|(turn, rules)| counted(turn, rules.contains(&rule))).count()
        };
        Measured {
            keyword,
            hits: count(&|_, is_found| is_found),
            substrings: count(&|turn, _| turn.text.contains(keyword)),
            found: count(&|turn, is_found| turn.by_user && is_found),
            requested: count(&|turn, _| turn.by_user && turn.requested.contains(*keyword)),
            right: count(&|turn, is_found| turn.by_user && is_found && turn.requested.contains(*keyword)),
        }
    });
    Ok(measured.collect())
}
