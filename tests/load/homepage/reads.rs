//! Who reads which homepage, and reading them.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use hdrhistogram::Histogram;
use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siyu::connect::{Client, connect};
use siyu_clock::Stopwatch;
use siyu_proto::accounts::v1::{GetHomepageRequest, homepage_service_client::HomepageServiceClient};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery};

use super::ACCOUNTS;
use crate::raw::Raw;

/// Calls at once on one connection.
const AT_ONCE: usize = 8;
/// The method, and what stands for it in the bare tonic.
pub(super) const PATH: &str = "/siyu.accounts.v1.HomepageService/GetHomepage";
pub(super) const ECHO_PATH: &str = "/bench.Echo/GetHomepage";

/// Viewers, the first of whom come most: the n-th as often as 1 / n.
#[derive(Debug)]
pub(super) struct Viewers {
    /// The sum of 1 / n up to each.
    sums: Vec<f64>,
}

impl Viewers {
    pub(super) fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let sums = (1..=u32::try_from(count).unwrap_or(u32::MAX)).map(|place| {
            sum += 1.0 / f64::from(place);
            sum
        });
        Self { sums: sums.collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.sums.len()
    }

    /// What viewer number so asks for.
    pub(super) fn request(&self, viewer: usize) -> Bytes {
        encoded(viewer % ACCOUNTS, format!("users/v{viewer}"))
    }

    /// What somebody asks for who is nobody in particular.
    pub(super) fn anonymous(account: usize) -> Bytes {
        encoded(account, String::new())
    }

    /// What so many who come ask for.
    pub(super) fn drawn(&self, reads: usize, seed: u64) -> Vec<Bytes> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let most = self.sums.last().copied().unwrap_or_default();
        let draw = |_| {
            let point = random.random_range(0.0..most);
            self.request(self.sums.partition_point(|sum| *sum < point).min(self.count() - 1))
        };
        (0..reads).map(draw).collect()
    }
}

fn encoded(account: usize, viewer: String) -> Bytes {
    GetHomepageRequest { name: format!("accounts/bench-{}/homepage", account + 1), viewer }
        .encode_to_vec()
        .into()
}

/// A connection that reads.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    client: Client,
    path: PathAndQuery,
}

impl Reader {
    pub(super) async fn connect(url: &str, token: &str) -> anyhow::Result<Self> {
        Self::connect_to(url, token, PATH).await
    }

    async fn connect_to(url: &str, token: &str, path: &str) -> anyhow::Result<Self> {
        Ok(Self { client: connect(url, token).await?, path: path.parse()? })
    }

    /// Reads once; answers how many bytes came.
    pub(super) async fn timed(&self, request: &Bytes, calls: &mut Histogram<u64>) -> anyhow::Result<usize> {
        let mut client = Grpc::new(self.client.clone());
        let stopwatch = Stopwatch::start();
        client.ready().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        let answer = client.unary(Request::new(request.clone()), self.path.clone(), Raw).await?.into_inner();
        calls.record(u64::try_from(stopwatch.elapsed().as_micros())?)?;
        Ok(answer.len())
    }
}

/// Reads all of it over so many connections; answers how long that took, and the microseconds of each call.
pub(super) async fn run(
    url: &str,
    path: &str,
    token: &str,
    connections: u32,
    requests: Vec<Bytes>,
) -> anyhow::Result<(Duration, Histogram<u64>)> {
    let requests = Arc::new(requests);
    let mut readers = Vec::new();
    for _ in 0..connections {
        let reader = Reader::connect_to(url, token, path).await?;
        readers.extend(std::iter::repeat_n(reader, AT_ONCE));
    }
    let stopwatch = Stopwatch::start();
    let mut tasks = JoinSet::new();
    let step = readers.len();
    for (first, reader) in readers.into_iter().enumerate() {
        let requests = requests.clone();
        tasks.spawn(async move {
            let mut calls = Histogram::new(3)?;
            for request in requests.iter().skip(first).step_by(step) {
                reader.timed(request, &mut calls).await?;
            }
            anyhow::Ok(calls)
        });
    }
    let mut calls = Histogram::new(3)?;
    while let Some(task) = tasks.join_next().await {
        calls.add(task??)?;
    }
    Ok((stopwatch.elapsed(), calls))
}

/// Whether the homepage shows the viewer as a follower.
pub(super) async fn follows(client: &Client, viewer: &str) -> anyhow::Result<bool> {
    let request = GetHomepageRequest {
        name: "accounts/bench-1/homepage".to_owned(),
        viewer: format!("users/{viewer}"),
    };
    let answer = HomepageServiceClient::new(client.clone()).get_homepage(request).await?.into_inner();
    Ok(answer.homepage.context("a homepage")?.following)
}

/// The metrics of a server.
pub(super) async fn metrics(address: &str) -> anyhow::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut text = String::new();
    connection.read_to_string(&mut text).await?;
    Ok(text)
}
