//! Tags of fans (C5).

/// Most tags of an account.
pub(crate) const MOST_TAGS: i64 = 1_000;
/// Most tags of a fan.
pub(crate) const MOST_TAGS_OF_FAN: usize = 100;

/// How a fan came to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An operator gave it.
    Manual,
    /// An import brought it.
    Imported,
    /// A rule about the fan holds.
    Rule,
    /// A rule about what the fan did was met.
    Behaviour,
    /// They came through an entry code.
    EntryCode,
}

impl Origin {
    const ALL: [Self; 5] = [Self::Manual, Self::Imported, Self::Rule, Self::Behaviour, Self::EntryCode];

    /// What it is called in storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Imported => "imported",
            Self::Rule => "rule",
            Self::Behaviour => "behaviour",
            Self::EntryCode => "entry_code",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.name() == name)
    }

    /// Whether it takes the place of `held` where a fan has the tag by that already: what people decide outlasts what
    /// the system found, and everything outlasts a rule, which may cease to hold.
    pub(crate) fn replaces(self, held: Self) -> bool {
        self.strength() > held.strength()
    }

    fn strength(self) -> u8 {
        match self {
            Self::Rule => 0,
            Self::Behaviour | Self::EntryCode => 1,
            Self::Manual | Self::Imported => 2,
        }
    }
}

/// Whether a text may be the id of a tag: lower-case letters, digits, `-` and `_`, beginning with a letter or digit, at
/// most 63.
pub(crate) fn is_tag_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(is_plain)
        && text.bytes().all(|byte| is_plain(byte) || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_found_by_name() {
        for origin in Origin::ALL {
            assert_eq!(Origin::named(origin.name()), Some(origin));
        }
        assert_eq!(Origin::named("MANUAL"), None);
    }

    #[test]
    fn only_the_stronger_origin_takes_the_place_of_another() {
        assert!(Origin::Manual.replaces(Origin::Rule) && Origin::Imported.replaces(Origin::Behaviour));
        assert!(Origin::Behaviour.replaces(Origin::Rule) && Origin::EntryCode.replaces(Origin::Rule));
        for origin in Origin::ALL {
            assert!(!origin.replaces(origin) && !Origin::Rule.replaces(origin), "{origin:?}");
        }
        assert!(!Origin::Imported.replaces(Origin::Manual) && !Origin::EntryCode.replaces(Origin::Manual));
    }

    #[test]
    fn ids_of_tags_are_plain() {
        for good in ["a", "0", "dry-skin", "a_b", &"x".repeat(63)] {
            assert!(is_tag_id(good), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a b", "a.b", "ä", &"x".repeat(64)] {
            assert!(!is_tag_id(bad), "{bad}");
        }
    }
}
