//! Automatic replies and the menu on the wire and in the domain.

use std::time::Duration;

use siyu_proto::{
    accounts::v1::{DayOfWeek, OpeningPeriod},
    messaging::v1::{self as pb, HeldReplyReason, MenuActionKind, ReplyTrigger},
};
use siyu_rpc::{Error, etag, time::to_proto};

use super::convert::{content_in, to_content};
use crate::{
    app::replies,
    domain::{
        menu::{Action, Item, Menu},
        message::Content,
        replies::{
            Definition, Folding, Held, HeldReason, Keyword, KeywordMatch, Period, ReplyLimits, ReplyRule,
            Trigger,
        },
    },
    store::account_setting::Stored,
};

/// What a rule says. What its fields must be by themselves was checked when they came in.
pub(super) fn definition(sent: pb::ReplyRule) -> Result<Definition, Error> {
    let trigger = match sent.trigger() {
        ReplyTrigger::Welcome => Trigger::Welcome,
        ReplyTrigger::Keyword => Trigger::Keyword,
        ReplyTrigger::OutsideHours => Trigger::OutsideHours,
        ReplyTrigger::Fallback => Trigger::Fallback,
        ReplyTrigger::Unspecified => return Err(Error::invalid_field("reply_rule.trigger", "must be set")),
    };
    let folding = sent.folding.unwrap_or_default();
    let keywords = sent.keywords.into_iter().enumerate().map(|(place, sent)| {
        let matching = match sent.r#match() {
            pb::KeywordMatch::Exact => KeywordMatch::Exact,
            pb::KeywordMatch::Contains => KeywordMatch::Contains,
            pb::KeywordMatch::Regex => KeywordMatch::Regex,
            pb::KeywordMatch::Unspecified => {
                return Err(Error::invalid_field(
                    format!("reply_rule.keywords[{place}].match"),
                    "must be set",
                ));
            }
        };
        Ok(Keyword { text: sent.text, matching })
    });
    let period = |sent: OpeningPeriod| Period {
        day: sent.day,
        open_minute: sent.open_minute,
        close_minute: sent.close_minute,
    };
    Ok(Definition {
        trigger,
        priority: sent.priority,
        keywords: keywords.collect::<Result<_, Error>>()?,
        folding: Folding { width: folding.width, case: folding.case, script: folding.script },
        periods: sent.opening_hours.into_iter().map(period).collect(),
        contents: contents(sent.contents, "reply_rule.contents")?,
        is_once: sent.once_per_conversation,
        is_disabled: sent.disabled,
    })
}

fn contents(sent: Vec<pb::MessageContent>, field: &str) -> Result<Vec<Content>, Error> {
    let contents = sent.into_iter().enumerate();
    contents.map(|(place, sent)| content_in(sent, &format!("{field}[{place}]"))).collect()
}

pub(super) fn to_rule(account_id: &str, rule: &ReplyRule) -> pb::ReplyRule {
    let definition = &rule.definition;
    let trigger = match definition.trigger {
        Trigger::Welcome => ReplyTrigger::Welcome,
        Trigger::Keyword => ReplyTrigger::Keyword,
        Trigger::OutsideHours => ReplyTrigger::OutsideHours,
        Trigger::Fallback => ReplyTrigger::Fallback,
    };
    let to_keyword = |keyword: &Keyword| {
        let matching = match keyword.matching {
            KeywordMatch::Exact => pb::KeywordMatch::Exact,
            KeywordMatch::Contains => pb::KeywordMatch::Contains,
            KeywordMatch::Regex => pb::KeywordMatch::Regex,
        };
        pb::ReplyKeyword { text: keyword.text.clone(), r#match: matching.into() }
    };
    let to_period = |period: &Period| OpeningPeriod {
        day: DayOfWeek::try_from(period.day).unwrap_or_default().into(),
        open_minute: period.open_minute,
        close_minute: period.close_minute,
    };
    let Folding { width, case, script } = definition.folding;
    pb::ReplyRule {
        name: replies::name(account_id, &rule.rule_id),
        trigger: trigger.into(),
        priority: definition.priority,
        keywords: definition.keywords.iter().map(to_keyword).collect(),
        folding: Some(pb::ReplyFolding { width, case, script }),
        opening_hours: definition.periods.iter().map(to_period).collect(),
        contents: definition.contents.iter().map(to_content).collect(),
        once_per_conversation: definition.is_once,
        disabled: definition.is_disabled,
        create_time: Some(to_proto(rule.create_time)),
        update_time: Some(to_proto(rule.update_time)),
        etag: etag::of(rule.revision),
    }
}

/// How far replies go; both durations must be set.
pub(super) fn limits(sent: &pb::ReplySettings) -> Result<ReplyLimits, Error> {
    let duration = |sent: Option<prost_types::Duration>, field: &str| {
        let duration = sent.and_then(|sent| Duration::try_from(sent).ok());
        duration.ok_or_else(|| Error::invalid_field(format!("reply_settings.{field}"), "must be set"))
    };
    Ok(ReplyLimits {
        most_depth: sent.max_causation_depth,
        pause: duration(sent.agent_pause, "agent_pause")?,
        most_answers: sent.max_answers,
        window: duration(sent.answer_window, "answer_window")?,
    })
}

pub(super) fn to_reply_settings(account_id: &str, stored: &Stored<ReplyLimits>) -> pb::ReplySettings {
    let limits = stored.document;
    // What is set is at most a week.
    let to_duration = |duration: Duration| prost_types::Duration::try_from(duration).ok();
    let is_set = stored.revision > 0;
    pb::ReplySettings {
        name: format!("accounts/{account_id}/replySettings"),
        max_causation_depth: limits.most_depth,
        agent_pause: to_duration(limits.pause),
        max_answers: limits.most_answers,
        answer_window: to_duration(limits.window),
        update_time: is_set.then(|| to_proto(stored.update_time)),
        etag: etag::of(stored.revision),
    }
}

pub(super) fn to_held(held: Held) -> pb::HeldReply {
    let reason = match held.reason {
        HeldReason::Depth => HeldReplyReason::Depth,
        HeldReason::TooMany => HeldReplyReason::TooMany,
        HeldReason::Agent => HeldReplyReason::Agent,
    };
    pb::HeldReply { reason: reason.into(), sequence: held.sequence }
}

/// A menu; how many items it may have was checked when it came in.
pub(super) fn menu(sent: Vec<pb::MenuItem>) -> Result<Menu, Error> {
    let items = sent.into_iter().enumerate().map(|(place, sent)| {
        let path = format!("menu.items[{place}]");
        let below = sent.items.into_iter().enumerate().map(|(place, sent)| {
            let action = sent.action.map(|sent| action(sent, &format!("{path}.items[{place}].action")));
            let action = action.transpose()?;
            Ok(Item { item_id: sent.item_id, label: sent.label, action, items: Vec::new() })
        });
        let items = below.collect::<Result<_, Error>>()?;
        let action = sent.action.map(|sent| action(sent, &format!("{path}.action"))).transpose()?;
        Ok(Item { item_id: sent.item_id, label: sent.label, action, items })
    });
    Ok(Menu { items: items.collect::<Result<_, Error>>()? })
}

/// What a tap does, with the fields that its kind has and no others.
fn action(sent: pb::MenuAction, field: &str) -> Result<Action, Error> {
    let kind = sent.kind();
    let has_contents = matches!(kind, MenuActionKind::Reply | MenuActionKind::HandOver);
    let has_card = matches!(kind, MenuActionKind::ShowCard | MenuActionKind::InviteToGroup);
    let is_link = kind == MenuActionKind::OpenLink;
    let needs_contents = kind == MenuActionKind::Reply;
    let rules = [
        ("contents", sent.contents.is_empty(), needs_contents, has_contents, "REPLY, and may with HAND_OVER"),
        ("uri", sent.uri.is_empty(), is_link, is_link, "OPEN_LINK"),
        ("card", sent.card.is_empty(), has_card, has_card, "SHOW_CARD and INVITE_TO_GROUP"),
    ];
    for (name, is_empty, is_needed, is_allowed, with) in rules {
        if (is_empty && is_needed) || !(is_empty || is_allowed) {
            return Err(Error::invalid_field(
                format!("{field}.{name}"),
                format!("must be set with {with}, and with nothing else"),
            ));
        }
    }
    let contents = contents(sent.contents, &format!("{field}.contents"))?;
    Ok(match kind {
        MenuActionKind::Reply => Action::Reply(contents),
        MenuActionKind::OpenLink => Action::OpenLink(sent.uri),
        MenuActionKind::ShowCard => Action::ShowCard(sent.card),
        MenuActionKind::InviteToGroup => Action::InviteToGroup(sent.card),
        MenuActionKind::HandOver => Action::HandOver(contents),
        MenuActionKind::Unspecified => {
            return Err(Error::invalid_field(format!("{field}.kind"), "must be set"));
        }
    })
}

pub(super) fn to_menu(account_id: &str, stored: &Stored<Menu>) -> pb::Menu {
    let to_item = |item: &Item| pb::MenuItem {
        item_id: item.item_id.clone(),
        label: item.label.clone(),
        action: item.action.as_ref().map(to_action),
        items: item
            .items
            .iter()
            .map(|item| pb::MenuSubItem {
                item_id: item.item_id.clone(),
                label: item.label.clone(),
                action: item.action.as_ref().map(to_action),
            })
            .collect(),
    };
    let is_set = stored.revision > 0;
    pb::Menu {
        name: format!("accounts/{account_id}/menu"),
        items: stored.document.items.iter().map(to_item).collect(),
        update_time: is_set.then(|| to_proto(stored.update_time)),
        etag: etag::of(stored.revision),
    }
}

fn to_action(action: &Action) -> pb::MenuAction {
    let empty = |kind: MenuActionKind| pb::MenuAction { kind: kind.into(), ..pb::MenuAction::default() };
    let contents = |contents: &[Content]| contents.iter().map(to_content).collect();
    match action {
        Action::Reply(said) => pb::MenuAction { contents: contents(said), ..empty(MenuActionKind::Reply) },
        Action::OpenLink(uri) => pb::MenuAction { uri: uri.clone(), ..empty(MenuActionKind::OpenLink) },
        Action::ShowCard(card) => pb::MenuAction { card: card.clone(), ..empty(MenuActionKind::ShowCard) },
        Action::InviteToGroup(card) => {
            pb::MenuAction { card: card.clone(), ..empty(MenuActionKind::InviteToGroup) }
        }
        Action::HandOver(said) => {
            pb::MenuAction { contents: contents(said), ..empty(MenuActionKind::HandOver) }
        }
    }
}
