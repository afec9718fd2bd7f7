//! Entry codes (A7): where they lead, and whether they still do.

use serde::{Deserialize, Serialize};
use siyu_clock::Micros;

/// Characters of a short code: digits and letters without those that look alike (Crockford's base 32). 5 bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 50 bits: nobody finds one by trying.
pub(crate) const SHORT_CODE_CHARS: usize = 10;

/// The short code that random bytes make.
pub(crate) fn short_code(random: [u8; SHORT_CODE_CHARS]) -> String {
    random.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).iter().collect()
}

/// Kinds of places that codes lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LandingKind {
    Homepage,
    Card,
    Content,
    Group,
    PrivateMessage,
}

impl LandingKind {
    const ALL: [Self; 5] = [Self::Homepage, Self::Card, Self::Content, Self::Group, Self::PrivateMessage];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Homepage => "homepage",
            Self::Card => "card",
            Self::Content => "content",
            Self::Group => "group",
            Self::PrivateMessage => "private_message",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The collection of the resource that it needs; none for what an account has but once.
    fn collection(self) -> Option<&'static str> {
        match self {
            Self::Card => Some("cards"),
            Self::Content => Some("contents"),
            Self::Group => Some("groups"),
            Self::Homepage | Self::PrivateMessage => None,
        }
    }
}

/// Where a code leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Landing {
    pub(crate) kind: LandingKind,
    /// The name of the card, content or group; empty with the other kinds.
    pub(crate) resource: String,
}

impl Landing {
    /// The id of the card, content or group of the account; none for a place that an account has but once.
    ///
    /// # Errors
    /// What the resource must be.
    pub(crate) fn resource_id(&self, account_id: &str) -> Result<Option<&str>, String> {
        let Some(collection) = self.kind.collection() else {
            let rule = || format!("must be empty when the landing is {}", self.kind.name());
            return if self.resource.is_empty() { Ok(None) } else { Err(rule()) };
        };
        let parent = format!("accounts/{account_id}/{collection}/");
        let id = self.resource.strip_prefix(&parent);
        let id = id.filter(|id| !id.is_empty() && !id.contains('/') && !id.contains(char::is_whitespace));
        id.map(Some).ok_or_else(|| format!("must be {parent}{{id}}, of the same account"))
    }

    /// The place, as the target of an interaction.
    pub(crate) fn target(&self, account_id: &str) -> String {
        match self.kind {
            LandingKind::Homepage => format!("accounts/{account_id}/homepage"),
            LandingKind::PrivateMessage => {
                format!("accounts/{account_id}/homepage/entrances/private_message")
            }
            LandingKind::Card | LandingKind::Content | LandingKind::Group => self.resource.clone(),
        }
    }
}

/// Whether a code leads anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Disabled,
    /// Since then.
    Expired(Micros),
}

/// The state of a code at `now`. One that was disabled stays so when its time is over.
pub(crate) fn state(disabled: bool, expire_time: Option<Micros>, now: Micros) -> State {
    match expire_time {
        _ if disabled => State::Disabled,
        Some(end) if end <= now => State::Expired(end),
        _ => State::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landing(kind: LandingKind, resource: &str) -> Landing {
        Landing { kind, resource: resource.to_owned() }
    }

    #[test]
    fn a_landing_is_a_place_of_its_own_account() {
        let card = landing(LandingKind::Card, "accounts/shop/cards/c1");
        assert_eq!(card.resource_id("shop"), Ok(Some("c1")));
        assert_eq!(card.target("shop"), "accounts/shop/cards/c1");
        assert!(card.resource_id("other").is_err());
        for resource in [
            "",
            "accounts/shop",
            "accounts/shop/cards/",
            "accounts/shop/cards/a/b",
            "cards/c1",
            "accounts/shop/contents/c1",
        ] {
            assert!(landing(LandingKind::Card, resource).resource_id("shop").is_err(), "{resource}");
        }
        assert_eq!(landing(LandingKind::Homepage, "").resource_id("shop"), Ok(None));
        assert!(landing(LandingKind::Homepage, "accounts/shop/homepage").resource_id("shop").is_err());
        let message = landing(LandingKind::PrivateMessage, "");
        assert_eq!(message.target("shop"), "accounts/shop/homepage/entrances/private_message");
    }

    #[test]
    fn kinds_survive_storage() {
        assert!(LandingKind::ALL.into_iter().all(|kind| LandingKind::named(kind.name()) == Some(kind)));
    }

    #[test]
    fn a_code_leads_somewhere_until_its_end() {
        let end = Micros::from_seconds(100);
        assert_eq!(state(false, Some(end), Micros(end.0 - 1)), State::Active);
        assert_eq!(state(false, Some(end), end), State::Expired(end));
        assert_eq!(state(true, Some(end), end), State::Disabled);
        assert_eq!(state(false, None, Micros(i64::MAX)), State::Active);
    }

    #[test]
    fn all_random_bytes_make_short_codes() {
        assert_eq!(short_code([0; 10]), "0000000000");
        assert_eq!(short_code([255; 10]), "zzzzzzzzzz");
        let all: Vec<u8> = (0..=255).collect();
        for bytes in all.windows(SHORT_CODE_CHARS) {
            let code = short_code(bytes.try_into().unwrap());
            assert!(code.len() == SHORT_CODE_CHARS && !code.contains(['i', 'l', 'o', 'u']), "{code}");
        }
    }
}
