//! What an operator can set, and what is refused.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One compact line for people.
    #[default]
    Text,
    /// One JSON object a line, with the trace id, for log stores.
    Json,
}

/// Section `[telemetry]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged: a level, or directives such as `info,siyu_crm=debug`.
    pub log: String,
    /// The shape of a log line.
    pub log_format: LogFormat,
    /// The collector that takes spans over gRPC, such as `http://127.0.0.1:4317`; empty is off.
    pub otlp_endpoint: String,
    /// Where Prometheus fetches `/metrics`, such as `127.0.0.1:9464`; empty is off.
    pub metrics_listen: String,
    /// The name spans carry; set by the program, not by the configuration.
    #[serde(skip)]
    pub service_name: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            otlp_endpoint: String::new(),
            metrics_listen: String::new(),
            service_name: "siyu".to_owned(),
        }
    }
}

impl TelemetryConfig {
    /// Refuses values that `start` could not use, without starting anything.
    pub fn check(&self) -> Result<(), TelemetryError> {
        crate::logs::filter::<tracing_subscriber::Registry>(&self.log)?;
        self.check_otlp_endpoint()?;
        self.metrics_address()?;
        Ok(())
    }

    fn check_otlp_endpoint(&self) -> Result<(), TelemetryError> {
        let endpoint = self.otlp_endpoint.as_str();
        let authority = endpoint.strip_prefix("http://").unwrap_or_default();
        if endpoint.is_empty() || !authority.is_empty() {
            return Ok(());
        }
        Err(TelemetryError::new("telemetry.otlp_endpoint", "must be a URL such as http://127.0.0.1:4317"))
    }

    pub(crate) fn metrics_address(&self) -> Result<Option<SocketAddr>, TelemetryError> {
        if self.metrics_listen.is_empty() {
            return Ok(None);
        }
        self.metrics_listen.parse().map(Some).map_err(|_| {
            TelemetryError::new("telemetry.metrics_listen", "must be IP:PORT such as 127.0.0.1:9464")
        })
    }
}

/// Why telemetry cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct TelemetryError {
    key: &'static str,
    reason: String,
}

impl TelemetryError {
    pub(crate) fn new(key: &'static str, reason: impl Into<String>) -> Self {
        Self { key, reason: reason.into() }
    }

    /// The configuration key at fault, such as `telemetry.log`.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// What is wrong with its value.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut TelemetryConfig)) -> String {
        let mut config = TelemetryConfig::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_accepted() {
        assert_eq!(TelemetryConfig::default().check(), Ok(()));
    }

    #[test]
    fn a_wrong_filter_names_its_key() {
        let message = refused(|config| config.log = "info,siyu=loud".to_owned());
        assert!(message.starts_with("telemetry.log: "), "{message}");
        assert!(message.contains("siyu=loud"), "{message}");
        let message = refused(|config| config.log = " ".to_owned());
        assert_eq!(message, "telemetry.log: must not be empty; \"off\" silences the log");
    }

    #[test]
    fn wrong_addresses_name_their_keys() {
        for endpoint in ["127.0.0.1:4317", "https://collector:4317", "http://"] {
            let message = refused(|config| config.otlp_endpoint = endpoint.to_owned());
            assert!(message.starts_with("telemetry.otlp_endpoint: "), "{message}");
        }
        for listen in ["9464", "localhost:9464", "127.0.0.1"] {
            let message = refused(|config| config.metrics_listen = listen.to_owned());
            assert!(message.starts_with("telemetry.metrics_listen: "), "{message}");
        }
    }
}
