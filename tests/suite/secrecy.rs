//! Where a process leaves something: what is told in private must not be there.

use std::fs;

use siyu::connect::{Client, connect};
use siyu_db::{Db, OpenOptions, on_db, read_schema};
use siyu_proto::common::v1::{StreamEventsRequest, event_feed_service_client::EventFeedServiceClient};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
    pushes::fleet::eventually,
};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::traces::Collector;

/// Somewhere a process leaves something.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) content: String,
}

impl Place {
    pub(crate) fn new(name: impl Into<String>, content: &[u8]) -> Self {
        Self { name: name.into(), content: String::from_utf8_lossy(content).into_owned() }
    }

    /// Whether the text is there, also as the hexadecimal digits in which PostgreSQL shows bytes.
    pub(crate) fn has(&self, text: &str) -> bool {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.content.contains(text) || self.content.contains(&hex)
    }
}

/// Which secrets are where, a line each.
pub(crate) fn found(secrets: &[&str], places: impl IntoIterator<Item = Place>) -> Vec<String> {
    let in_place = |place: Place| {
        let there = secrets.iter().filter(|secret| place.has(secret));
        there.map(|secret| format!("{secret} in {}", place.name)).collect::<Vec<_>>()
    };
    places.into_iter().flat_map(in_place).collect()
}

/// A process of all services that logs all it can, with an account `shop`.
pub(crate) struct Talkative {
    pub(crate) installation: Installation,
    pub(crate) client: Client,
    process: Process,
    collector: Collector,
    logs: TempDir,
}

impl Talkative {
    /// Starts it; none where the engine is not to be had.
    pub(crate) async fn start(engine: Engine) -> Option<Self> {
        let installation = Installation::create(engine).await.unwrap()?;
        let (collector, otlp_endpoint) = Collector::start().await;
        let logs = tempfile::tempdir().unwrap();
        let tee = format!("exec \"$0\" \"$@\" 2> >(tee {} >&2)", logs.path().join("log").display());
        let launch = Launch {
            wrapper: vec!["bash".to_owned(), "-c".to_owned(), tee],
            set: vec![
                "telemetry.log=trace".to_owned(),
                "telemetry.log_format=json".to_owned(),
                format!("telemetry.otlp_endpoint={otlp_endpoint}"),
            ],
            ..Launch::default()
        };
        let mut process = installation.start(&launch).unwrap();
        let client = connect(&process.ready().await.unwrap(), &installation.token).await.unwrap();
        create_accounts(&client, &["shop".to_owned()]).await.unwrap();
        Some(Self { installation, client, process, collector, logs })
    }

    /// Every row of every table of a service.
    pub(crate) async fn tables(&self, service: &str) -> Vec<Place> {
        let key = format!("{service}.database_url=");
        let url = self.installation.settings().iter().find_map(|setting| setting.strip_prefix(&key));
        tables(url.unwrap()).await
    }

    /// Every event in the feed of a service, as its readers get it, once one has `text`.
    pub(crate) async fn feed(&self, service: &str, text: &str) -> Place {
        let mut content = Vec::new();
        let has_all = async || {
            let parent = format!("feeds/{service}");
            let request = StreamEventsRequest { parent, ..StreamEventsRequest::default() };
            let mut feeds = EventFeedServiceClient::new(self.client.clone());
            let mut pages = feeds.stream_events(request).await?.into_inner();
            content.clear();
            while let Some(page) = pages.message().await? {
                let events = page.events.into_iter();
                content.extend(events.flat_map(|event| event.payload.unwrap_or_default().value));
            }
            // What was written a moment ago is published a moment later.
            Ok(Place::new("", &content).has(text))
        };
        eventually(has_all, "the feed has what happened").await.unwrap();
        Place::new(format!("the feed of {service}"), &content)
    }

    /// Ends it; answers what outlives it, its log and its spans.
    pub(crate) async fn end(self) -> (Installation, Place, Place) {
        drop(self.client);
        self.process.terminate().await.unwrap();
        let log = Place::new("the log", &fs::read(self.logs.path().join("log")).unwrap());
        let spans = Place::new("the spans", format!("{:?}", self.collector.spans()).as_bytes());
        (self.installation, log, spans)
    }
}

/// Every row of every table.
async fn tables(url: &str) -> Vec<Place> {
    let db = Db::connect(&OpenOptions { url: url.to_owned(), max_connections: 1 }).await.unwrap();
    let mut tx = db.begin_read().await.unwrap();
    let mut places = Vec::new();
    for (table, columns) in read_schema(&mut tx).await.unwrap() {
        let column_text = |(column, kind): (&String, &String)| match db.engine() {
            Engine::Sqlite if kind.starts_with("BLOB") => format!("LOWER(HEX(\"{column}\"))"),
            _ => format!("COALESCE(CAST(\"{column}\" AS TEXT), '')"),
        };
        let columns: Vec<_> = columns.iter().map(column_text).collect();
        let sql = format!("SELECT {} FROM \"{table}\"", columns.join(" || ' ' || "));
        let rows: Vec<String> =
            on_db!(&mut tx, |conn| sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(conn).await).unwrap();
        places.push(Place::new(format!("table {table}"), rows.join("\n").as_bytes()));
    }
    drop(tx);
    db.close().await;
    places
}
