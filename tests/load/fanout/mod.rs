//! One message to a group whose members all listen: deliveries in a second, how soon and at what cost, beside a bare tonic that
//! tells as many of as much and stores nothing.

pub(crate) mod bare;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::groups::v1::{
    CreateGroupRequest, Group, GroupPurpose, JoinGroupRequest, MessageContent, MessageContentKind,
    PostMessageRequest, StreamMessagesRequest, chat_service_client::ChatServiceClient,
    group_service_client::GroupServiceClient, membership_service_client::MembershipServiceClient,
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
};
use tokio::{
    sync::{Mutex, Notify},
    task::JoinSet,
};
use tonic::{Request, client::Grpc};

use crate::{
    Arguments,
    machine::{Cores, median, print_table, whole},
    raw::Raw,
    service::processor_time,
};

const MEMBERS: usize = 500;
const CONNECTIONS: usize = 20;
const GROUP: &str = "accounts/bench/groups/fans";
/// Messages that are on their way at once.
const IN_FLIGHT: [usize; 2] = [1, 8];
const WARM_UP: Duration = Duration::from_secs(1);
/// Members who come in, and streams that are opened, at once.
const OPENING: usize = 32;

/// How one server did in one round.
#[derive(Debug)]
struct Measured {
    deliveries_per_second: f64,
    /// Microseconds until each member had it.
    delivered: Histogram<u64>,
    /// Microseconds of the server's processor for each delivery.
    processor: f64,
}

/// What has arrived, for each message that is on its way.
#[derive(Debug)]
struct Arrived {
    counts: Vec<(AtomicUsize, Notify)>,
    delivered: Mutex<Histogram<u64>>,
}

impl Arrived {
    fn new() -> anyhow::Result<Arc<Self>> {
        let counts = (0..IN_FLIGHT[1]).map(|_| (AtomicUsize::new(0), Notify::new())).collect();
        Ok(Arc::new(Self { counts, delivered: Mutex::new(Histogram::new(3)?) }))
    }

    /// A member has a message, which says its lane and when it was sent.
    async fn note(&self, text: &str) -> anyhow::Result<()> {
        let now = Clock::System.now().0;
        let mut words = text.split(' ');
        let lane: usize = words.next().unwrap_or_default().parse()?;
        let sent: i64 = words.next().unwrap_or_default().parse()?;
        self.delivered.lock().await.record(u64::try_from(now - sent).unwrap_or_default())?;
        let (count, everybody) = &self.counts[lane];
        if count.fetch_add(1, Ordering::Relaxed) + 1 == MEMBERS {
            everybody.notify_one();
        }
        Ok(())
    }

    /// Waits until all members have the message of a lane.
    async fn everybody(&self, lane: usize) {
        let (count, everybody) = &self.counts[lane];
        everybody.notified().await;
        count.store(0, Ordering::Relaxed);
    }
}

/// The message of a lane, as long as people write.
fn text(lane: usize) -> String {
    format!(
        "{lane} {} is when this was said to everybody in the group, who all hear it",
        Clock::System.now().0
    )
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments, engines: &[Engine], cores: &Cores) -> anyhow::Result<()> {
    println!(
        "\nA group of {MEMBERS} members who all listen, over {CONNECTIONS} connections, {} s each; medians of {} interleaved rounds.",
        arguments.seconds, arguments.rounds
    );
    let heading = ["", "in flight", "deliveries/s", "p50 ms", "p99 ms", "server µs each", "ratio"];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for engine in engines {
        for in_flight in IN_FLIGHT {
            let (mut own, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..arguments.rounds {
                own.push(measure_suite(*engine, arguments, cores, in_flight).await?);
                bare.push(measure_bare(arguments, cores, in_flight).await?);
            }
            let ratios = own.iter().zip(&bare);
            let ratios = ratios.map(|(own, bare)| own.deliveries_per_second / bare.deliveries_per_second);
            lines.push(line(engine.name(), in_flight, &own, &format!("{:.2}", median(ratios)))?);
            lines.push(line("a bare tonic, nothing stored", in_flight, &bare, "")?);
        }
    }
    print_table(&lines);
    Ok(())
}

fn line(name: &str, in_flight: usize, rounds: &[Measured], ratio: &str) -> anyhow::Result<Vec<String>> {
    let mut milliseconds = Vec::new();
    for quantile in [0.5, 0.99] {
        let values = rounds.iter().map(|round| u32::try_from(round.delivered.value_at_quantile(quantile)));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        milliseconds.push(format!("{:.1}", median(values.into_iter().map(f64::from)) / 1e3));
    }
    let rate = whole(median(rounds.iter().map(|round| round.deliveries_per_second)));
    let processor = format!("{:.2}", median(rounds.iter().map(|round| round.processor)));
    let before = [name.to_owned(), in_flight.to_string(), rate];
    Ok(before.into_iter().chain(milliseconds).chain([processor, ratio.to_owned()]).collect())
}

async fn measure_suite(
    engine: Engine,
    arguments: &Arguments,
    cores: &Cores,
    in_flight: usize,
) -> anyhow::Result<Measured> {
    let installation = Installation::create(engine).await?.context("the engine is there")?;
    let mut process = installation.start(&Launch {
        wrapper: cores.of_server(),
        services: vec![ServiceName::Accounts, ServiceName::Groups],
        ..Launch::default()
    })?;
    let url = process.ready().await?;
    let clients = clients(&url, &installation.token).await?;
    create_accounts(&clients[0], &["bench".to_owned()]).await?;
    let purpose = GroupPurpose::Interactive.into();
    let group = Group { display_name: "Fans".to_owned(), purpose, ..Group::default() };
    let request = CreateGroupRequest {
        parent: "accounts/bench".to_owned(),
        group_id: "fans".to_owned(),
        group: Some(group),
        ..CreateGroupRequest::default()
    };
    GroupServiceClient::new(clients[0].clone()).create_group(request).await?;
    let arrived = Arrived::new()?;
    let listening = stream::iter(0..MEMBERS).map(|member| come_in(&clients[member % CONNECTIONS], member));
    let listening: Vec<_> = listening.buffer_unordered(OPENING).try_collect().await?;
    let mut listeners = JoinSet::new();
    for mut stream in listening {
        let arrived = arrived.clone();
        listeners.spawn(async move {
            while let Some(happened) = stream.message().await? {
                for message in happened.messages {
                    arrived.note(&message.content.unwrap_or_default().text).await?;
                }
            }
            anyhow::Ok(())
        });
    }
    let say = |lane: usize, number: usize| {
        let mut chat = ChatServiceClient::new(clients[lane].clone());
        async move {
            let kind = MessageContentKind::Text.into();
            let content = MessageContent { kind, text: text(lane), ..MessageContent::default() };
            let request = PostMessageRequest {
                parent: GROUP.to_owned(),
                user: format!("users/u{lane}"),
                client_message_id: format!("m{number:08}"),
                content: Some(content),
            };
            chat.post_message(request).await?;
            Ok(())
        }
    };
    let id = process.id().context("the server runs")?;
    let measured = run(arguments, id, in_flight, &arrived, say).await?;
    anyhow::ensure!(listeners.try_join_next().is_none(), "a stream ended");
    listeners.shutdown().await;
    process.kill().await?;
    installation.remove().await?;
    Ok(measured)
}

/// A member comes in, and listens.
async fn come_in(
    client: &Client,
    member: usize,
) -> anyhow::Result<tonic::Streaming<siyu_proto::groups::v1::StreamMessagesResponse>> {
    let user = format!("users/u{member}");
    let request =
        JoinGroupRequest { name: GROUP.to_owned(), user: user.clone(), ..JoinGroupRequest::default() };
    MembershipServiceClient::new(client.clone()).join_group(request).await?;
    let request = StreamMessagesRequest { parent: GROUP.to_owned(), user, after: None };
    let mut stream = ChatServiceClient::new(client.clone()).stream_messages(request).await?.into_inner();
    stream.message().await?.context("it listens")?;
    Ok(stream)
}

async fn measure_bare(arguments: &Arguments, cores: &Cores, in_flight: usize) -> anyhow::Result<Measured> {
    let (process, url) = cores.start_bare(["--fanout".to_owned(), "true".to_owned()]).await?;
    let clients = clients(&url, "none").await?;
    let arrived = Arrived::new()?;
    let mut listeners = JoinSet::new();
    for member in 0..MEMBERS {
        let mut client = ready(&clients[member % CONNECTIONS]).await?;
        let request = Request::new(Bytes::new());
        let mut stream = client.server_streaming(request, bare::LISTEN.parse()?, Raw).await?.into_inner();
        stream.message().await?.context("it listens")?;
        let arrived = arrived.clone();
        listeners.spawn(async move {
            while let Some(bytes) = stream.message().await? {
                arrived.note(std::str::from_utf8(&bytes)?).await?;
            }
            anyhow::Ok(())
        });
    }
    let say = |lane: usize, _: usize| {
        let client = clients[lane].clone();
        async move {
            let request = Request::new(Bytes::from(text(lane)));
            ready(&client).await?.unary(request, bare::SAY.parse()?, Raw).await?;
            Ok(())
        }
    };
    let id = process.id().context("it runs")?;
    let measured = run(arguments, id, in_flight, &arrived, say).await?;
    anyhow::ensure!(listeners.try_join_next().is_none(), "a stream ended");
    listeners.shutdown().await;
    drop(process);
    Ok(measured)
}

async fn ready(client: &Client) -> anyhow::Result<Grpc<Client>> {
    let mut client = Grpc::new(client.clone());
    client.ready().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(client)
}

async fn clients(url: &str, token: &str) -> anyhow::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(url, token).await?);
    }
    Ok(clients)
}

/// Has so many say something, each again when everybody has it, for a while.
async fn run<F: Future<Output = anyhow::Result<()>>>(
    arguments: &Arguments,
    process: u32,
    in_flight: usize,
    arrived: &Arrived,
    say: impl Fn(usize, usize) -> F,
) -> anyhow::Result<Measured> {
    let until = async |length: Duration, first: usize| {
        let begin = Stopwatch::start();
        let lanes = (0..in_flight).map(async |lane| {
            let mut number = first;
            while begin.elapsed() < length {
                say(lane, number).await?;
                arrived.everybody(lane).await;
                number += 1;
            }
            anyhow::Ok(number)
        });
        let reached = futures_util::future::try_join_all(lanes).await?;
        anyhow::Ok((reached.into_iter().max().unwrap_or_default(), begin.elapsed()))
    };
    let (warm, _) = until(WARM_UP, 0).await?;
    *arrived.delivered.lock().await = Histogram::new(3)?;
    let before = processor_time(process)?;
    let (_, took) = until(Duration::from_secs(arguments.seconds.into()), warm).await?;
    let processor = processor_time(process)?.saturating_sub(before);
    let delivered = arrived.delivered.lock().await.clone();
    let count = f64::from(u32::try_from(delivered.len())?);
    Ok(Measured {
        deliveries_per_second: count / took.as_secs_f64(),
        processor: processor.as_secs_f64() * 1e6 / count,
        delivered,
    })
}
