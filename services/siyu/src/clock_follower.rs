//! Following the simulated clock of another process.

use std::{convert::Infallible, time::Duration};

use siyu_clock::{Micros, SimClock};
use siyu_proto::testing::v1::{
    FollowTimeRequest, FollowTimeResponse, clock_service_client::ClockServiceClient,
};
use siyu_rpc::{
    auth::ServiceToken,
    peer::{self, Peer},
    time::{from_proto, to_proto},
    tls::ClientTls,
};
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::background::Background;

/// How long to wait before asking a leader again that does not answer, or doing again what failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait before asking a leader again that refuses: somebody has to do something about it.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// A clock that moves with that of another process, the leader.
#[derive(Debug)]
pub(crate) struct ClockFollower {
    clock: SimClock,
    leader: Leader,
    line: Line,
}

#[derive(Debug)]
struct Leader {
    url: String,
    service: ClockServiceClient<Peer>,
}

/// A stream to the leader, with the time that it told last.
#[derive(Debug)]
struct Line {
    time: Micros,
    times: Streaming<FollowTimeResponse>,
    reports: mpsc::Sender<FollowTimeRequest>,
}

impl ClockFollower {
    /// Waits for the leader at `url` and takes its time; until then there is nothing to serve by.
    ///
    /// # Errors
    /// When the leader refuses.
    pub(crate) async fn start(
        url: &str,
        tls: Option<ClientTls>,
        token: &ServiceToken,
    ) -> anyhow::Result<Self> {
        let peer =
            peer::remote(url, tls, token).map_err(|error| anyhow::anyhow!("--sim-clock {url}: {error}"))?;
        let leader = Leader { url: url.to_owned(), service: ClockServiceClient::new(peer) };
        let line = leader.wait_for_line().await.map_err(|refusal| {
            let why = refusal.message();
            anyhow::anyhow!("--sim-clock: the process at {url} does not let its clock be followed: {why}")
        })?;
        Ok(Self { clock: SimClock::starting_at(line.time), leader, line })
    }

    /// The clock. It moves while [`ClockFollower::run`] runs.
    pub(crate) fn clock(&self) -> SimClock {
        self.clock.clone()
    }

    /// Moves the clock whenever the leader moves, does what is due then, and reports. While the leader is away the
    /// clock stands still.
    pub(crate) async fn run(mut self, background: Background) {
        loop {
            let Err(end) = self.line.follow(&self.clock, &background).await;
            tracing::warn!(leader = self.leader.url, status = %end, "the clock that this process follows is lost");
            self.line = loop {
                match self.leader.wait_for_line().await {
                    Ok(line) => break line,
                    Err(refusal) => {
                        tracing::error!(leader = self.leader.url, status = %refusal, "the clock cannot be followed");
                        sleep(PAUSE_AFTER_REFUSAL).await;
                    }
                }
            };
        }
    }
}

impl Leader {
    /// Waits for the leader, and says once what it waits for.
    async fn wait_for_line(&self) -> Result<Line, Status> {
        let mut is_news = true;
        loop {
            match self.line().await {
                Err(status) if !is_refusal(&status) => {
                    if std::mem::take(&mut is_news) {
                        tracing::warn!(leader = self.url, %status, "waiting for the clock");
                    }
                    sleep(PAUSE).await;
                }
                line_or_refusal => return line_or_refusal,
            }
        }
    }

    async fn line(&self) -> Result<Line, Status> {
        let (reports, stream) = mpsc::channel(1);
        let mut service = self.service.clone();
        let mut times = service.follow_time(ReceiverStream::new(stream)).await?.into_inner();
        let time = next_time(&mut times).await?;
        Ok(Line { time, times, reports })
    }
}

impl Line {
    /// Goes from time to time until the line breaks.
    async fn follow(&mut self, clock: &SimClock, background: &Background) -> Result<Infallible, Status> {
        loop {
            let now = clock.advance_to(self.time);
            if now != self.time {
                tracing::warn!(leader = %self.time, here = %now, "the leader's clock is behind; time does not go back");
            }
            while let Err(error) = background.tick(now).await {
                tracing::warn!(%error, "background work failed and will be tried again");
                sleep(PAUSE).await;
            }
            let report = FollowTimeRequest { time: Some(to_proto(now)) };
            if self.reports.send(report).await.is_err() {
                return Err(Status::unavailable("the leader takes no reports"));
            }
            self.time = next_time(&mut self.times).await?;
        }
    }
}

async fn next_time(times: &mut Streaming<FollowTimeResponse>) -> Result<Micros, Status> {
    let told = times.message().await?;
    told.and_then(|told| told.time)
        .as_ref()
        .and_then(from_proto)
        .ok_or_else(|| Status::unavailable("the leader tells no time"))
}

/// Whether trying again will not help.
fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented)
}
