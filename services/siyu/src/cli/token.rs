//! Tokens for development.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use siyu_clock::Clock;
use siyu_proto::common::v1::Role;
use siyu_rpc::auth::{Caller, Grant};

use super::keys;
use crate::config::Config;

/// Prints a bearer token for development.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Kind of caller
    #[arg(long, value_enum, default_value_t = Kind::Service)]
    kind: Kind,
    /// Who the token stands for
    #[arg(long, default_value = "developer")]
    subject: String,
    /// What an operator may do where, e.g. `accounts/lumi-flagship=admin`; may be repeated
    #[arg(long, value_name = "RESOURCE=ROLE", value_parser = parse_grant)]
    grant: Vec<Grant>,
    /// How long it is good, e.g. `12h`, `30d`
    #[arg(long, default_value = "12h", value_parser = parse_ttl)]
    ttl: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A service of the platform: may call everything
    Service,
    /// A person acting for accounts, with grants
    Operator,
    /// Anybody on the platform
    User,
}

const DEVELOPMENT_TTL: Duration = Duration::from_secs(12 * 3600);

impl TokenArgs {
    pub(super) fn mint(self, config: &Config) -> anyhow::Result<String> {
        if self.kind != Kind::Operator && !self.grant.is_empty() {
            bail!("--grant goes with --kind operator");
        }
        let caller = match self.kind {
            Kind::Service => Caller::service(&self.subject),
            Kind::Operator => Caller::operator(&self.subject, self.grant),
            Kind::User => Caller::user(&self.subject),
        };
        sign(config, &caller, self.ttl)
    }
}

/// A token that may call everything, for the tools of this binary.
pub(super) fn development(config: &Config) -> anyhow::Result<String> {
    sign(config, &Caller::service("siyu-cli"), DEVELOPMENT_TTL)
}

fn sign(config: &Config, caller: &Caller, ttl: Duration) -> anyhow::Result<String> {
    let keys = keys(config)?;
    let signer = keys.signer.context(
        "this installation trusts public keys (auth.jwks_file, auth.public_key_file): get a token from whoever has a private one",
    )?;
    Ok(signer.sign(caller, Clock::System.now(), ttl)?)
}

fn parse_grant(text: &str) -> Result<Grant, String> {
    let (resource, role) = text.split_once('=').ok_or("expected RESOURCE=ROLE")?;
    let known = resource.starts_with("accounts/") || resource.starts_with("enterprises/");
    if !known || resource.matches('/').count() != 1 {
        return Err("the resource must be accounts/ID or enterprises/ID".to_owned());
    }
    let role = Role::from_str_name(&format!("ROLE_{}", role.to_uppercase()))
        .filter(|role| *role != Role::Unspecified)
        .ok_or("the role must be analyst, agent, operator, admin or owner")?;
    Ok(Grant { resource: resource.to_owned(), role })
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    let expected = "expected a duration such as 12h or 30d";
    let span: jiff::Span = text.parse().map_err(|_| expected)?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| expected)?;
    Duration::try_from(duration)
        .ok()
        .filter(|ttl| !ttl.is_zero())
        .ok_or_else(|| "must be more than 0".to_owned())
}
