//! Thousands of users who listen to their inboxes over few connections of one process: what memory they take, and how soon and
//! at what cost messages come to them.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::messaging::v1::{
    CreateMessagePolicyRequest, MessageContent, MessageContentKind, MessagePolicy, SendDeskMessageRequest,
    StreamInboxRequest, StreamInboxResponse, desk_service_client::DeskServiceClient,
    inbox_service_client::InboxServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
};
use tokio::{sync::Mutex, task::JoinSet, time::MissedTickBehavior};
use tonic::Streaming;

use crate::{
    Arguments,
    machine::{Cores, of_process, print_table, whole},
    service::processor_time,
};

const STREAMS: usize = 10_000;
const CONNECTIONS: usize = 100;
const ACCOUNTS: usize = 20;
/// Streams that are opened at once.
const OPENING: usize = 64;
/// How long nothing happens, to see what that costs.
const IDLE: Duration = Duration::from_secs(5);

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    println!(
        "\nOpen inboxes: {} users listen over {CONNECTIONS} connections; {ACCOUNTS} accounts send them {} messages a second, \
         to one after the other in no order, for {} s.",
        whole(f64::from(u32::try_from(STREAMS)?)),
        whole(f64::from(arguments.rate)),
        arguments.seconds
    );
    let heading = [
        "",
        "MB before",
        "MB with all open",
        "KB a stream",
        "MB after",
        "idle ms of processor a second",
        "messages",
        "delivered p50 ms",
        "p99 ms",
        "server µs each",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for engine in engines {
        lines.push(measure_engine(*engine, arguments, cores).await?);
    }
    print_table(&lines);
    Ok(())
}

async fn measure_engine(engine: Engine, arguments: &Arguments, cores: &Cores) -> anyhow::Result<Vec<String>> {
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let mut process = installation.start(&Launch {
        wrapper: cores.of_server(),
        services: vec![ServiceName::Accounts, ServiceName::Messaging],
        set: vec![
            format!("server.max_open_streams={STREAMS}"),
            "server.max_concurrent_requests=4096".to_owned(),
        ],
        ..Launch::default()
    })?;
    let url = process.ready().await?;
    let id = process.id().context("the server runs")?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(&url, &installation.token).await?);
    }
    let accounts: Vec<String> = (0..ACCOUNTS).map(|number| format!("bench-{number}")).collect();
    create_accounts(&clients[0], &accounts).await?;
    allow_messages(&clients[0]).await?;

    let megabytes = || anyhow::Ok(of_process(id, "status", "VmRSS:")? / 1024.0);
    let before = megabytes()?;
    let streams: Vec<_> = stream::iter(0..STREAMS)
        .map(|user| open(clients[user % CONNECTIONS].clone(), user))
        .buffer_unordered(OPENING)
        .try_collect()
        .await?;
    let open = megabytes()?;
    let idle_before = processor_time(id)?;
    tokio::time::sleep(IDLE).await;
    let idle = processor_time(id)?.saturating_sub(idle_before);

    let delivered = Arc::new(Mutex::new(Histogram::<u64>::new(3)?));
    let mut listeners = JoinSet::new();
    for stream in streams {
        listeners.spawn(listen(stream, delivered.clone()));
    }
    let processor_before = processor_time(id)?;
    let sent = send(&clients, arguments).await?;
    // What was answered last is still on its way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let processor = processor_time(id)?.saturating_sub(processor_before);
    let after = megabytes()?;
    let delivered = delivered.lock().await.clone();
    anyhow::ensure!(delivered.len() == sent, "{sent} were sent, {} arrived", delivered.len());
    anyhow::ensure!(listeners.try_join_next().is_none(), "a stream ended");
    listeners.shutdown().await;
    process.kill().await?;
    installation.remove().await?;

    let streams = f64::from(u32::try_from(STREAMS)?);
    let sent = f64::from(u32::try_from(sent)?);
    let milliseconds =
        |quantile| anyhow::Ok(f64::from(u32::try_from(delivered.value_at_quantile(quantile))?) / 1e3);
    Ok(vec![
        engine.name().to_owned(),
        format!("{before:.0}"),
        format!("{open:.0}"),
        format!("{:.1}", (open - before) * 1024.0 / streams),
        format!("{after:.0}"),
        format!("{:.1}", idle.as_secs_f64() * 1e3 / IDLE.as_secs_f64()),
        whole(sent),
        format!("{:.1}", milliseconds(0.5)?),
        format!("{:.1}", milliseconds(0.99)?),
        format!("{:.0}", processor.as_secs_f64() * 1e6 / sent),
    ])
}

/// Nobody answers here: accounts may write as often as they want.
async fn allow_messages(client: &Client) -> anyhow::Result<()> {
    let policy = MessagePolicy { certified_limit: 1_000, basic_limit: 1_000, ..MessagePolicy::default() };
    let request = CreateMessagePolicyRequest { message_policy: Some(policy), ..Default::default() };
    DeskServiceClient::new(client.clone()).create_message_policy(request).await?;
    Ok(())
}

/// Opens an inbox, and waits until it listens.
async fn open(client: Client, user: usize) -> anyhow::Result<Streaming<StreamInboxResponse>> {
    let request = StreamInboxRequest { user: format!("users/u{user}"), after: None };
    let mut stream = InboxServiceClient::new(client).stream_inbox(request).await?.into_inner();
    stream.message().await?.context("it listens")?;
    Ok(stream)
}

/// Notes how long each message took to arrive.
async fn listen(
    mut stream: Streaming<StreamInboxResponse>,
    delivered: Arc<Mutex<Histogram<u64>>>,
) -> anyhow::Result<()> {
    while let Some(happened) = stream.message().await? {
        let now = Clock::System.now().0;
        let mut delivered = delivered.lock().await;
        for message in happened.messages {
            let text = message.content.unwrap_or_default().text;
            let sent: i64 = text.split(' ').next().unwrap_or_default().parse()?;
            delivered.record(u64::try_from(now - sent).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Sends at the rate, each message when it is due; answers how many.
async fn send(clients: &[Client], arguments: &Arguments) -> anyhow::Result<u64> {
    /// Odd and no divisor of the number of streams: everybody comes, in a jumble.
    const STRIDE: usize = 7_919;
    let mut due = tokio::time::interval(Duration::from_secs(1) / arguments.rate);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let length = Duration::from_secs(arguments.seconds.into());
    let mut calls = JoinSet::new();
    let begin = Stopwatch::start();
    let mut sent = 0;
    while begin.elapsed() < length {
        due.tick().await;
        let number = usize::try_from(sent)?;
        let mut desk = DeskServiceClient::new(clients[number % CONNECTIONS].clone());
        let text = format!("{} is when message {number} was sent", Clock::System.now().0);
        let kind = MessageContentKind::Text.into();
        let request = SendDeskMessageRequest {
            parent: format!("accounts/bench-{}", number % ACCOUNTS),
            user: format!("users/u{}", number * STRIDE % STREAMS),
            client_message_id: format!("m{number}"),
            content: Some(MessageContent { kind, text, ..MessageContent::default() }),
        };
        calls.spawn(async move { desk.send_desk_message(request).await });
        sent += 1;
    }
    while let Some(answer) = calls.join_next().await {
        answer??;
    }
    Ok(sent)
}
