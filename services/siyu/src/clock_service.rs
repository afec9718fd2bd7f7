//! `siyu.testing.v1.ClockService`: the simulated clock, over the wire.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use siyu_clock::{Micros, SimClock};
use siyu_proto::testing::v1::{
    AdvanceTimeRequest, AdvanceTimeResponse, FollowTimeRequest, FollowTimeResponse, GetTimeRequest,
    GetTimeResponse, clock_service_server::ClockService,
};
use siyu_rpc::{
    Error, admit,
    auth::{Caller, admit_message, admit_stream, for_nobody},
    time::{from_proto, to_proto},
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::background::Background;

/// How long `AdvanceTime` waits for those that follow: less than the deadline of a call that sets none.
const PATIENCE: Duration = Duration::from_secs(8);

/// Moves the clock of the process, of those that follow it, and the work that waits for it.
#[derive(Debug, Clone)]
pub(crate) struct ClockControl {
    clock: SimClock,
    background: Background,
    /// Where the clock stands, for those that follow.
    time: watch::Sender<Micros>,
    /// What each of them has reached. Its stream ends when its entry is dropped.
    followers: Arc<Mutex<Vec<watch::Receiver<Micros>>>>,
    /// Held while the clock moves.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl ClockControl {
    pub(crate) fn new(clock: SimClock, background: Background) -> Self {
        let time = watch::Sender::new(clock.now());
        Self { clock, background, time, followers: Arc::default(), turn: Arc::default() }
    }

    /// Ends the streams of those that follow: they would hold up a shutdown.
    pub(crate) fn dismiss_followers(&self) {
        self.followers().clear();
    }

    /// Waits until those that follow have reached `time`, lets go of those that do not, and answers how many did.
    async fn reached_by_followers(&self, time: Micros) -> usize {
        let followers = self.followers().clone();
        let waits = followers.into_iter().map(|mut follower| async move {
            let reaches = follower.wait_for(|reached| *reached >= time);
            let has_reached = matches!(timeout(PATIENCE, reaches).await, Ok(Ok(_)));
            (has_reached, follower)
        });
        let (reached, left): (Vec<_>, Vec<_>) =
            join_all(waits).await.into_iter().partition(|(has_reached, _)| *has_reached);
        if !left.is_empty() {
            tracing::warn!(followers = left.len(), "no longer waiting for processes that followed the clock");
            self.followers().retain(|follower| !left.iter().any(|(_, gone)| gone.same_channel(follower)));
        }
        reached.len()
    }

    /// Moves the clock, then those that follow; one move after the other.
    async fn advance(&self, by: Duration) -> Result<AdvanceTimeResponse, Error> {
        let _turn = self.turn.lock().await;
        let now: Micros = self.clock.advance_to(self.clock.now().plus(by));
        // What is due is due for nobody: least of all for a caller whose token the move may have ended.
        let own_work = for_nobody(self.background.tick(now)).await;
        // Those that follow come after: what is due there may depend on what happened here.
        self.time.send_replace(now);
        let follower_count = i32::try_from(self.reached_by_followers(now).await).unwrap_or(i32::MAX);
        own_work?;
        Ok(AdvanceTimeResponse { time: Some(to_proto(now)), follower_count })
    }

    fn followers(&self) -> MutexGuard<'_, Vec<watch::Receiver<Micros>>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl ClockService for ClockControl {
    type FollowTimeStream = ReceiverStream<Result<FollowTimeResponse, Status>>;

    async fn get_time(&self, request: Request<GetTimeRequest>) -> Result<Response<GetTimeResponse>, Status> {
        admit(request)?;
        Ok(Response::new(GetTimeResponse { time: Some(to_proto(self.clock.now())) }))
    }

    async fn advance_time(
        &self,
        request: Request<AdvanceTimeRequest>,
    ) -> Result<Response<AdvanceTimeResponse>, Status> {
        let by = admit(request)?.by.unwrap_or_default();
        // Validation has made sure that neither is negative.
        let by = Duration::new(by.seconds.unsigned_abs(), by.nanos.unsigned_abs());
        let control = self.clone();
        // To the end, also when the caller has gone: those that follow must not stay behind.
        let advanced = tokio::spawn(async move { control.advance(by).await }).await;
        Ok(Response::new(advanced.map_err(Error::internal)??))
    }

    async fn follow_time(
        &self,
        request: Request<Streaming<FollowTimeRequest>>,
    ) -> Result<Response<Self::FollowTimeStream>, Status> {
        let (caller, reports) = admit_stream(request)?;
        let (reached, follower) = watch::channel(Micros(i64::MIN));
        let (times, stream) = mpsc::channel(1);
        self.followers().push(follower);
        tokio::spawn(lead(Reports { caller, reports }, self.time.subscribe(), times, reached));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Tells one follower each time, and what it reports to `reached`, until it is gone or let go.
async fn lead(
    mut reports: Reports,
    mut time: watch::Receiver<Micros>,
    times: mpsc::Sender<Result<FollowTimeResponse, Status>>,
    reached: watch::Sender<Micros>,
) {
    time.mark_changed();
    loop {
        let told = tokio::select! {
            biased; // The time first: also who reports nothing is told where the clock stands.
            moved = time.changed() => match moved {
                Ok(()) => Ok(FollowTimeResponse { time: Some(to_proto(*time.borrow_and_update())) }),
                Err(_) => return,
            },
            report = reports.next() => match report {
                Ok(Some(report)) => {
                    reached.send_replace(report);
                    continue;
                }
                Ok(None) => return,
                Err(status) => Err(status),
            },
            () = reached.closed() => return,
            () = times.closed() => return,
        };
        let is_last = told.is_err();
        if times.send(told).await.is_err() || is_last {
            return;
        }
    }
}

/// What one follower says.
struct Reports {
    caller: Caller,
    reports: Streaming<FollowTimeRequest>,
}

impl Reports {
    /// The time it has reached; none when it says nothing more.
    async fn next(&mut self) -> Result<Option<Micros>, Status> {
        let Some(report) = self.reports.message().await? else { return Ok(None) };
        admit_message(&self.caller, &report)?;
        Ok(report.time.as_ref().and_then(from_proto))
    }
}
