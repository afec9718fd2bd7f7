//! One push to all followers of an account with millions of fans, until one of them reads it; and the feed of somebody who
//! follows hundreds of accounts.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use siyu::connect::{Client, connect};
use siyu_clock::Stopwatch;
use siyu_proto::{
    accounts::v1::{
        AllowancePeriod, CertificationClass, CreateRightPolicyRequest, RightKind, RightPolicy,
        rights_service_client::RightsServiceClient,
    },
    subscriptions::v1::{
        CreatePushRequest, FollowRequest, GetPushRequest, ListFeedRequest, PlanPushRequest, Push,
        PushContent, PushContentKind, PushState, SchedulePushRequest, feed_service_client::FeedServiceClient,
        follow_service_client::FollowServiceClient, push_service_client::PushServiceClient,
    },
};
use siyu_tests::{
    Engine,
    installation::{Launch, create_accounts},
};

use crate::{
    Arguments,
    fans::{NOW, load},
    machine::{Cores, median, of_process, print_table, whole},
};

const LARGE: &str = "many-0";
/// A follower of the large account, as the loader calls them.
const FOLLOWER: &str = "users/u1000000007";
/// Follows `FEEDS` accounts.
const READER: &str = "users/reader";
const FEEDS: usize = 500;
const AT_ONCE: usize = 16;
const READS: usize = 200;

/// How it went on one engine; times in milliseconds.
struct Measured {
    engine: Engine,
    reached: i64,
    plan: f64,
    published: f64,
    read: f64,
    /// Of the process, while it was planned, published and read.
    written: f64,
    resident: f64,
    first_page: f64,
    page: f64,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    let fans = arguments.fans.iter().max().copied().unwrap_or(3_000_000);
    let mut lines = vec![
        [
            "",
            "reached",
            "plan ms",
            "published ms",
            "first read ms",
            "MB written",
            "MB resident",
            "feed of 500, first ms",
            "then ms",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for engine in engines {
        let measured = of_engine(*engine, fans, cores).await?;
        lines.push(vec![
            format!("{:?}", measured.engine),
            measured.reached.to_string(),
            whole(measured.plan),
            whole(measured.published),
            format!("{:.1}", measured.read),
            format!("{:.2}", measured.written / 1e6),
            whole(measured.resident / 1e6),
            format!("{:.1}", measured.first_page),
            format!("{:.1}", measured.page),
        ]);
    }
    println!("\nPushes: one to all followers among {fans} fans; its audience is in memory after the plan.");
    print_table(&lines);
    Ok(())
}

async fn of_engine(engine: Engine, fans: i64, cores: &Cores) -> anyhow::Result<Measured> {
    let (installation, db) = load(engine, fans, 1).await?;
    db.close().await;
    // A clock that stands still: nobody's tier falls meanwhile.
    let launch = Launch { wrapper: cores.of_server(), clock: Some(NOW), ..Launch::default() };
    let mut process = installation.start(&launch)?;
    let url = process.ready().await?;
    let client = connect(&url, &installation.token).await?;
    let server = process.id().context("the server runs")?;
    let accounts: Vec<String> = (0..FEEDS).map(|number| format!("feed-{number:03}")).collect();
    create_accounts(&client, &[accounts.as_slice(), &[LARGE.to_owned()]].concat()).await?;
    allow_pushes(&client).await?;
    follow(&client, LARGE, FOLLOWER).await?;

    let written = of_process(server, "io", "write_bytes:")?;
    create(&client, LARGE).await?;
    let stopwatch = Stopwatch::start();
    let request = PlanPushRequest { name: name(LARGE), ..PlanPushRequest::default() };
    let plan = loop {
        // Reading all fans for the first time may take longer than a call.
        match PushServiceClient::new(client.clone()).plan_push(request.clone()).await {
            Err(status) if status.code() == tonic::Code::DeadlineExceeded => {}
            answer => break answer?.into_inner().plan.context("a plan")?,
        }
    };
    let planned = stopwatch.elapsed().as_secs_f64() * 1e3;
    let stopwatch = Stopwatch::start();
    publish(&client, LARGE).await?;
    let published = stopwatch.elapsed().as_secs_f64() * 1e3;
    let (items, read) = feed(&client, FOLLOWER).await?;
    ensure!(items == 1, "the follower finds {items} pushes");
    let written = of_process(server, "io", "write_bytes:")? - written;
    let resident = of_process(server, "status", "VmRSS:")? * 1024.0;

    let sent = stream::iter(accounts).map(async |account| {
        follow(&client, &account, READER).await?;
        create(&client, &account).await?;
        publish(&client, &account).await
    });
    sent.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    let (_, first_page) = feed(&client, READER).await?;
    let mut pages = Vec::with_capacity(READS);
    for _ in 0..READS {
        let (items, took) = feed(&client, READER).await?;
        ensure!(items == 20, "a page has {items}");
        pages.push(took);
    }
    process.kill().await?;
    installation.remove().await?;
    Ok(Measured {
        engine,
        reached: plan.reach,
        plan: planned,
        published,
        read,
        written,
        resident,
        first_page,
        page: median(pages),
    })
}

async fn allow_pushes(client: &Client) -> anyhow::Result<()> {
    let policy = RightPolicy {
        kind: RightKind::Push.into(),
        certification_class: CertificationClass::Basic.into(),
        amount: 8,
        period: AllowancePeriod::Month.into(),
        ..RightPolicy::default()
    };
    let request = CreateRightPolicyRequest { right_policy: Some(policy), ..Default::default() };
    RightsServiceClient::new(client.clone()).create_right_policy(request).await?;
    Ok(())
}

async fn follow(client: &Client, account: &str, user: &str) -> anyhow::Result<()> {
    let request = FollowRequest {
        parent: format!("accounts/{account}"),
        user: user.to_owned(),
        ..FollowRequest::default()
    };
    FollowServiceClient::new(client.clone()).follow(request).await?;
    Ok(())
}

fn name(account: &str) -> String {
    format!("accounts/{account}/pushes/spring")
}

async fn create(client: &Client, account: &str) -> anyhow::Result<()> {
    let content = PushContent {
        kind: PushContentKind::Text.into(),
        text: "Spring is here".to_owned(),
        ..PushContent::default()
    };
    let request = CreatePushRequest {
        parent: format!("accounts/{account}"),
        push_id: "spring".to_owned(),
        push: Some(Push { content: Some(content), ..Push::default() }),
        ..CreatePushRequest::default()
    };
    PushServiceClient::new(client.clone()).create_push(request).await?;
    Ok(())
}

/// Schedules a push for now, and waits until it is sent.
async fn publish(client: &Client, account: &str) -> anyhow::Result<()> {
    let mut pushes = PushServiceClient::new(client.clone());
    loop {
        let request = SchedulePushRequest { name: name(account), ..SchedulePushRequest::default() };
        match pushes.schedule_push(request).await {
            // The CRM has not heard of the follower yet.
            Err(status) if status.code() == tonic::Code::FailedPrecondition => pause().await,
            answer => break drop(answer?),
        }
    }
    loop {
        let push = pushes.get_push(GetPushRequest { name: name(account) }).await?.into_inner().push;
        if push.is_some_and(|push| push.state() == PushState::Sent) {
            return Ok(());
        }
        pause().await;
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Reads the first page of a feed: how many items it has, and how long that took.
async fn feed(client: &Client, user: &str) -> anyhow::Result<(usize, f64)> {
    let request = ListFeedRequest { user: user.to_owned(), ..ListFeedRequest::default() };
    let stopwatch = Stopwatch::start();
    let answer = FeedServiceClient::new(client.clone()).list_feed(request).await?;
    Ok((answer.into_inner().items.len(), stopwatch.elapsed().as_secs_f64() * 1e3))
}
