//! `siyu doctor`: is everything that a process needs where it should be?

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use siyu_clock::{Clock, Stopwatch};
use siyu_db::{Db, OpenError, read_schema, sqlite_path};
use siyu_rpc::auth::CallerKind;
use tokio::net::TcpListener;

use crate::{
    config::{Config, Environment},
    connect::connect_over,
    keys::Keys,
    output::{one_line, print},
    suite::ServiceName,
    tls,
};

/// Fewer durable writes a second than this, and every commit is slow.
const SLOW_DISK: u128 = 500;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Prints a line for each check; the exit code is 1 when one failed.
pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let mut all_well = true;
    let mut tell = |what: &str, found: Result<String, String>| {
        all_well &= found.is_ok();
        match found {
            Ok(text) => print(format!("ok    {what}: {text}")),
            Err(text) => print(format!("FAIL  {what}: {text}")),
        }
    };
    tell("configuration", Ok("every key is known and every value allowed".to_owned()))?;
    tell("keys", check_keys(config))?;
    if !config.auth.service_token_file.as_os_str().is_empty() {
        tell("auth.service_token_file", check_service_token(config))?;
    }
    tell("disk", check_disk(&config.storage.data_dir))?;
    for service in ServiceName::ALL {
        tell(&format!("{} storage", service.name()), check_storage(config, service).await)?;
    }
    tell("port", check_port(config).await)?;
    tell("TLS", check_tls(config).await)?;
    if !config.peers.accounts.is_empty() {
        tell("peers.accounts", check_peer(config).await)?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_keys(config: &Config) -> Result<String, String> {
    let keys = Keys::load(config).map_err(|error| one_line(&error))?;
    Ok(if keys.signer.is_some() { "development secret" } else { "public keys" }.to_owned())
}

/// The token that other services will be shown, as they will judge it: their keys are those of this process.
fn check_service_token(config: &Config) -> Result<String, String> {
    let path = &config.auth.service_token_file;
    let judged = || -> anyhow::Result<String> {
        let token = fs::read_to_string(path)?;
        let caller = Keys::load(config)?.verifier.verify(token.trim(), Clock::System.now())?;
        anyhow::ensure!(caller.kind() == CallerKind::Service, "its kind is not \"service\"");
        Ok(format!("a good token of {:?}", caller.subject()))
    };
    judged().map_err(|error| format!("{}: {}", path.display(), one_line(&error)))
}

/// Counts durable writes, since every acknowledged call waits for one.
fn check_disk(data_dir: &Path) -> Result<String, String> {
    let probe = || -> std::io::Result<u128> {
        const WRITES: u128 = 50;
        let path = data_dir.join(format!("doctor-{}", std::process::id()));
        fs::create_dir_all(data_dir)?;
        let mut file = fs::File::create(&path)?;
        let stopwatch = Stopwatch::start();
        for _ in 0..WRITES {
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
        }
        let micros = stopwatch.elapsed().as_micros().max(1);
        fs::remove_file(&path)?;
        Ok(WRITES * 1_000_000 / micros)
    };
    let folder = data_dir.display();
    let rate = probe().map_err(|error| format!("{folder}: {error}"))?;
    let remark = if rate < SLOW_DISK { " (slow: expect as few commits)" } else { "" };
    Ok(format!("{folder} takes {rate} durable writes a second{remark}"))
}

/// Looks at the database as it is, and leaves it so.
async fn check_storage(config: &Config, service: ServiceName) -> Result<String, String> {
    let options = service.storage(config);
    if sqlite_path(&options.url).is_some_and(|path| !path.exists()) {
        return Ok("will be created at the first start".to_owned());
    }
    let of_context =
        |error: OpenError| format!("{}.database_url: {}", service.name(), one_line(&error.into()));
    let db = Db::connect(&options).await.map_err(of_context)?;
    let mut tx = db.begin_read().await.map_err(|error| error.to_string())?;
    let tables = read_schema(&mut tx).await.map_err(|error| error.to_string())?.len();
    drop(tx);
    db.close().await;
    Ok(format!("{}, {tables} tables", db.engine().name()))
}

/// A port in use is no mistake: a server may be running.
async fn check_port(config: &Config) -> Result<String, String> {
    let address = config.server.listen;
    match TcpListener::bind(address).await {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Ok(format!("{address} is in use: is a server running?"))
        }
        Err(error) => Err(format!("{address}: {error}")),
    }
}

/// Without TLS production may be well behind a proxy or mesh: it is said, and no failure.
async fn check_tls(config: &Config) -> Result<String, String> {
    let own = tls::server(&config.server).await.map_err(|error| error.to_string())?;
    let mutual = !config.server.tls_client_ca_file.as_os_str().is_empty();
    Ok(match (own, config.environment) {
        (Some(_), _) if mutual => "clients must use it and show a certificate",
        (Some(_), _) => "clients must use it",
        (None, Environment::Development) => "off",
        (None, Environment::Production) => {
            "off in production: a proxy or mesh must encrypt, since calls carry tokens"
        }
    }
    .to_owned())
}

async fn check_peer(config: &Config) -> Result<String, String> {
    const NO_TOKEN: &str = "";
    let url = &config.peers.accounts;
    let tls = tls::client(&config.peers).await.map_err(|error| error.to_string())?;
    match tokio::time::timeout(CONNECT_TIMEOUT, connect_over(url, tls.as_ref(), NO_TOKEN)).await {
        Ok(Ok(_)) => Ok(format!("{url} accepts connections")),
        Ok(Err(error)) => Err(one_line(&error)),
        Err(_) => Err(format!("{url}: no answer in {} s", CONNECT_TIMEOUT.as_secs())),
    }
}
