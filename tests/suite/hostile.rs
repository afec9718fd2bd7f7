//! A `siyu` process of its own that is attacked: while clients that mean well are served, its memory stays bounded, and
//! it ends when it is told to.

use std::{fs, future::Future, time::Duration};

use prost::Message;
use siyu::connect::connect;
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::crm::v1::{
    GetFanRequest, IngestInteractionsRequest, Interaction, InteractionKind, ListFansRequest,
    fan_service_client::FanServiceClient, interaction_service_client::InteractionServiceClient,
};
use siyu_rpc::time::to_proto;
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};
use tokio::{task::JoinSet, time::timeout};

/// How long the server waits for calls under way when it is told to end.
const DRAIN: Duration = Duration::from_secs(3);
/// What the process may take to end beside that: to close its databases, on a busy machine.
const BESIDE: Duration = Duration::from_secs(7);
/// Most memory that an attack may cost, in KiB: 150 MB. None is meant to come near.
const MOST_GROWTH: u64 = 150 * 1024;
/// Longer than a call takes, even under attack on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The process.
pub(crate) struct Target {
    installation: Installation,
    process: Process,
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    /// The metadata `authorization` of somebody who may call everything.
    pub(crate) authorization: String,
    memory_before: u64,
}

impl Target {
    /// Starts one with these settings, each as `--set` takes it.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let installation = Installation::create(Engine::Sqlite).await.unwrap().unwrap();
        let mut set: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        set.push(format!("server.drain_deadline={}s", DRAIN.as_secs()));
        let mut process = installation.start(&Launch { set, ..Launch::default() }).unwrap();
        let url = process.ready().await.unwrap();
        let client = connect(&url, &installation.token).await.unwrap();
        create_accounts(&client, &["shop".to_owned()]).await.unwrap();
        let authorization = format!("Bearer {}", installation.token);
        let mut target = Self { installation, process, url, authorization, memory_before: 0 };
        target.serves_others().await;
        target.memory_before = target.memory("VmRSS");
        target
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Connects, writes and reads, again and again, as any client does.
    pub(crate) async fn serves_others(&self) {
        const ROUNDS: usize = 20;
        for round in 0..ROUNDS {
            timeout(PATIENCE, self.serves_one(round)).await.expect("others are served");
        }
    }

    async fn serves_one(&self, round: usize) {
        let client = connect(&self.url, &self.installation.token).await.unwrap();
        let user = format!("users/clean{round}");
        let interaction = Interaction {
            event_id: format!("clean{round}"),
            user: user.clone(),
            kind: InteractionKind::View.into(),
            event_time: Some(to_proto(Clock::System.now())),
            ..Interaction::default()
        };
        let parent = "accounts/shop".to_owned();
        let request = IngestInteractionsRequest { parent, interactions: vec![interaction] };
        InteractionServiceClient::new(client.clone()).ingest_interactions(request).await.unwrap();
        let name = format!("accounts/shop/fans/clean{round}");
        let answer = FanServiceClient::new(client).get_fan(GetFanRequest { name }).await.unwrap();
        assert_eq!(answer.into_inner().fan.unwrap().user, user);
    }

    /// Makes a thousand fans, whose list is the largest answer that can be had at once.
    pub(crate) async fn make_fans(&self) {
        let client = connect(&self.url, &self.installation.token).await.unwrap();
        let parent = "accounts/shop".to_owned();
        let request = IngestInteractionsRequest { parent, interactions: views(0, 1_000) };
        InteractionServiceClient::new(client).ingest_interactions(request).await.unwrap();
    }

    /// Ends the process, which must not have grown beyond its bound, and must end in time, even with attackers still at
    /// it.
    pub(crate) async fn finish(self) {
        let peak = self.memory("VmHWM");
        let growth = peak.saturating_sub(self.memory_before);
        println!("memory: {} KiB before, at most {peak} KiB", self.memory_before);
        assert!(growth <= MOST_GROWTH, "it grew by {growth} KiB");
        let stopwatch = Stopwatch::start();
        self.process.terminate().await.unwrap();
        println!("ended in {:?}", stopwatch.elapsed());
        assert!(stopwatch.elapsed() < DRAIN + BESIDE, "{:?}", stopwatch.elapsed());
        self.installation.remove().await.unwrap();
    }

    /// A line of `/proc/PID/status`, in KiB.
    fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// So many interactions, each of another user with a long name, numbered from `first`.
pub(crate) fn views(first: usize, number: usize) -> Vec<Interaction> {
    let view = |n| Interaction {
        event_id: format!("view{n}"),
        user: format!("users/{}{n}", "long-name-".repeat(10)),
        kind: InteractionKind::View.into(),
        event_time: Some(to_proto(Clock::System.now())),
        ..Interaction::default()
    };
    (first..first + number).map(view).collect()
}

/// A message with the five bytes that gRPC puts before it.
pub(crate) fn framed(message: &impl Message) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    framed.extend(message.encode_to_vec());
    framed
}

/// The question for all fans.
pub(crate) fn all_fans() -> ListFansRequest {
    ListFansRequest { parent: "accounts/shop".to_owned(), page_size: 1_000, ..ListFansRequest::default() }
}

/// Attacks with so many attackers, each of whom begins again whenever it fails, until they are dropped.
pub(crate) fn attack<F>(attackers: usize, once: impl Fn() -> F + Clone + Send + 'static) -> JoinSet<()>
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    const PAUSE: Duration = Duration::from_millis(10);
    let mut attack = JoinSet::new();
    for _ in 0..attackers {
        let once = once.clone();
        attack.spawn(async move {
            loop {
                let _ = once().await;
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    attack
}
