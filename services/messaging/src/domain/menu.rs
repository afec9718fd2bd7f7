//! The menu below a conversation: two levels, and what an item does (M4).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::message::{Content, ContentKind, Sender};

/// What a tap does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// These are sent.
    Reply(Vec<Content>),
    /// The address is opened by what shows the menu.
    OpenLink(String),
    /// The card is sent.
    ShowCard(String),
    /// The card, which is a group invite, is sent.
    InviteToGroup(String),
    /// An agent is asked for, and these are sent.
    HandOver(Vec<Content>),
}

/// An item that can be tapped, or one of the first level with others below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) item_id: String,
    pub(crate) label: String,
    /// None where it has items below it.
    pub(crate) action: Option<Action>,
    pub(crate) items: Vec<Item>,
}

/// The menu of an account; without items it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Menu {
    pub(crate) items: Vec<Item>,
}

impl Action {
    /// What is sent to who tapped.
    pub(crate) fn contents(&self) -> Vec<Content> {
        match self {
            Self::Reply(contents) | Self::HandOver(contents) => contents.clone(),
            Self::OpenLink(_) => Vec::new(),
            Self::ShowCard(card) | Self::InviteToGroup(card) => {
                vec![Content { card: card.clone(), ..Content::empty(ContentKind::Card) }]
            }
        }
    }

    fn check(&self, account_id: &str) -> Result<(), (String, String)> {
        let is_card = matches!(self, Self::ShowCard(_) | Self::InviteToGroup(_));
        for (place, content) in self.contents().iter().enumerate() {
            content.check(account_id, Sender::Account).map_err(|(field, rule)| {
                let field = if is_card { field.to_owned() } else { format!("contents[{place}].{field}") };
                (format!("action.{field}"), rule.to_owned())
            })?;
        }
        Ok(())
    }
}

impl Menu {
    /// Whether each item has one thing to do, or others below it, and an id of its own. How many there may be was checked when it
    /// came in.
    ///
    /// # Errors
    /// The first field that is wrong, below the menu, and what is wrong with it.
    pub(crate) fn check(&self, account_id: &str) -> Result<(), (String, String)> {
        let mut ids = HashSet::new();
        for (path, item) in self.each() {
            let wrong = |field: &str, rule: &str| Err((format!("{path}.{field}"), rule.to_owned()));
            if !ids.insert(&item.item_id) {
                return wrong("item_id", "must not be given to two items");
            }
            match (&item.action, item.items.is_empty()) {
                (None, true) => return wrong("action", "must be set, or items"),
                (Some(_), false) => return wrong("action", "does not go with items"),
                _ => {}
            }
            if let Some(action) = &item.action {
                action.check(account_id).map_err(|(field, rule)| (format!("{path}.{field}"), rule))?;
            }
        }
        Ok(())
    }

    /// The items of both levels, and where they stand.
    pub(crate) fn each(&self) -> impl Iterator<Item = (String, &Item)> {
        self.items.iter().enumerate().flat_map(|(place, item)| {
            let path = format!("items[{place}]");
            let below = item.items.iter().enumerate();
            let below: Vec<_> = below.map(|(below, item)| (format!("{path}.items[{below}]"), item)).collect();
            std::iter::once((path, item)).chain(below)
        })
    }

    /// An item that can be tapped, and what it does.
    pub(crate) fn find(&self, item_id: &str) -> Option<(&Item, &Action)> {
        let items = self.items.iter().flat_map(|item| std::iter::once(item).chain(&item.items));
        let found = items.into_iter().find(|item| item.item_id == item_id)?;
        found.action.as_ref().map(|action| (found, action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, action: Option<Action>, items: Vec<Item>) -> Item {
        Item { item_id: id.to_owned(), label: id.to_owned(), action, items }
    }

    fn link() -> Option<Action> {
        Some(Action::OpenLink("https://shop.example".to_owned()))
    }

    #[test]
    fn what_cannot_be_tapped_or_told_apart_is_refused() {
        let wrong = |items: Vec<Item>| Menu { items }.check("shop").err().map(|(field, _)| field);
        assert_eq!(wrong(vec![]), None);
        assert_eq!(
            wrong(vec![item("a", link(), vec![]), item("b", None, vec![item("c", link(), vec![])])]),
            None
        );
        assert_eq!(wrong(vec![item("a", None, vec![])]).unwrap(), "items[0].action");
        let both = item("a", link(), vec![item("b", link(), vec![])]);
        assert_eq!(wrong(vec![both]).unwrap(), "items[0].action");
        let twice = item("b", None, vec![item("a", link(), vec![])]);
        assert_eq!(wrong(vec![item("a", link(), vec![]), twice]).unwrap(), "items[1].items[0].item_id");
        let foreign = Action::ShowCard("accounts/other/cards/tea".to_owned());
        assert_eq!(wrong(vec![item("a", Some(foreign), vec![])]).unwrap(), "items[0].action.card");
        let blank = Action::Reply(vec![Content::empty(ContentKind::Text)]);
        assert_eq!(wrong(vec![item("a", Some(blank), vec![])]).unwrap(), "items[0].action.contents[0].text");
    }

    #[test]
    fn items_of_both_levels_are_found_where_they_do_something() {
        let menu =
            Menu { items: vec![item("a", link(), vec![]), item("b", None, vec![item("c", link(), vec![])])] };
        let found = |id| menu.find(id).map(|(item, _)| item.label.as_str());
        assert_eq!((found("a"), found("b"), found("c"), found("d")), (Some("a"), None, Some("c"), None));
    }
}
