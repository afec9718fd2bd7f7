//! Private messages: what they say, and who may take them back (M1, M5).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use siyu_clock::Micros;

/// How long its sender may take back a message.
pub(crate) const RECALLABLE: Duration = Duration::from_secs(120);

/// Whose side a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sender {
    User,
    Account,
}

impl Sender {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::User, Self::Account].into_iter().find(|sender| sender.name() == name)
    }
}

/// Kinds of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContentKind {
    Text,
    Picture,
    Video,
    Card,
    /// A user tapped an item of the menu.
    Menu,
}

/// What a message says. Lengths were checked when it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) kind: ContentKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) uri: String,
    /// Resource name of a card of the account.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) card: String,
    /// Id of the item of the menu that was tapped; `text` is what it said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) menu_item: String,
}

/// What is wrong with something: the field, below what it is in, and the rule.
pub(crate) type Wrong = (&'static str, &'static str);

impl Content {
    /// One that says nothing yet.
    pub(crate) fn empty(kind: ContentKind) -> Self {
        let (text, uri, card, menu_item) = Default::default();
        Self { kind, text, uri, card, menu_item }
    }

    /// Whether it has what its kind needs, and nothing that its kind has not.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(crate) fn check(&self, account_id: &str, sender: Sender) -> Result<(), Wrong> {
        if self.kind == ContentKind::Menu || !self.menu_item.is_empty() {
            return Err(("kind", "must not be MENU, which comes of taps on the menu"));
        }
        let has_uri = matches!(self.kind, ContentKind::Picture | ContentKind::Video);
        if self.kind == ContentKind::Text && self.text.trim().is_empty() {
            return Err(("text", "must be set with TEXT"));
        }
        if has_uri && self.uri.is_empty() {
            return Err(("uri", "must be set with PICTURE and VIDEO"));
        }
        if !has_uri && !self.uri.is_empty() {
            return Err(("uri", "goes with PICTURE and VIDEO alone"));
        }
        if self.kind != ContentKind::Card {
            return if self.card.is_empty() { Ok(()) } else { Err(("card", "goes with CARD alone")) };
        }
        if sender == Sender::User {
            return Err(("kind", "must be TEXT, PICTURE or VIDEO: users send no cards"));
        }
        if !self.text.is_empty() {
            return Err(("text", "does not go with CARD"));
        }
        if !self.card.starts_with(&format!("accounts/{account_id}/cards/")) {
            return Err(("card", "must be a card of the account"));
        }
        Ok(())
    }

    /// Which content it was, when it is no longer kept: half of its SHA-256, 32 hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        if self.kind == ContentKind::Menu {
            // What the item says may be changed before a tap is repeated.
            hasher.update(format!("menu {}", self.menu_item));
            return const_hex::encode(&hasher.finalize()[..16]);
        }
        for part in [format!("{:?}", self.kind).as_str(), &self.text, &self.uri, &self.card] {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
        const_hex::encode(&hasher.finalize()[..16])
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) account_id: String,
    pub(crate) user_id: String,
    /// 1 for the first of the conversation, then without gaps.
    pub(crate) sequence: i64,
    pub(crate) sender: Sender,
    /// Who wrote it for the account; empty where the user did.
    pub(crate) author: String,
    pub(crate) client_message_id: String,
    /// None once it was recalled or is forgotten.
    pub(crate) content: Option<Content>,
    pub(crate) content_digest: String,
    pub(crate) create_time: Micros,
    pub(crate) recall_time: Option<Micros>,
    /// When what it said was forgotten, since it is not kept for longer or was erased.
    pub(crate) forget_time: Option<Micros>,
    /// How many messages of programs in a row have caused it: 0 is written by a person.
    pub(crate) causation_depth: i32,
    /// Number of its last change in the inbox of the account, and in that of the user.
    pub(crate) account_change: i64,
    pub(crate) user_change: i64,
}

impl Message {
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.user_id, self.sequence)
    }
}

/// `accounts/{account}/conversations/{user}/messages/{sequence}`
pub(crate) fn name(account_id: &str, user_id: &str, sequence: i64) -> String {
    format!("accounts/{account_id}/conversations/{user_id}/messages/{sequence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(kind: ContentKind) -> Content {
        Content::empty(kind)
    }

    #[test]
    fn each_kind_has_its_fields_and_no_others() {
        let text = |text: &str| Content { text: text.to_owned(), ..content(ContentKind::Text) };
        let uri = || "https://img.example/1.webp".to_owned();
        let card = || "accounts/shop/cards/tea".to_owned();
        let wrong = |content: Content, sender| content.check("shop", sender).err().map(|(field, _)| field);
        assert_eq!(wrong(text("Hello"), Sender::User), None);
        assert_eq!(wrong(text(" \n"), Sender::User), Some("text"));
        assert_eq!(wrong(Content { uri: uri(), ..text("a") }, Sender::User), Some("uri"));
        assert_eq!(wrong(Content { card: card(), ..text("a") }, Sender::Account), Some("card"));
        for kind in [ContentKind::Picture, ContentKind::Video] {
            assert_eq!(wrong(content(kind), Sender::User), Some("uri"));
            assert_eq!(wrong(Content { uri: uri(), ..content(kind) }, Sender::User), None);
        }
        let mounted = || Content { card: card(), ..content(ContentKind::Card) };
        assert_eq!(wrong(mounted(), Sender::Account), None);
        assert_eq!(wrong(mounted(), Sender::User), Some("kind"));
        assert_eq!(wrong(Content { text: "a".to_owned(), ..mounted() }, Sender::Account), Some("text"));
        assert_eq!(wrong(content(ContentKind::Card), Sender::Account), Some("card"));
        let foreign = Content { card: "accounts/other/cards/tea".to_owned(), ..mounted() };
        assert_eq!(wrong(foreign, Sender::Account), Some("card"));
        assert_eq!(wrong(content(ContentKind::Menu), Sender::User), Some("kind"));
    }

    #[test]
    fn a_digest_tells_contents_apart() {
        let one = Content { text: "ab".to_owned(), ..content(ContentKind::Picture) };
        let other = Content { text: "a".to_owned(), uri: "b".to_owned(), ..content(ContentKind::Picture) };
        assert_eq!(one.digest(), one.clone().digest());
        assert_ne!(one.digest(), other.digest());
        assert_ne!(one.digest(), Content { kind: ContentKind::Video, ..one.clone() }.digest());
        assert_eq!(one.digest().len(), 32);
        // Of a tap counts which item it was, not what that said.
        let tap = |item: &str, text: &str| {
            let (menu_item, text) = (item.to_owned(), text.to_owned());
            Content { menu_item, text, ..content(ContentKind::Menu) }.digest()
        };
        assert_eq!(tap("a", "x"), tap("a", "y"));
        assert_ne!(tap("a", "x"), tap("b", "x"));
    }
}
