//! 2,000 appointments, and a process that is killed while it reminds: each user is told once.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use siyu::{connect::Client, suite::ServiceName};
use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        appointment_service_client::AppointmentServiceClient, content_service_client::ContentServiceClient,
    },
    common::v1::{Event, StreamEventsRequest, event_feed_service_client::EventFeedServiceClient},
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};

use crate::{
    appointments::{Told, ask, give_up, told_in},
    contents::{live, register, start},
    support::{at, execute, open_db},
};

const USERS: usize = 2_000;
/// These cancel: one in each hundred.
const CANCELLED: usize = 20;
/// 2026-03-01T00:00:00Z
const START: Micros = Micros::from_seconds(1_772_323_200);
const CONTENT: &str = "accounts/shop/contents/live";
const LONG: Duration = Duration::from_secs(60);

fn user(number: usize) -> String {
    format!("u{number:04}")
}

/// A process of accounts that works only when it begins and when it is woken.
async fn serve(installation: &Installation) -> (Process, Client) {
    let launch = Launch {
        services: vec![ServiceName::Accounts],
        clock: Some(START),
        set: vec!["accounts.sweep_interval=24h".to_owned()],
        ..Launch::default()
    };
    let mut process = installation.start(&launch).unwrap();
    let url = process.ready().await.unwrap();
    let client = siyu::connect::connect(&url, &installation.token).await.unwrap();
    (process, client)
}

async fn make_appointments(client: &Client) {
    let made = stream::iter(0..USERS).map(|number| {
        let mut appointments = AppointmentServiceClient::new(client.clone());
        async move { appointments.create_appointment(ask(CONTENT, &user(number))).await.unwrap() }
    });
    assert_eq!(made.buffer_unordered(16).count().await, USERS);
    for number in (0..USERS).step_by(USERS / CANCELLED) {
        let appointments = AppointmentServiceClient::new(client.clone());
        give_up(appointments, CONTENT, &user(number)).await.unwrap();
    }
}

/// Waits until so many users were told; answers who, and how often.
async fn told(client: &Client, users: usize) -> Told {
    let wait = async {
        loop {
            let told = told_in(&all_events(client).await);
            if told.len() >= users {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("users are told")
}

async fn all_events(client: &Client) -> Vec<Event> {
    let request =
        StreamEventsRequest { parent: "feeds/accounts".to_owned(), ..StreamEventsRequest::default() };
    let mut feed = EventFeedServiceClient::new(client.clone());
    let mut pages = feed.stream_events(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(page) = pages.message().await.unwrap() {
        events.extend(page.events);
    }
    events
}

/// Statements that let the database refuse to mark a user, as if the process ended there, and take it back.
fn refuse_to_mark(engine: Engine, user: &str) -> (String, &'static str) {
    let when = format!("WHEN (NEW.told = 2 AND NEW.user_id = '{user}')");
    match engine {
        Engine::Sqlite => (
            format!(
                "CREATE TRIGGER stop BEFORE UPDATE ON live_appointment {when} BEGIN SELECT RAISE(ABORT, 'stop'); END"
            ),
            "DROP TRIGGER stop",
        ),
        Engine::Postgres => (
            format!(
                "CREATE FUNCTION stop() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stop'; END $$; \
                 CREATE TRIGGER stop BEFORE UPDATE ON live_appointment FOR EACH ROW {when} EXECUTE FUNCTION stop()"
            ),
            "DROP TRIGGER stop ON live_appointment",
        ),
    }
}

async fn each_user_is_told_once(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let settings = installation.settings().iter();
    let url = settings.filter_map(|setting| setting.strip_prefix("accounts.database_url=")).next().unwrap();
    let (process, client) = serve(&installation).await;
    create_accounts(&client, &["shop".to_owned()]).await.unwrap();
    let contents = ContentServiceClient::new(client.clone());
    register(contents.clone(), "live", live(at("2026-03-01T12:00:00Z"))).await.unwrap();
    make_appointments(&client).await;

    // Two chunks get through, and the third does not; then the process is killed.
    let db = open_db(url.to_owned()).await;
    let (stop, go_on) = refuse_to_mark(engine, &user(1_301));
    execute(&db, &stop).await;
    start(contents, CONTENT).await.unwrap();
    assert_eq!(told(&client, 1_000).await.len(), 1_000);
    process.kill().await.unwrap();
    // The next one cannot go on either, and is killed too.
    let (process, client) = serve(&installation).await;
    assert_eq!(told(&client, 1_000).await.len(), 1_000);
    process.kill().await.unwrap();

    execute(&db, go_on).await;
    db.close().await;
    let (process, client) = serve(&installation).await;
    let reminded = told(&client, USERS - CANCELLED).await;
    let expected = (0..USERS).filter(|number| number % (USERS / CANCELLED) != 0);
    let expected: Told = expected.map(|number| (("started", format!("users/{}", user(number))), 1)).collect();
    assert_eq!(reminded, expected);
    // Nor is anybody told again later.
    process.kill().await.unwrap();
    let (process, client) = serve(&installation).await;
    assert_eq!(told(&client, USERS - CANCELLED).await, expected);
    process.kill().await.unwrap();
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_is_told_once_on_sqlite() {
    each_user_is_told_once(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_is_told_once_on_postgres() {
    each_user_is_told_once(Engine::Postgres).await;
}
