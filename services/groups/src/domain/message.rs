//! What is said in groups (G4).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use siyu_clock::Micros;

use super::group::Wrong;

/// How long its author may take back a message.
pub(crate) const RECALLABLE: Duration = Duration::from_secs(120);

/// Kinds of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContentKind {
    Text,
    Picture,
    Video,
    Card,
    Envelope,
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
    /// Resource name of an envelope of the group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) envelope: String,
    /// Ids of the users who are meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mentions: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) mention_all: bool,
}

impl Content {
    /// A text that means nobody in particular.
    pub(crate) fn text(text: &str) -> Self {
        let (uri, card, envelope, mentions, mention_all) = Default::default();
        Self { kind: ContentKind::Text, text: text.to_owned(), uri, card, envelope, mentions, mention_all }
    }

    /// An envelope, with what is written on it.
    pub(crate) fn envelope(name: &str, greeting: &str) -> Self {
        Self { kind: ContentKind::Envelope, envelope: name.to_owned(), ..Self::text(greeting) }
    }

    /// Whether it has what its kind needs, and nothing that its kind has not; `by_account` where the account says it.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(crate) fn check(&self, account_id: &str, by_account: bool) -> Result<(), Wrong> {
        let wrong = |field, rule: &str| Err((field, rule.to_owned()));
        if self.kind == ContentKind::Envelope || !self.envelope.is_empty() {
            return wrong("kind", "must not be ENVELOPE: CreateEnvelope announces what it makes");
        }
        let has_uri = matches!(self.kind, ContentKind::Picture | ContentKind::Video);
        if self.kind == ContentKind::Text && self.text.trim().is_empty() {
            return wrong("text", "must be set with TEXT");
        }
        if has_uri && self.uri.is_empty() {
            return wrong("uri", "must be set with PICTURE and VIDEO");
        }
        if !has_uri && !self.uri.is_empty() {
            return wrong("uri", "goes with PICTURE and VIDEO alone");
        }
        if self.kind != ContentKind::Card {
            return if self.card.is_empty() { Ok(()) } else { wrong("card", "goes with CARD alone") };
        }
        if !by_account {
            return wrong("kind", "must be TEXT, PICTURE or VIDEO: members send no cards");
        }
        if !self.text.is_empty() {
            return wrong("text", "does not go with CARD");
        }
        if !self.card.starts_with(&format!("accounts/{account_id}/cards/")) {
            return wrong("card", "must be a card of the account");
        }
        Ok(())
    }

    /// Which content it was, when it is no longer kept: half of its SHA-256, 32 hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let (kind, all) = (format!("{:?}", self.kind), if self.mention_all { "all" } else { "" });
        let parts = [kind.as_str(), &self.text, &self.uri, &self.card, &self.envelope, all];
        for part in parts.into_iter().chain(self.mentions.iter().map(String::as_str)) {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
        const_hex::encode(&hasher.finalize()[..16])
    }
}

/// Something said in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) account_id: String,
    pub(crate) group_id: String,
    /// 1 for the first of the group, then without gaps.
    pub(crate) sequence: i64,
    /// Empty where the account said it.
    pub(crate) user_id: String,
    /// Who said it for the account; empty where a member did.
    pub(crate) author: String,
    pub(crate) client_message_id: String,
    /// None once it was recalled.
    pub(crate) content: Option<Content>,
    pub(crate) content_digest: String,
    pub(crate) create_time: Micros,
    pub(crate) recall_time: Option<Micros>,
    /// Number of its last change in the group.
    pub(crate) change: i64,
}

impl Message {
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.group_id, self.sequence)
    }
}

/// `accounts/{account}/groups/{group}/messages/{sequence}`
pub(crate) fn name(account_id: &str, group_id: &str, sequence: i64) -> String {
    format!("accounts/{account_id}/groups/{group_id}/messages/{sequence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_fields_and_no_others() {
        let wrong =
            |content: &Content, by_account| content.check("shop", by_account).err().map(|(field, _)| field);
        let text = Content::text("Hello");
        assert_eq!(wrong(&text, false), None);
        assert_eq!(wrong(&Content::text(" \n"), false), Some("text"));
        // Nobody says that there is an envelope but who makes it.
        let envelope = Content::envelope("accounts/shop/groups/vip/envelopes/red", "Spring");
        assert_eq!(wrong(&envelope, true), Some("kind"));
        assert_eq!(wrong(&Content { kind: ContentKind::Text, ..envelope }, true), Some("kind"));
        let uri = || "https://img.example/1.webp".to_owned();
        assert_eq!(wrong(&Content { uri: uri(), ..text.clone() }, false), Some("uri"));
        for kind in [ContentKind::Picture, ContentKind::Video] {
            assert_eq!(wrong(&Content { kind, ..text.clone() }, false), Some("uri"));
            assert_eq!(wrong(&Content { kind, uri: uri(), ..text.clone() }, false), None);
        }
        let card =
            |name: &str| Content { kind: ContentKind::Card, card: name.to_owned(), ..Content::text("") };
        assert_eq!(wrong(&card("accounts/shop/cards/tea"), true), None);
        assert_eq!(wrong(&card("accounts/shop/cards/tea"), false), Some("kind"));
        assert_eq!(wrong(&card("accounts/other/cards/tea"), true), Some("card"));
        assert_eq!(wrong(&card(""), true), Some("card"));
        let both = Content { card: "accounts/shop/cards/tea".to_owned(), ..text };
        assert_eq!(wrong(&both, true), Some("card"));
    }

    #[test]
    fn a_digest_tells_contents_apart() {
        let text = Content::text("ab");
        let mentions = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let others = [
            Content::text("a"),
            Content { kind: ContentKind::Picture, ..text.clone() },
            Content { mention_all: true, ..text.clone() },
            Content { mentions: mentions(&["u1"]), ..text.clone() },
            Content { mentions: mentions(&["u1", "u2"]), ..text.clone() },
        ];
        let mut digests: Vec<String> = others.iter().map(Content::digest).collect();
        digests.push(text.digest());
        assert_eq!(text.clone().digest(), text.digest());
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), others.len() + 1);
    }
}
