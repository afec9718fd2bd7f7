//! What types alone cannot refuse.

use std::path::Path;

use tonic::transport::Uri;

use super::schema::{Auth, Config, Environment, Peers, Server};
use super::values::Secret;

/// RFC 7518 wants a key as long as the hash; shorter ones can be guessed offline.
const MIN_SECRET_BYTES: usize = 32;

#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) key: &'static str,
    pub(super) problem: String,
}

type Checked = Result<(), Wrong>;

pub(super) fn check(config: &Config, sim_clock: bool) -> Checked {
    server(&config.server)?;
    not_empty("storage.data_dir", &config.storage.data_dir)?;
    database("accounts.database_url", &config.accounts.database_url)?;
    positive("accounts.max_connections", config.accounts.max_connections)?;
    positive("accounts.homepage_cache_bytes", config.accounts.homepage_cache_bytes)?;
    file("accounts.lead_keys_file", &config.accounts.lead_keys_file)?;
    entry_url_base(&config.accounts.entry_url_base)?;
    database("crm.database_url", &config.crm.database_url)?;
    positive("crm.max_connections", config.crm.max_connections)?;
    positive("crm.max_calls_per_commit", config.crm.max_calls_per_commit)?;
    positive("crm.audience_cache_bytes", config.crm.audience_cache_bytes)?;
    database("subscriptions.database_url", &config.subscriptions.database_url)?;
    positive("subscriptions.max_connections", config.subscriptions.max_connections)?;
    positive("subscriptions.audience_cache_bytes", config.subscriptions.audience_cache_bytes)?;
    database("messaging.database_url", &config.messaging.database_url)?;
    positive("messaging.max_connections", config.messaging.max_connections)?;
    positive("messaging.max_calls_per_commit", config.messaging.max_calls_per_commit)?;
    database("groups.database_url", &config.groups.database_url)?;
    positive("groups.max_connections", config.groups.max_connections)?;
    positive("groups.max_calls_per_commit", config.groups.max_calls_per_commit)?;
    own_databases(config)?;
    let redis = config.realtime.redis();
    redis.map_err(|wrong| Wrong { key: "realtime.redis_url", problem: wrong.to_string() })?;
    auth(&config.auth)?;
    peers(&config.peers)?;
    config
        .telemetry
        .check()
        .map_err(|error| Wrong { key: error.key(), problem: error.reason().to_owned() })?;
    match config.environment {
        Environment::Development => Ok(()),
        Environment::Production => production(config, sim_clock),
    }
}

fn server(server: &Server) -> Checked {
    positive("server.max_connections", server.max_connections)?;
    positive("server.max_streams_per_connection", server.max_streams_per_connection)?;
    positive("server.max_concurrent_requests", server.max_concurrent_requests)?;
    positive("server.max_open_streams", server.max_open_streams)?;
    positive("server.max_message_bytes", server.max_message_bytes)?;
    let within = server.default_deadline <= server.max_deadline;
    let limit = format!("must not be longer than server.max_deadline, {}", server.max_deadline);
    ensure(within, "server.default_deadline", &limit)?;
    server.grpc_web_origins.iter().try_for_each(|origin| web_origin(origin))?;
    identity("server.tls_cert_file", &server.tls_cert_file, "server.tls_key_file", &server.tls_key_file)?;
    file("server.tls_client_ca_file", &server.tls_client_ca_file)?;
    let client_ca_counts = is_unset(&server.tls_client_ca_file) || server.has_tls();
    ensure(client_ca_counts, "server.tls_client_ca_file", "needs server.tls_cert_file")
}

fn web_origin(origin: &str) -> Checked {
    let uri: Option<Uri> = origin.parse().ok();
    let is_origin = uri.is_some_and(|uri| match (uri.scheme_str(), uri.authority()) {
        (Some(scheme @ ("http" | "https")), Some(host)) => origin == format!("{scheme}://{host}"),
        _ => false,
    });
    let problem = format!("{origin:?} must be scheme://host[:port] such as \"https://console.example.com\"");
    ensure(is_origin, "server.grpc_web_origins", &problem)
}

/// Every printed code has it, and a long one makes a dense picture.
fn entry_url_base(base: &str) -> Checked {
    const MOST_BYTES: usize = 200;
    let uri: Option<Uri> = base.parse().ok();
    let is_web = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    });
    let is_plain = !base.ends_with('/') && !base.contains(['#', '@']) && base.len() <= MOST_BYTES;
    let problem = format!(
        "{base:?} must be an address such as \"https://example.com/e\", without query and final /, of at most {MOST_BYTES} bytes"
    );
    ensure(is_web && is_plain, "accounts.entry_url_base", &problem)
}

fn auth(auth: &Auth) -> Checked {
    not_empty("auth.audience", &auth.audience)?;
    not_empty("auth.issuer", &auth.issuer)?;
    let secret = &auth.hs256_secret;
    let is_long_enough = secret.is_empty() || secret.expose().len() >= MIN_SECRET_BYTES;
    ensure(is_long_enough, "auth.hs256_secret", "must have at least 32 bytes, or be empty")?;
    file("auth.public_key_file", &auth.public_key_file)?;
    file("auth.jwks_file", &auth.jwks_file)?;
    file("auth.service_token_file", &auth.service_token_file)
}

fn production(config: &Config, sim_clock: bool) -> Checked {
    let key_files = [&config.auth.public_key_file, &config.auth.jwks_file];
    let has_keys = key_files.iter().any(|path| !is_unset(path));
    let problem = "must be set when environment is \"production\", or auth.public_key_file";
    ensure(has_keys, "auth.jwks_file", problem)?;
    let refused = "is not allowed when environment is \"production\"";
    ensure(config.auth.hs256_secret.is_empty(), "auth.hs256_secret", refused)?;
    ensure(!sim_clock, "--sim-clock", refused)
}

/// No service reads another's database.
fn own_databases(config: &Config) -> Checked {
    let databases = [
        ("accounts", "accounts.database_url", config.accounts_database_url()),
        ("crm", "crm.database_url", config.crm_database_url()),
        ("subscriptions", "subscriptions.database_url", config.subscriptions_database_url()),
        ("messaging", "messaging.database_url", config.messaging_database_url()),
        ("groups", "groups.database_url", config.groups_database_url()),
    ];
    for (place, (_, key, url)) in databases.iter().enumerate() {
        let other = databases[..place].iter().find(|(_, _, other)| other == url);
        if let Some((other, _, _)) = other {
            let problem = format!("must not be the database of [{other}]: no service reads another's");
            return Err(Wrong { key, problem });
        }
    }
    Ok(())
}

/// Does not repeat the URL: it may hold a password.
fn database(key: &'static str, url: &Secret) -> Checked {
    let url = url.expose();
    let is_server = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    let is_file = url
        .strip_prefix("sqlite:")
        .map(|path| path.strip_prefix("//").unwrap_or(path))
        .is_some_and(|path| !path.is_empty() && path != ":memory:");
    let problem =
        "must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE, or empty for a file in data_dir";
    ensure(url.is_empty() || is_server || is_file, key, problem)
}

fn peers(peers: &Peers) -> Checked {
    file("peers.ca_file", &peers.ca_file)?;
    let has_authority = !is_unset(&peers.ca_file);
    peer("peers.accounts", &peers.accounts, has_authority)?;
    peer("peers.crm", &peers.crm, has_authority)?;
    peer("peers.subscriptions", &peers.subscriptions, has_authority)?;
    peer("peers.messaging", &peers.messaging, has_authority)?;
    peer("peers.groups", &peers.groups, has_authority)?;
    identity("peers.cert_file", &peers.cert_file, "peers.key_file", &peers.key_file)?;
    ensure(has_authority || is_unset(&peers.cert_file), "peers.cert_file", "needs peers.ca_file")
}

fn peer(key: &'static str, url: &str, has_authority: bool) -> Checked {
    let uri: Option<Uri> = url.parse().ok();
    let is_peer = uri.is_some_and(|uri| {
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        is_http && uri.host().is_some_and(|host| !host.is_empty())
    });
    let problem = "must be http://HOST:PORT or https://HOST:PORT, or empty when it runs in this process";
    ensure(url.is_empty() || is_peer, key, problem)?;
    ensure(has_authority || !url.starts_with("https:"), key, "needs peers.ca_file for https")
}

/// A certificate and its key: both or none.
fn identity(cert_key: &'static str, cert: &Path, key_key: &'static str, key: &Path) -> Checked {
    file(cert_key, cert)?;
    file(key_key, key)?;
    ensure(is_unset(cert) || !is_unset(key), cert_key, &format!("needs {key_key}"))?;
    ensure(is_unset(key) || !is_unset(cert), key_key, &format!("needs {cert_key}"))
}

fn is_unset(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

fn file(key: &'static str, path: &Path) -> Checked {
    let is_there = is_unset(path) || path.is_file();
    ensure(is_there, key, &format!("no such file: {}", path.display()))
}

fn positive(key: &'static str, value: impl Into<u64>) -> Checked {
    ensure(value.into() > 0, key, "must be greater than zero")
}

fn not_empty(key: &'static str, value: impl AsRef<Path>) -> Checked {
    ensure(!is_unset(value.as_ref()), key, "must not be empty")
}

fn ensure(holds: bool, key: &'static str, problem: &str) -> Checked {
    if holds { Ok(()) } else { Err(Wrong { key, problem: problem.to_owned() }) }
}
