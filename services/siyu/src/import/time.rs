//! Times: from the many ways that files write them.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    fmt::strtime,
    tz::TimeZone,
};

/// How the times of a file are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// Any of the usual ways, decided row by row.
    Auto,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// As this strptime format says.
    Pattern(String),
}

impl TimeFormat {
    /// Reads `auto`, `unix`, `unix-ms` or a strptime format.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "unix" => Ok(Self::Unix),
            "unix-ms" => Ok(Self::UnixMilliseconds),
            pattern if pattern.contains('%') => Ok(Self::Pattern(pattern.to_owned())),
            _ => Err("expected auto, unix, unix-ms or a format like %Y/%m/%d".to_owned()),
        }
    }

    /// The moment that a text names; one without a zone is local to `zone`, a day alone begins at midnight there.
    pub(super) fn read(&self, text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
        let read = match self {
            Self::Auto => read_any(text, zone),
            Self::Unix => text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()),
            Self::UnixMilliseconds => text.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            Self::Pattern(pattern) => read_pattern(pattern, text, zone),
        };
        read.ok_or_else(|| match self {
            Self::Auto => "is not a time of a known form (see --time-format)".to_owned(),
            format => format!("is not a time of the form {format}"),
        })
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Auto => "auto",
            Self::Unix => "unix",
            Self::UnixMilliseconds => "unix-ms",
            Self::Pattern(pattern) => pattern,
        })
    }
}

fn read_any(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.len() {
            8 => local(strtime::parse("%Y%m%d", text).ok()?.to_date().ok()?.at(0, 0, 0, 0), zone),
            // Seconds from 1973 to the year 5138. Shorter numbers are more likely years or plain counts.
            9..=11 => Timestamp::from_second(text.parse().ok()?).ok(),
            _ => None,
        };
    }
    // Jiff takes more than RFC 3339: `[Zone/Name]` would be read here and ignored below.
    if text.contains('[') {
        return None;
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    local(text.parse::<DateTime>().ok()?, zone)
}

fn read_pattern(pattern: &str, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let parts = strtime::parse(pattern, text).ok()?;
    if let Ok(moment) = parts.to_timestamp() {
        return Some(moment);
    }
    let date: Date = parts.to_date().ok()?;
    let time = if parts.hour().is_some() { parts.to_time().ok()? } else { Time::midnight() };
    local(date.to_datetime(time), zone)
}

fn local(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(time).compatible().ok()
}
