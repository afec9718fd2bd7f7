//! The command line.

mod clock;
mod create;
mod token;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use siyu_clock::Clock;
use siyu_proto::{
    accounts::v1::accounts_service_client::AccountsServiceClient,
    crm::v1::{
        analytics_service_client::AnalyticsServiceClient,
        interaction_service_client::InteractionServiceClient, tier_service_client::TierServiceClient,
    },
};

use crate::{
    config::{self, Config, Overrides},
    connect::{Client, connect_over},
    demo::DemoArgs,
    doctor,
    import::{self, ImportArgs},
    keys::Keys,
    output::print,
    report, serve,
    suite::{ServiceName, Suite},
    tls,
};

/// Siyu (私域): an open private-domain operations platform.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    overrides: Overrides,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves all services in this process, on one port, with embedded storage
    Dev {
        #[command(flatten)]
        clock: clock::ClockArgs,
    },
    /// Serves the named services
    Serve {
        /// The services
        #[arg(required = true, value_enum)]
        services: Vec<ServiceName>,
        #[command(flatten)]
        clock: clock::ClockArgs,
    },
    /// Brings the databases of the named services (default: all) up to date, and ends
    Migrate {
        /// The services
        #[arg(value_enum)]
        services: Vec<ServiceName>,
    },
    /// Prints every key of the configuration, its value, and where that was set
    Config,
    /// Prints a bearer token for development
    Token(token::TokenArgs),
    /// Checks the configuration, the databases, the disk and the peers
    Doctor,
    /// Imports historical interactions or messages from a file, through the API of a running server
    Import {
        #[command(flatten)]
        server: ServerArgs,
        /// Creates the account, and an enterprise of the same id, where they do not exist
        #[arg(long)]
        create: bool,
        /// Currency of an account that `--create` makes
        #[arg(long, default_value = "CNY", value_name = "CODE")]
        currency: String,
        #[command(flatten)]
        import: Box<ImportArgs>,
    },
    /// Prints the figures of an account
    Report {
        #[command(flatten)]
        server: ServerArgs,
        /// The account: `accounts/ID` or `ID`
        account: String,
    },
    /// Drives a month of a brand's traffic through the API, prints its figures, and goes on serving
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// The server [default: the address in the configuration]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Bearer token [default: a development token]
    #[arg(long, env = "SIYU_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// PEM file of the authorities that sign an https server [default: peers.ca_file]
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
}

impl ServerArgs {
    async fn connect(&self, config: &Config) -> anyhow::Result<Client> {
        let own_url = || format!("{}://{}", config.server.scheme(), config.server.listen);
        let url = self.server.clone().unwrap_or_else(own_url);
        let mut peers = config.peers.clone();
        if let Some(ca_file) = &self.ca_file {
            peers.ca_file.clone_from(ca_file);
        }
        let tls = tls::client(&peers).await?;
        let token = match &self.token {
            Some(token) => token.clone(),
            None => token::development(config)?,
        };
        connect_over(&url, tls.as_ref(), &token).await
    }
}

/// Runs the command that `arguments` ask for, the name of the program first.
///
/// # Errors
/// With a message for whoever typed it.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let cli = Cli::parse_from(settings_first(arguments));
    let mut overrides = cli.overrides;
    if let Command::Dev { clock } | Command::Serve { clock, .. } = &cli.command {
        overrides.sim_clock = clock.sim_clock.is_some();
    }
    let loaded = config::load(&overrides)?;
    let config = &loaded.config;
    match cli.command {
        Command::Dev { clock } => Box::pin(serve::run(config, &ServiceName::ALL, clock.source())).await?,
        Command::Serve { services, clock } => Box::pin(serve::run(config, &services, clock.source())).await?,
        Command::Migrate { services } => {
            let services = if services.is_empty() { ServiceName::ALL.to_vec() } else { services };
            Suite::migrate(config, &services).await?;
        }
        Command::Config => print(loaded.describe())?,
        Command::Token(args) => print(args.mint(config)?)?,
        Command::Doctor => return doctor::run(config).await,
        Command::Import { server, create, currency, import } => {
            let client = server.connect(config).await?;
            if create {
                create::account(client.clone(), &import, &currency).await?;
            }
            return run_import(client, *import).await;
        }
        Command::Report { server, account } => {
            let account = if account.contains('/') { account } else { format!("accounts/{account}") };
            let client = server.connect(config).await?;
            let display_name = display_name(client.clone(), &account).await?;
            print(report::account(&mut AnalyticsServiceClient::new(client), &account, &display_name).await?)?;
        }
        Command::Demo(args) => Box::pin(args.run(config)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts `--set` and `--config` before the command, wherever they stand: of an option that may stand on both sides,
/// the parser would keep one side only.
fn settings_first(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut first = Vec::from_iter(arguments.next());
    let mut rest = Vec::new();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        if text == "--set" || text == "--config" {
            first.push(argument);
            first.extend(arguments.next());
        } else if text.starts_with("--set=") || text.starts_with("--config=") {
            first.push(argument);
        } else {
            rest.push(argument);
        }
    }
    first.extend(rest);
    first
}

/// Imports and prints the figures. The exit code is 2 when some rows were rejected.
async fn run_import(client: Client, args: ImportArgs) -> anyhow::Result<ExitCode> {
    const SOME_REJECTED: u8 = 2;
    if args.format == import::Format::Collegemsg {
        let summary = import::run_messages(args, client, Clock::System.now().to_timestamp()).await?;
        return Ok(if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(SOME_REJECTED) });
    }
    let account = args.account.clone();
    let summary = import::run(
        args,
        InteractionServiceClient::new(client.clone()),
        TierServiceClient::new(client.clone()),
        Clock::System.now().to_timestamp(),
    )
    .await?;
    let display_name = display_name(client.clone(), &account).await?;
    print(report::account(&mut AnalyticsServiceClient::new(client), &account, &display_name).await?)?;
    Ok(if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(SOME_REJECTED) })
}

async fn display_name(client: Client, account: &str) -> anyhow::Result<String> {
    let request = siyu_proto::accounts::v1::GetAccountRequest { name: account.to_owned() };
    let answer = AccountsServiceClient::new(client).get_account(request).await?;
    Ok(answer.into_inner().account.map(|account| account.display_name).unwrap_or_default())
}

/// The keys of this installation, made where they are missing.
fn keys(config: &Config) -> anyhow::Result<Keys> {
    Keys::load(config).with_context(|| format!("cannot read the keys in {}", show(&config.storage.data_dir)))
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_count_on_both_sides_of_the_command() {
        let words = ["siyu", "--set", "a.b=1", "dev", "--set=c.d=2", "--sim-clock", "--config", "f.toml"];
        let cli = Cli::parse_from(settings_first(words.map(OsString::from)));
        assert_eq!(cli.overrides.set, ["a.b=1", "c.d=2"]);
        assert_eq!(cli.overrides.file.as_deref(), Some(Path::new("f.toml")));
        assert!(matches!(cli.command, Command::Dev { clock: clock::ClockArgs { sim_clock: Some(None) } }));
    }
}
