//! Values that need more than a type of the standard library.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// A time span written for people, such as `10s`, `500ms` or `2m`: longer than zero, a year at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(SignedDuration);

impl HumanDuration {
    // Far beyond any sensible value, and safe to add to any clock.
    const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 365);

    pub(super) const fn from_secs(seconds: i64) -> Self {
        Self(SignedDuration::from_secs(seconds))
    }

    /// The time span for timers.
    pub fn get(self) -> Duration {
        self.0.unsigned_abs()
    }

    fn parse(text: &str) -> Option<Self> {
        let duration: SignedDuration = text.trim().parse().ok()?;
        (duration > SignedDuration::ZERO && duration <= Self::LONGEST).then_some(Self(duration))
    }
}

/// For the defaults of libraries: a time span too long for a clock becomes the longest.
impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(SignedDuration::try_from(duration).unwrap_or(Self::LONGEST).min(Self::LONGEST))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DurationText;

        impl Visitor<'_> for DurationText {
            type Value = HumanDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration longer than zero such as \"10s\", \"500ms\" or \"2m\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HumanDuration, E> {
                HumanDuration::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(DurationText)
    }
}

/// Text that must not reach a log: its `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(****)")
    }
}
