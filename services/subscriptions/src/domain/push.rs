//! Pushes: what they show, and the states they go through (S3, S6).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// How far ahead a push may be scheduled.
pub(crate) const FARTHEST: Duration = Duration::from_secs(366 * 24 * 3_600);
/// How long a push is in feeds, where nobody says.
pub(crate) const TIME_TO_LIVE: Duration = Duration::from_secs(30 * 24 * 3_600);

const MOST_TEXT: usize = 2_000;

/// Kinds of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContentKind {
    Text,
    Pictures,
    Article,
    Video,
}

/// What a push shows. Lengths were checked when it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) kind: ContentKind,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) picture_uris: Vec<String>,
    /// Resource name of a content of the account; empty for none.
    pub(crate) video: String,
    /// Resource names of cards of the account.
    pub(crate) cards: Vec<String>,
}

/// What is wrong with something: the field, below what it is in, and the rule.
pub(crate) type Wrong = (&'static str, &'static str);

impl Content {
    /// Whether it has what its kind needs, and nothing that its kind has not; all it names is of the account.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(crate) fn check(&self, account_id: &str) -> Result<(), Wrong> {
        let is_blank = |text: &str| text.trim().is_empty();
        let (kind, text) = (self.kind, &self.text);
        let needs_text = matches!(kind, ContentKind::Text | ContentKind::Article);
        if needs_text && is_blank(text) {
            return Err(("text", "must be set with this kind"));
        }
        if kind != ContentKind::Article && text.chars().count() > MOST_TEXT {
            return Err(("text", "must have at most 2,000 characters with this kind"));
        }
        if kind == ContentKind::Article && is_blank(&self.title) {
            return Err(("title", "must be set with ARTICLE"));
        }
        if kind == ContentKind::Pictures && self.picture_uris.is_empty() {
            return Err(("picture_uris", "must have one with PICTURES"));
        }
        if matches!(kind, ContentKind::Text | ContentKind::Video) && !self.picture_uris.is_empty() {
            return Err(("picture_uris", "must be empty with this kind"));
        }
        match (kind, self.video.is_empty()) {
            (ContentKind::Video, true) => return Err(("video", "must be set with VIDEO")),
            (ContentKind::Video, false) | (_, true) => {}
            (_, false) => return Err(("video", "must be empty with this kind")),
        }
        let own = format!("accounts/{account_id}/");
        if !self.video.is_empty() && !self.video.starts_with(&own) {
            return Err(("video", "must be of the account"));
        }
        if self.cards.iter().any(|card| !card.starts_with(&own)) {
            return Err(("cards", "must be of the account"));
        }
        Ok(())
    }
}

/// Where a push stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Being written.
    Draft,
    /// On the way to [`State::Scheduled`], from a draft or from another time: whether there is a right is not known yet.
    Reserving,
    Scheduled,
    /// Its time has come: its audience is being frozen.
    Publishing,
    /// Delivered to some, held for others.
    Sending,
    Paused,
    Sent,
    Cancelled,
    Recalled,
    /// It reached nobody.
    Failed,
}

const STATES: [(State, &str); 10] = [
    (State::Draft, "draft"),
    (State::Reserving, "reserving"),
    (State::Scheduled, "scheduled"),
    (State::Publishing, "publishing"),
    (State::Sending, "sending"),
    (State::Paused, "paused"),
    (State::Sent, "sent"),
    (State::Cancelled, "cancelled"),
    (State::Recalled, "recalled"),
    (State::Failed, "failed"),
];

impl State {
    /// What it is stored as.
    pub(crate) fn name(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        STATES.iter().find(|(_, known)| *known == name).map(|(state, _)| *state)
    }
}

/// A push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Push {
    pub(crate) account_id: String,
    pub(crate) push_id: String,
    pub(crate) state: State,
    pub(crate) content: Content,
    /// As the CRM reads it.
    pub(crate) audience: Vec<u8>,
    pub(crate) topic: String,
    pub(crate) service_message: bool,
    pub(crate) time_to_live: Duration,
    /// When it is to be published, or was.
    pub(crate) publish_time: Option<Micros>,
    /// While it is [`State::Reserving`]: when it is to be published if there is a right for it.
    pub(crate) wanted_time: Option<Micros>,
    /// Size of the frozen audience.
    pub(crate) planned_count: i64,
    /// How many of it were not reached, by the number of the CRM's verdict.
    pub(crate) excluded: Vec<(i32, i64)>,
    /// Why it failed; empty unless it did.
    pub(crate) failure: String,
    /// Id of the push that it corrects; empty for none.
    pub(crate) corrects: String,
    /// When there is something to do for it.
    pub(crate) due_time: Option<Micros>,
    /// A right was reserved that it does not use.
    pub(crate) owes_right: bool,
    /// The CRM may count it for frequency caps, and should not.
    pub(crate) owes_reach: bool,
    /// Counts the changes by operators.
    pub(crate) revision: i64,
    pub(crate) create_time: Micros,
    pub(crate) update_time: Micros,
}

impl Push {
    /// `accounts/{account}/pushes/{push}`
    pub(crate) fn name(&self) -> String {
        name(&self.account_id, &self.push_id)
    }

    /// When what is published at `publish_time` leaves the feeds.
    pub(crate) fn expire_time(&self, publish_time: Micros) -> Micros {
        publish_time.plus(self.time_to_live)
    }
}

/// `accounts/{account}/pushes/{push}`
pub(crate) fn name(account_id: &str, push_id: &str) -> String {
    format!("accounts/{account_id}/pushes/{push_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Content {
        Content {
            kind: ContentKind::Text,
            title: String::new(),
            text: "Spring".to_owned(),
            picture_uris: Vec::new(),
            video: String::new(),
            cards: vec!["accounts/shop/cards/serum".to_owned()],
        }
    }

    fn field(content: &Content) -> Option<&'static str> {
        content.check("shop").err().map(|(field, _)| field)
    }

    #[test]
    fn each_kind_has_what_it_needs_and_nothing_else() {
        let picture = vec!["https://p.example/1".to_owned()];
        let video = "accounts/shop/contents/v".to_owned();
        assert_eq!(field(&text()), None);
        assert_eq!(field(&Content { text: " \n".to_owned(), ..text() }), Some("text"));
        assert_eq!(field(&Content { text: "字".repeat(2_000), ..text() }), None);
        assert_eq!(field(&Content { text: "字".repeat(2_001), ..text() }), Some("text"));
        assert_eq!(field(&Content { picture_uris: picture.clone(), ..text() }), Some("picture_uris"));
        assert_eq!(field(&Content { video: video.clone(), ..text() }), Some("video"));
        let article = Content { kind: ContentKind::Article, text: "字".repeat(20_000), ..text() };
        assert_eq!(field(&article), Some("title"));
        assert_eq!(field(&Content { title: "T".to_owned(), ..article }), None);
        let pictures = Content { kind: ContentKind::Pictures, text: String::new(), ..text() };
        assert_eq!(field(&pictures), Some("picture_uris"));
        assert_eq!(field(&Content { picture_uris: picture, ..pictures }), None);
        let film = Content { kind: ContentKind::Video, text: String::new(), ..text() };
        assert_eq!(field(&film), Some("video"));
        assert_eq!(field(&Content { video, ..film.clone() }), None);
        assert_eq!(field(&Content { video: "accounts/other/contents/v".to_owned(), ..film }), Some("video"));
    }

    #[test]
    fn what_it_mounts_is_of_the_account() {
        let foreign = Content { cards: vec!["accounts/shopper/cards/c".to_owned()], ..text() };
        assert_eq!(field(&foreign), Some("cards"));
    }

    #[test]
    fn states_keep_their_names_in_storage() {
        for (state, name) in STATES {
            assert_eq!((state.name(), State::named(name)), (name, Some(state)));
        }
        assert_eq!(State::named("lost"), None);
    }
}
