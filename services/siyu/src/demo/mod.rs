//! `siyu demo`: a month of a brand's traffic, driven through the API of a server of its own.

mod campaign;
mod conversations;
mod habits;
mod month;
mod pushes;
mod storefront;
mod timeline;
pub mod traffic;
mod untold;
mod visitors;

use std::{fs, time::Duration};

use anyhow::Context;
use clap::Args;
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use siyu_clock::{Clock, Ids, SimClock, Stopwatch};
use siyu_proto::crm::v1::{
    analytics_service_client::AnalyticsServiceClient, traffic_service_client::TrafficServiceClient,
};
use siyu_rpc::auth::Caller;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    connect::{Client, connect},
    keys::Keys,
    output::print,
    report,
    serve::{listen, shutdown_on_signal},
    suite::{ServiceName, Suite},
};
use month::{Lived, Month};
use traffic::{ENTERPRISE_ID, TIME_ZONE, Traffic};

/// Drives a month of a brand's traffic through the API, prints its figures, and goes on serving.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The same seed and last day give the same month
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The last day of the month of traffic [default: yesterday]
    #[arg(long, value_name = "YYYY-MM-DD")]
    last_day: Option<Date>,
    /// Number of days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Ends after the figures instead of going on serving
    #[arg(long)]
    exit: bool,
}

const TOKEN_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

impl DemoArgs {
    pub(crate) async fn run(&self, config: &Config) -> anyhow::Result<()> {
        let stopwatch = Stopwatch::start();
        let mut config = config.clone();
        config.storage.data_dir = config.storage.data_dir.join("demo");
        let zone = TimeZone::get(TIME_ZONE)?;
        let yesterday = Clock::System.now().to_timestamp().to_zoned(zone.clone()).date().yesterday()?;
        let last_day = self.last_day.unwrap_or(yesterday);
        anyhow::ensure!(last_day <= yesterday, "--last-day must lie before today ({TIME_ZONE})");
        let first_day = last_day.checked_sub(i64::from(self.days - 1).days())?;
        let traffic = Traffic::new(self.seed, first_day, self.days)?;

        anyhow::ensure!(
            !config.server.has_tls(),
            "server.tls_cert_file: the demo is served without TLS; leave it empty"
        );
        // The port first: while another demo holds it, its storage must stay.
        let listener = listen(&config.server).await?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}");
        begin_anew(&config)?;
        let telemetry = siyu_telemetry::start(&config.telemetry)?;
        let keys = Keys::load(&config)?;
        let clock = SimClock::starting_at(first_day.to_zoned(zone.clone())?.timestamp().into());
        let mut suite =
            Suite::open(&config, &ServiceName::ALL, clock.clone().into(), Ids::seeded(self.seed), &keys)
                .await?;
        eprintln!("siyu demo: serving on {url}, ready in {} ms", stopwatch.elapsed().as_millis());

        let shutdown = if self.exit { CancellationToken::new() } else { shutdown_on_signal()? };
        let signer = keys
            .signer
            .context("the demo signs its own tokens; leave auth.jwks_file and auth.public_key_file empty")?;
        let token = signer.sign(&Caller::service("demo"), Clock::System.now(), TOKEN_TTL)?;
        let background = suite.take_background();
        let server = tokio::spawn({
            let (shutdown, server) = (shutdown.clone(), config.server.clone());
            async move { suite.serve(listener, &server, shutdown).await }
        });

        let client = connect(&url, &token).await?;
        let (clock, background) = (&clock, &background);
        let month = Month {
            client: &client,
            traffic: &traffic,
            seed: self.seed,
            first_day,
            zone: &zone,
            clock,
            background,
        };
        let lived = month.happen().await?;
        let running = background.start();
        clock.release();
        print(figures(&client, &lived).await?)?;
        print(report::refusals(lived.visitors.refusals()))?;
        if self.exit {
            shutdown.cancel();
        } else {
            print(lines_to_paste(address.port(), &token))?;
        }
        server.await??;
        running.stop().await;
        telemetry.shutdown().await;
        Ok(())
    }
}

/// Every demo begins with empty storage, in a folder that holds nothing else.
fn begin_anew(config: &Config) -> anyhow::Result<()> {
    let urls = [
        &config.accounts.database_url,
        &config.crm.database_url,
        &config.subscriptions.database_url,
        &config.messaging.database_url,
    ];
    let own_databases = urls.iter().all(|url| url.is_empty());
    anyhow::ensure!(own_databases, "the demo brings its own storage; leave the database_url keys empty");
    let folder = &config.storage.data_dir;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(())
}

async fn figures(client: &Client, lived: &Lived) -> anyhow::Result<String> {
    let mut analytics = AnalyticsServiceClient::new(client.clone());
    let mut traffic = TrafficServiceClient::new(client.clone());
    let mut text = String::new();
    for (account_id, account) in traffic::accounts() {
        let name = format!("accounts/{account_id}");
        text += &report::account(&mut analytics, &name, &account.display_name).await?;
        text.push('\n');
        text += &report::traffic(&mut traffic, &name, &account.display_name).await?;
        text.push('\n');
        let rows = lived.pushes.rows(account_id).await?;
        if !rows.is_empty() {
            text += &report::pushes(&name, &account.display_name, &rows);
            text.push('\n');
        }
        let figures = lived.conversations.figures(account_id, lived.span).await?;
        text += &report::conversations(&name, &account.display_name, &figures);
        text.push('\n');
    }
    text += &report::matrix(&mut analytics, &format!("enterprises/{ENTERPRISE_ID}")).await?;
    Ok(text)
}

fn lines_to_paste(port: u16, token: &str) -> String {
    let call = |data: &str, method: &str| {
        format!(
            "grpcurl -plaintext -H \"authorization: Bearer $TOKEN\" -d '{data}' localhost:{port} {method}\n"
        )
    };
    let account = r#""accounts/lumi-flagship""#;
    [
        "The suite goes on serving; Ctrl-C ends it. In another terminal:\n\n".to_owned(),
        format!("export TOKEN={token}\n"),
        format!("grpcurl -plaintext localhost:{port} list\n"),
        format!("grpcurl -plaintext localhost:{port} describe siyu.crm.v1.TierService.BacktestTierRules\n"),
        call(&format!(r#"{{"name": {account}}}"#), "siyu.accounts.v1.AccountsService/GetAccount"),
        call(&format!(r#"{{"parent": {account}}}"#), "siyu.crm.v1.AnalyticsService/GetTierFunnel"),
        call(&format!(r#"{{"parent": {account}}}"#), "siyu.crm.v1.AnalyticsService/GetSales"),
        call(
            &format!(r#"{{"parent": {account}, "tier": "TIER_TRUE_LOVE", "page_size": 3}}"#),
            "siyu.crm.v1.FanService/ListFans",
        ),
        call(
            &format!(r#"{{"parent": {account}, "page_size": 3}}"#),
            "siyu.crm.v1.TierService/ListTierChanges",
        ),
        call(
            r#"{"name": "accounts/lumi-flagship/homepage", "viewer": "users/u00001"}"#,
            "siyu.accounts.v1.HomepageService/GetHomepage",
        ),
        call(&format!(r#"{{"parent": {account}}}"#), "siyu.crm.v1.TrafficService/GetHomepageFunnel"),
        call(&format!(r#"{{"parent": {account}}}"#), "siyu.subscriptions.v1.PushService/ListPushes"),
        call(r#"{"user": "users/u00001", "peek": true}"#, "siyu.subscriptions.v1.FeedService/ListFeed"),
        call(
            &format!(r#"{{"parent": {account}, "page_size": 3}}"#),
            "siyu.messaging.v1.DeskService/ListDeskConversations",
        ),
        call(r#"{"parent": "enterprises/lumi"}"#, "siyu.crm.v1.AnalyticsService/GetMatrix"),
    ]
    .concat()
}
