//! What a server takes for the time.

use std::str::FromStr;

use clap::Args;
use siyu_clock::{Clock, Micros, SimClock};
use tonic::transport::Uri;

use crate::serve::TimeSource;

#[derive(Debug, Args)]
pub(super) struct ClockArgs {
    /// Serves on a simulated clock that stands at TIME (default: now) and moves through
    /// siyu.testing.v1.ClockService, or follows that of the process at URL
    #[arg(long, value_name = "TIME|URL", num_args = 0..=1, require_equals = true)]
    pub(super) sim_clock: Option<Option<Simulated>>,
}

/// Where simulated time comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Simulated {
    At(jiff::Timestamp),
    Following(String),
}

impl FromStr for Simulated {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let uri: Option<Uri> = text.parse().ok();
        let is_process = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.port_u16().is_some()
                && uri.path() == "/"
        });
        if !is_process {
            return Err(
                "must be a time such as 2026-03-01T00:00:00Z, or http(s)://HOST:PORT of another process"
                    .into(),
            );
        }
        Ok(Self::Following(text.to_owned()))
    }
}

impl ClockArgs {
    pub(super) fn source(self) -> TimeSource {
        let standing_at = |start| TimeSource::Here(SimClock::starting_at(start).into());
        match self.sim_clock {
            None => TimeSource::Here(Clock::System),
            Some(None) => standing_at(Clock::System.now()),
            Some(Some(Simulated::At(start))) => standing_at(Micros::from(start)),
            Some(Some(Simulated::Following(url))) => TimeSource::Process(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_is_a_moment_or_another_process() {
        let moment: jiff::Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        assert_eq!("2026-03-01T00:00:00Z".parse(), Ok(Simulated::At(moment)));
        let url = "http://127.0.0.1:50051";
        assert_eq!(url.parse(), Ok(Simulated::Following(url.to_owned())));
        for wrong in ["", "tomorrow", "http://", "ftp://host:1", "http://host", "http://host:1/path"] {
            let refused = wrong.parse::<Simulated>().unwrap_err();
            assert!(refused.starts_with("must be a time"), "{wrong}: {refused}");
        }
    }
}
