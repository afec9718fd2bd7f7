//! What answers a message by itself, in the same transaction: rules (M3), the menu (M4) and questionnaires (M8).

use jiff::tz::TimeZone;
use siyu_clock::Micros;
use siyu_telemetry::names;

use super::{
    asking::{RunNews, Said},
    settings::Settings,
};
use crate::domain::{
    conversation::Conversation,
    menu::Action,
    message::{Content, ContentKind, Message, Sender},
    questionnaire::EndReason,
    replies::{Automation, Heard},
};

/// What authors of messages that nobody wrote begin with.
const BOTS: &str = "bots/";

/// The replies to a message that was just added to its conversation, to which they are added too.
pub(super) fn replies(
    settings: &Settings,
    runs: &mut RunNews,
    conversation: &mut Conversation,
    cause: &Message,
    zone: &TimeZone,
    now: Micros,
) -> Vec<Message> {
    let replies = contents(settings, runs, &mut conversation.automation, cause, zone, now);
    let messages = replies.into_iter().enumerate().map(|(place, (author, content))| {
        let (sequence, create_time) = conversation.append_reply(now);
        Message {
            account_id: cause.account_id.clone(),
            user_id: cause.user_id.clone(),
            sequence,
            sender: Sender::Account,
            author,
            // With a character that ids of callers do not have.
            client_message_id: format!("reply/{}/{place}", cause.sequence),
            content_digest: content.digest(),
            content: Some(content),
            create_time,
            recall_time: None,
            forget_time: None,
            causation_depth: cause.causation_depth + 1,
            account_change: 0,
            user_change: 0,
        }
    });
    messages.collect()
}

/// What is replied, and what that comes of.
fn contents(
    settings: &Settings,
    runs: &mut RunNews,
    automation: &mut Automation,
    message: &Message,
    zone: &TimeZone,
    now: Micros,
) -> Vec<(String, Content)> {
    let limits = &settings.reply_limits;
    let Some(content) = &message.content else { return Vec::new() };
    if message.sender == Sender::Account {
        if !message.author.starts_with(BOTS) {
            automation.hear_agent(limits, now);
            runs.end(automation, message, EndReason::Agent, now);
        }
        return spoken(runs.begun_by_agent(settings, automation, message, now));
    }
    let heard =
        Heard { sequence: message.sequence, depth: message.causation_depth, text: &content.text, zone, now };
    let mut replies = Vec::new();
    if content.kind == ContentKind::Menu {
        let Some((item, action)) = settings.menu.find(&content.menu_item) else { return replies };
        let contents = action.contents();
        automation.hear_menu();
        if !contents.is_empty() && automation.may_answer_tap(limits, heard) {
            let author = || format!("{BOTS}menu/{}", item.item_id);
            replies.extend(contents.into_iter().map(|content| (author(), content)));
            count("menu");
        }
        if matches!(action, Action::HandOver(_)) {
            automation.hand_over(limits, now);
            runs.end(automation, message, EndReason::Agent, now);
        }
    } else if let Some(said) = runs.hear(settings, automation, message, heard) {
        replies = spoken(Some(said));
        if !replies.is_empty() {
            count("questionnaire");
        }
    } else {
        for rule in automation.hear_user(&settings.replies, limits, heard) {
            let author = || format!("{BOTS}replyRules/{}", rule.rule_id);
            let contents = rule.definition.contents.iter().cloned();
            replies.extend(contents.map(|content| (author(), content)));
            count(rule.definition.trigger.name());
        }
    }
    if let Some(held) = automation.held {
        metrics::counter!(names::AUTO_REPLIES_HELD_TOTAL, "reason" => held.reason.name()).increment(1);
    }
    replies
}

fn spoken(said: Option<Said>) -> Vec<(String, Content)> {
    let Some(Said { author, texts }) = said else { return Vec::new() };
    let contents = texts.into_iter().map(|text| Content { text, ..Content::empty(ContentKind::Text) });
    contents.map(|content| (author.clone(), content)).collect()
}

fn count(trigger: &'static str) {
    metrics::counter!(names::AUTO_REPLIES_TOTAL, "trigger" => trigger).increment(1);
}
