//! Durable private messages in a second, and until the receiver has them, beside a bare tonic that commits as many rows and bytes
//! in groups. Without the CRM, which may run apart; the events for it are written.

pub(crate) mod bare;
pub(crate) mod rules;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use hdrhistogram::Histogram;
use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::messaging::v1::{
    MessageContent, MessageContentKind, SendMessageRequest, StreamDeskRequest,
    desk_service_client::DeskServiceClient, inbox_service_client::InboxServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
};
use tokio::{sync::Mutex, task::JoinSet};
use tonic::{Request, client::Grpc};

use crate::{
    Arguments,
    machine::{Cores, median, print_table, whole},
    raw::Raw,
    service::processor_time,
};

/// Clients that send at once, each when it is answered.
const SENDERS: [usize; 2] = [200, 2_000];
const CONNECTIONS: usize = 16;
const ACCOUNTS: usize = 20;
const WARM_UP: Duration = Duration::from_secs(1);
/// About what a message has beside its text: names, ids, numbers.
const OVERHEAD: usize = 120;

/// How one server did in one round.
#[derive(Debug, Default)]
struct Measured {
    rate: f64,
    /// Microseconds of the server's processor for each message.
    processor: f64,
    /// Microseconds until the sender was answered.
    answered: Option<Histogram<u64>>,
    /// Microseconds until the stream of the receiver had it.
    received: Option<Histogram<u64>>,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    println!(
        "\nPrivate messages: users write to {ACCOUNTS} accounts whose desks listen, {CONNECTIONS} connections, {} s each; \
         medians of {} interleaved rounds.",
        arguments.seconds, arguments.rounds
    );
    for engine in engines {
        for senders in SENDERS {
            println!("\n  {}, {} senders at once", engine.name(), whole(f64::from(u32::try_from(senders)?)));
            let (mut own, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..arguments.rounds {
                own.push(measure_suite(*engine, arguments, cores, senders, None).await?);
                bare.push(measure_bare(*engine, arguments, cores, senders).await?);
            }
            print(&own, &bare)?;
        }
    }
    Ok(())
}

/// Measures messages that share transactions beside a transaction for each, and prints.
pub(crate) async fn measure_commits(
    arguments: &Arguments,
    engines: &[Engine],
    cores: &Cores,
) -> anyhow::Result<()> {
    const ALONE: &str = "messaging.max_calls_per_commit=1";
    println!(
        "\nGroup commit of private messages, {} s each; medians of {} interleaved rounds.",
        arguments.seconds, arguments.rounds
    );
    let heading = [
        "",
        "senders",
        "grouped/s",
        "p50 ms",
        "p99 ms",
        "one commit each/s",
        "p50 ms",
        "p99 ms",
        "times as many",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for engine in engines {
        for senders in SENDERS {
            let (mut grouped, mut alone) = (Vec::new(), Vec::new());
            for _ in 0..arguments.rounds {
                grouped.push(measure_suite(*engine, arguments, cores, senders, None).await?);
                alone.push(measure_suite(*engine, arguments, cores, senders, Some(ALONE)).await?);
            }
            let times = grouped.iter().zip(&alone).map(|(grouped, alone)| grouped.rate / alone.rate);
            let times = format!("{:.1}", median(times));
            let cells = [&grouped, &alone].into_iter().flat_map(|rounds| rate_and_latency(rounds));
            let before = [engine.name().to_owned(), senders.to_string()];
            lines.push(before.into_iter().chain(cells).chain([times]).collect());
        }
    }
    print_table(&lines);
    Ok(())
}

async fn measure_suite(
    engine: Engine,
    arguments: &Arguments,
    cores: &Cores,
    senders: usize,
    setting: Option<&str>,
) -> anyhow::Result<Measured> {
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let settings = ["server.max_concurrent_requests=4096"].into_iter().chain(setting);
    let mut process = installation.start(&Launch {
        wrapper: cores.of_server(),
        // The CRM takes in what users write in a process of its own.
        services: vec![ServiceName::Accounts, ServiceName::Messaging],
        set: settings.map(str::to_owned).collect(),
        ..Launch::default()
    })?;
    let url = process.ready().await?;
    let accounts: Vec<String> = (1..=ACCOUNTS).map(|number| format!("bench-{number}")).collect();
    create_accounts(&connect(&url, &installation.token).await?, &accounts).await?;
    let received = Arc::new(Mutex::new(Histogram::<u64>::new(3)?));
    let mut desks = JoinSet::new();
    let desk = connect(&url, &installation.token).await?;
    for account in &accounts {
        desks.spawn(listen(desk.clone(), account.clone(), received.clone()));
    }
    let clients = clients(&url, &installation.token).await?;
    let id = process.id().context("the server runs")?;
    let calls = (0..senders).map(|sender| {
        let inbox = InboxServiceClient::new(clients[sender % CONNECTIONS].clone());
        move |number: usize| {
            let request = message(sender, number);
            let mut inbox = inbox.clone();
            async move { Ok(inbox.send_message(request).await.map(drop)?) }
        }
    });
    let mut measured = run(arguments, id, calls).await?;
    // What was answered last is still on its way to its receiver.
    tokio::time::sleep(Duration::from_secs(1)).await;
    measured.received = Some(received.lock().await.clone());
    desks.shutdown().await;
    process.kill().await?;
    installation.remove().await?;
    Ok(measured)
}

async fn measure_bare(
    engine: Engine,
    arguments: &Arguments,
    cores: &Cores,
    senders: usize,
) -> anyhow::Result<Measured> {
    // For its database.
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let database =
        installation.settings().iter().find_map(|setting| setting.strip_prefix("messaging.database_url="));
    let database = database.context("the database of messages")?.to_owned();
    let (process, url) = cores.start_bare(["--commit".to_owned(), database]).await?;
    let clients = clients(&url, &installation.token).await?;
    let id = process.id().context("it runs")?;
    let text = Bytes::from(vec![b'x'; OVERHEAD + text(0, 0).len()]);
    let calls = (0..senders).map(|sender| {
        let client = clients[sender % CONNECTIONS].clone();
        let text = text.clone();
        move |_: usize| {
            let (mut client, text) = (Grpc::new(client.clone()), text.clone());
            async move {
                client.ready().await.map_err(|error| anyhow::anyhow!("{error}"))?;
                client.unary(Request::new(text), bare::PATH.parse()?, Raw).await?;
                Ok(())
            }
        }
    });
    let measured = run(arguments, id, calls).await?;
    drop(process);
    installation.remove().await?;
    Ok(measured)
}

async fn clients(url: &str, token: &str) -> anyhow::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(url, token).await?);
    }
    Ok(clients)
}

/// When it was sent, so that whoever gets it knows how long it took.
fn text(sender: usize, number: usize) -> String {
    format!("{} is when sender {sender:06} wrote message {number:08} of theirs", Clock::System.now().0)
}

fn message(sender: usize, number: usize) -> SendMessageRequest {
    let kind = MessageContentKind::Text.into();
    SendMessageRequest {
        parent: format!("accounts/bench-{}", sender % ACCOUNTS + 1),
        user: format!("users/u{sender}"),
        client_message_id: format!("m{number:08}"),
        content: Some(MessageContent { kind, text: text(sender, number), ..MessageContent::default() }),
        causation_depth: 0,
    }
}

/// Has all senders send for a while.
async fn run<C, F>(
    arguments: &Arguments,
    process: u32,
    senders: impl Iterator<Item = C>,
) -> anyhow::Result<Measured>
where
    C: FnMut(usize) -> F + Send + 'static,
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let length = Duration::from_secs(arguments.seconds.into());
    let before = processor_time(process)?;
    let mut tasks = JoinSet::new();
    for mut send in senders {
        tasks.spawn(async move {
            let mut calls: Histogram<u64> = Histogram::new(3)?;
            let begin = Stopwatch::start();
            for number in 0.. {
                let stopwatch = Stopwatch::start();
                send(number).await?;
                let now = begin.elapsed();
                if now >= WARM_UP + length {
                    return Ok((calls, number));
                }
                if now >= WARM_UP {
                    calls.record(u64::try_from(stopwatch.elapsed().as_micros())?)?;
                }
            }
            anyhow::bail!("it never ends")
        });
    }
    let mut answered: Histogram<u64> = Histogram::new(3)?;
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        let (calls, sent) = done??;
        answered.add(calls)?;
        count += sent;
    }
    let processor = processor_time(process)?.saturating_sub(before);
    Ok(Measured {
        rate: f64::from(u32::try_from(answered.len())?) / length.as_secs_f64(),
        processor: processor.as_secs_f64() * 1e6 / f64::from(u32::try_from(count)?),
        answered: Some(answered),
        received: None,
    })
}

/// Listens to an account, and notes how long each message took to arrive.
async fn listen(client: Client, account: String, received: Arc<Mutex<Histogram<u64>>>) -> anyhow::Result<()> {
    let request = StreamDeskRequest { parent: format!("accounts/{account}"), after: None };
    let mut stream = DeskServiceClient::new(client).stream_desk(request).await?.into_inner();
    while let Some(happened) = stream.message().await? {
        let now = Clock::System.now().0;
        let mut received = received.lock().await;
        for message in happened.messages {
            let text = message.content.unwrap_or_default().text;
            let sent: i64 = text.split(' ').next().unwrap_or_default().parse()?;
            received.record(u64::try_from(now - sent).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// The median of a quantile, in milliseconds.
fn milliseconds(histograms: &[&Histogram<u64>], quantile: f64) -> String {
    let value = |histogram: &&Histogram<u64>| {
        f64::from(u32::try_from(histogram.value_at_quantile(quantile)).unwrap_or(u32::MAX)) / 1e3
    };
    format!("{:.1}", median(histograms.iter().map(value)))
}

/// Messages a second, and p50 and p99 until the sender is answered.
fn rate_and_latency(rounds: &[Measured]) -> [String; 3] {
    let answered: Vec<_> = rounds.iter().filter_map(|round| round.answered.as_ref()).collect();
    let rate = whole(median(rounds.iter().map(|round| round.rate)));
    [rate, milliseconds(&answered, 0.5), milliseconds(&answered, 0.99)]
}

fn print(own: &[Measured], bare: &[Measured]) -> anyhow::Result<()> {
    let line = |name: &str, rounds: &[Measured]| {
        let received: Vec<_> = rounds.iter().filter_map(|round| round.received.as_ref()).collect();
        let of_receiver = |quantile| {
            if received.is_empty() { String::new() } else { milliseconds(&received, quantile) }
        };
        let [rate, p50, p99] = rate_and_latency(rounds);
        vec![
            name.to_owned(),
            rate,
            p50,
            p99,
            of_receiver(0.5),
            of_receiver(0.99),
            format!("{:.1}", median(rounds.iter().map(|round| round.processor))),
        ]
    };
    let heading =
        ["", "messages/s", "p50 ms", "p99 ms", "at the receiver p50 ms", "p99 ms", "server µs each"];
    print_table(&[
        heading.map(str::to_owned).to_vec(),
        line("SendMessage", own),
        line("a bare tonic, as many rows and bytes", bare),
    ]);
    let ratios = own.iter().zip(bare).map(|(own, bare)| own.rate / bare.rate);
    println!("  ratio {:.2}; the aim is 0.6.", median(ratios));
    Ok(())
}
