//! What agents do again and again with conversations, under one name (M6).

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

use super::message::Wrong;

/// Most labels of a conversation.
pub(crate) const MOST_LABELS: usize = 20;

/// One thing that a macro does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    SendText(String),
    /// Id of a canned reply.
    SendCannedReply(String),
    AddLabels(Vec<String>),
    SetLabels(Vec<String>),
    AddNote(String),
    /// To an agent; None: to the queue.
    Transfer(Option<String>),
    Close,
}

impl Action {
    /// Whether nothing can be done with the case after it.
    fn is_last(&self) -> bool {
        matches!(self, Self::Transfer(_) | Self::Close)
    }

    fn check(&self) -> Result<(), Wrong> {
        match self {
            Self::SendText(text) | Self::AddNote(text) if text.trim().is_empty() => {
                Err(("text", "must be set with SEND_TEXT and ADD_NOTE"))
            }
            Self::AddLabels(labels) if labels.is_empty() => Err(("labels", "must be set with ADD_LABELS")),
            _ => Ok(()),
        }
    }
}

/// What agents know a macro by, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) display_name: String,
    pub(crate) actions: Vec<Action>,
}

impl Definition {
    /// Whether it can be done at all.
    ///
    /// # Errors
    /// The first field that is wrong, and the rule.
    pub(crate) fn check(&self) -> Result<(), (String, &'static str)> {
        for (place, action) in self.actions.iter().enumerate() {
            let checked = action.check();
            checked.map_err(|(field, rule)| (format!("actions[{place}].{field}"), rule))?;
            if action.is_last() && place + 1 < self.actions.len() {
                let rule = "must be the last where it is TRANSFER or CLOSE";
                return Err((format!("actions[{place}].kind"), rule));
            }
        }
        Ok(())
    }
}

/// A macro of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeskMacro {
    pub(crate) account_id: String,
    pub(crate) macro_id: String,
    pub(crate) definition: Definition,
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

impl DeskMacro {
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.macro_id)
    }
}

/// `accounts/{account}/macros/{macro}`
pub(crate) fn name(account_id: &str, macro_id: &str) -> String {
    format!("accounts/{account_id}/macros/{macro_id}")
}

/// Labels with others beside them, each once; None where they would be too many.
pub(crate) fn with_labels(labels: &[String], added: &[String]) -> Option<Vec<String>> {
    let mut all = labels.to_vec();
    for label in added {
        if !all.contains(label) {
            all.push(label.clone());
        }
    }
    (all.len() <= MOST_LABELS).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn what_ends_it_comes_last_and_what_is_said_says_something() {
        let wrong = |actions: &[Action]| {
            let definition = Definition { display_name: "m".to_owned(), actions: actions.to_vec() };
            definition.check().err().map(|(field, _)| field)
        };
        let text = |text: &str| Action::SendText(text.to_owned());
        assert_eq!(wrong(&[text("a"), text("b"), Action::Close]), None);
        assert_eq!(wrong(&[Action::SetLabels(vec![]), Action::Transfer(None)]), None);
        assert_eq!(wrong(&[Action::Close, text("a")]), Some("actions[0].kind".to_owned()));
        let both = [text("a"), Action::Transfer(None), Action::Close];
        assert_eq!(wrong(&both), Some("actions[1].kind".to_owned()));
        assert_eq!(wrong(&[Action::Close, Action::Close]), Some("actions[0].kind".to_owned()));
        assert_eq!(wrong(&[text("a"), text(" ")]), Some("actions[1].text".to_owned()));
        assert_eq!(wrong(&[Action::AddNote("\n".to_owned())]), Some("actions[0].text".to_owned()));
        assert_eq!(wrong(&[Action::AddLabels(vec![])]), Some("actions[0].labels".to_owned()));
    }

    #[test]
    fn labels_are_added_once_and_not_too_many() {
        let found = with_labels(&labels(&["vip"]), &labels(&["new", "vip", "new"]));
        assert_eq!(found, Some(labels(&["vip", "new"])));
        let many: Vec<String> = (0..MOST_LABELS).map(|number| number.to_string()).collect();
        assert_eq!(with_labels(&many, &labels(&["3"])), Some(many.clone()));
        assert_eq!(with_labels(&many, &labels(&["x"])), None);
    }
}
