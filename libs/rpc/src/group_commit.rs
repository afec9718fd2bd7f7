//! Group commit: calls that come at the same time share one transaction, and so one sync of the disk, and are each
//! answered on their own.
//!
//! There is no timer. While a transaction commits, calls queue; what has queued is the next batch. A slow disk makes
//! the batches larger, and a lone caller never waits.

use std::{
    hash::{BuildHasher, RandomState},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use futures_util::FutureExt;
use opentelemetry::trace::TraceContextExt;
use siyu_telemetry::names;
use tokio::sync::{mpsc, oneshot};
use tonic::Code;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{Error, retrying};

/// A use case that takes many calls at once.
#[tonic::async_trait]
pub trait Batch: Send + Sync + 'static {
    /// What it is called, for metrics and spans: `crm.ingest`.
    const NAME: &'static str;
    /// One validated call.
    type Call: Send + Sync + 'static;
    /// The answer to one call.
    type Answer: Send + 'static;

    /// How much of a batch a call takes up: its number of rows, for example.
    fn weight(call: &Self::Call) -> usize;

    /// Does all of it in one transaction, and commits. Answers the calls in their order. After an error nothing may
    /// have been done; it is called again then, with fewer calls.
    ///
    /// # Errors
    /// For all calls together.
    async fn run(&self, calls: &[Self::Call]) -> Result<Vec<Self::Answer>, Error>;
}

/// How large batches may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Transactions at once: calls of one key always take the same lane, so that they never wait for each other in the
    /// database. One is right for a database with a single writer.
    pub lanes: usize,
    /// Most calls of one transaction.
    pub calls: usize,
    /// A batch is full when its calls together weigh this much.
    pub weight: usize,
}

/// Calls of a use case, on their way into transactions. It works until it is dropped.
pub struct GroupCommit<B: Batch> {
    lanes: Vec<mpsc::Sender<Queued<B>>>,
    hash: RandomState,
}

struct Queued<B: Batch> {
    call: B::Call,
    answer: oneshot::Sender<Result<B::Answer, Error>>,
    caller: Span,
}

impl<B: Batch> std::fmt::Debug for GroupCommit<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupCommit").field("use_case", &B::NAME).field("lanes", &self.lanes.len()).finish()
    }
}

impl<B: Batch> GroupCommit<B> {
    /// Starts the lanes. To be called inside a tokio runtime.
    #[must_use]
    pub fn start(batch: B, limits: Limits) -> Self {
        let batch = Arc::new(batch);
        let lanes = (0..limits.lanes.max(1)).map(|_| {
            // What does not fit waits in its caller, within its deadline.
            let (sender, receiver) = mpsc::channel(limits.calls.max(1));
            tokio::spawn(work(batch.clone(), receiver, limits));
            sender
        });
        Self { lanes: lanes.collect(), hash: RandomState::new() }
    }

    /// Has a call done together with others; calls of one `key` are done in the order in which they queue.
    ///
    /// # Errors
    /// What the use case answers to this call. When the caller gives up, the call may still be done.
    pub async fn call(&self, key: &str, call: B::Call) -> Result<B::Answer, Error> {
        let hash = usize::try_from(self.hash.hash_one(key) >> 32).unwrap_or_default();
        let lane = &self.lanes[hash % self.lanes.len()];
        let (answer, answered) = oneshot::channel();
        let stopped = || Error::internal("the lane of a group commit has ended");
        lane.send(Queued { call, answer, caller: Span::current() }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

/// One lane: batch after batch.
async fn work<B: Batch>(batch: Arc<B>, mut queue: mpsc::Receiver<Queued<B>>, limits: Limits) {
    while let Some(first) = queue.recv().await {
        let mut weight = B::weight(&first.call);
        let mut queued = vec![first];
        while queued.len() < limits.calls && weight < limits.weight {
            let Ok(next) = queue.try_recv() else { break };
            weight += B::weight(&next.call);
            queued.push(next);
        }
        // Whoever has given up need not be served.
        queued.retain(|queued| !queued.answer.is_closed());
        if !queued.is_empty() {
            commit(&*batch, queued).await;
        }
    }
}

/// Does a batch and answers its calls. When it fails as a whole, each call is tried alone: a bad one must not fail its
/// neighbours.
async fn commit<B: Batch>(batch: &B, queued: Vec<Queued<B>>) {
    let span = span_of(&queued);
    let count = f64::from(u32::try_from(queued.len()).unwrap_or(u32::MAX));
    metrics::histogram!(names::GROUP_COMMIT_CALLS, "use_case" => B::NAME).record(count);
    let (calls, answers): (Vec<_>, Vec<_>) =
        queued.into_iter().map(|queued| (queued.call, queued.answer)).unzip();
    match run(batch, &calls).instrument(span.clone()).await {
        Ok(done) => {
            for (answer, done) in answers.into_iter().zip(done) {
                // The caller may have given up meanwhile.
                let _ = answer.send(Ok(done));
            }
        }
        Err(error) if calls.len() == 1 || is_of_all(&error) => {
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
        Err(error) => {
            tracing::warn!(parent: &span, use_case = B::NAME, %error, "a batch failed; its calls are done one by one");
            metrics::counter!(names::GROUP_COMMIT_SPLIT_TOTAL, "use_case" => B::NAME).increment(1);
            for (call, answer) in calls.into_iter().zip(answers) {
                let done = run(batch, &[call]).instrument(span.clone()).await;
                let only = done.and_then(|mut done| done.pop().ok_or_else(|| unanswered(1, 0)));
                let _ = answer.send(only);
            }
        }
    }
}

/// Runs some calls: again when they collide with others, and a panic is an error like any other.
async fn run<B: Batch>(batch: &B, calls: &[B::Call]) -> Result<Vec<B::Answer>, Error> {
    let run = AssertUnwindSafe(retrying(|| batch.run(calls))).catch_unwind();
    let answers = run.await.unwrap_or_else(|_| Err(Error::internal("a group commit panicked")))?;
    if answers.len() == calls.len() { Ok(answers) } else { Err(unanswered(calls.len(), answers.len())) }
}

fn unanswered(calls: usize, answers: usize) -> Error {
    Error::internal(format!("a group commit of {calls} calls has {answers} answers"))
}

/// Whether every call would fail like this: trying each alone would only take long.
fn is_of_all(error: &Error) -> bool {
    matches!(error.code(), Code::Unavailable | Code::Aborted)
}

/// A span in the trace of the first caller, linked to those of the others.
fn span_of<B: Batch>(queued: &[Queued<B>]) -> Span {
    let parent = queued.first().map(|first| first.caller.clone()).unwrap_or_else(Span::none);
    let span =
        tracing::info_span!(parent: &parent, "group_commit", otel.name = B::NAME, calls = queued.len());
    for other in queued.iter().skip(1) {
        span.add_link(other.caller.context().span().span_context().clone());
    }
    span
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use siyu_proto::common::v1::ErrorReason;

    use super::*;

    /// Doubles numbers; 13 cannot be doubled, 14 panics, 15 finds the storage away.
    #[derive(Default)]
    struct Doubling {
        batches: Arc<Mutex<Vec<Vec<u64>>>>,
        collisions: AtomicUsize,
    }

    #[tonic::async_trait]
    impl Batch for Doubling {
        const NAME: &'static str = "test.double";
        type Call = u64;
        type Answer = u64;

        fn weight(call: &u64) -> usize {
            usize::try_from(*call).unwrap()
        }

        async fn run(&self, calls: &[u64]) -> Result<Vec<u64>, Error> {
            self.batches.lock().unwrap().push(calls.to_vec());
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.collisions.load(Ordering::Relaxed) > 0 {
                self.collisions.fetch_sub(1, Ordering::Relaxed);
                return Err(Error::new(Code::Aborted, ErrorReason::Contention, "collided"));
            }
            assert!(!calls.contains(&14), "fourteen");
            match calls {
                _ if calls.contains(&13) => Err(Error::invalid_field("number", "must not be 13")),
                _ if calls.contains(&15) => {
                    Err(Error::new(Code::Unavailable, ErrorReason::DependencyUnavailable, "away"))
                }
                _ => Ok(calls.iter().map(|call| call * 2).collect()),
            }
        }
    }

    /// Calls with all numbers at once; answers what each got, and the batches that were run.
    async fn double(
        numbers: impl IntoIterator<Item = u64>,
        limits: Limits,
        collisions: usize,
    ) -> (Vec<Result<u64, Code>>, Vec<Vec<u64>>) {
        let batches = Arc::new(Mutex::new(Vec::new()));
        let doubling = Doubling { batches: batches.clone(), collisions: collisions.into() };
        let group = GroupCommit::start(doubling, limits);
        let calls = numbers.into_iter().map(|number| group.call("key", number));
        let answers = futures_util::future::join_all(calls).await;
        let batches = batches.lock().unwrap().clone();
        (answers.into_iter().map(|answer| answer.map_err(|error| error.code())).collect(), batches)
    }

    const WIDE: Limits = Limits { lanes: 1, calls: 64, weight: 100_000 };

    #[tokio::test]
    async fn calls_that_come_together_are_done_together() {
        let (answers, batches) = double(100..164, WIDE, 0).await;
        assert_eq!(answers, (100..164).map(|number| Ok(number * 2)).collect::<Vec<_>>());
        assert!(batches.len() <= 3, "{batches:?}");
    }

    #[tokio::test]
    async fn batches_keep_their_limits() {
        let (answers, batches) = double(1..=12, Limits { calls: 3, ..WIDE }, 0).await;
        assert!(
            answers.iter().all(Result::is_ok) && batches.iter().all(|batch| batch.len() <= 3),
            "{batches:?}"
        );
        let (_, batches) = double([10; 12], Limits { weight: 20, ..WIDE }, 0).await;
        assert!(batches.iter().all(|batch| batch.len() <= 2), "{batches:?}");
    }

    #[tokio::test]
    async fn one_bad_call_among_64_fails_alone() {
        for (bad, code) in [(13, Code::InvalidArgument), (14, Code::Internal)] {
            let numbers = (0..63).map(|number| number + 100).chain([bad]);
            let (answers, _) = double(numbers, WIDE, 0).await;
            let (failed, done): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_err);
            assert_eq!((failed, done.len()), (vec![Err(code)], 63));
        }
    }

    #[tokio::test]
    async fn when_the_storage_is_away_nobody_is_tried_alone() {
        let (answers, batches) = double([1, 2, 15, 3], WIDE, 0).await;
        assert_eq!(answers, vec![Err(Code::Unavailable); 4]);
        assert!(batches.len() <= 2, "{batches:?}");
    }

    #[tokio::test]
    async fn what_collides_is_done_again_as_a_whole() {
        let (answers, batches) = double([1, 2, 3], WIDE, 2).await;
        assert_eq!(answers, vec![Ok(2), Ok(4), Ok(6)]);
        assert!(batches.iter().skip(1).all(|batch| *batch == batches[0] || batches.len() > 3), "{batches:?}");
    }

    #[tokio::test]
    async fn a_caller_who_gave_up_is_passed_over() {
        let batches = Arc::new(Mutex::new(Vec::new()));
        let doubling = Doubling { batches: batches.clone(), ..Doubling::default() };
        let group = GroupCommit::start(doubling, Limits { calls: 1, ..WIDE });
        let (first, given_up) = tokio::join!(
            group.call("key", 1),
            tokio::time::timeout(Duration::from_millis(1), group.call("key", 2))
        );
        assert!(first.is_ok() && given_up.is_err());
        assert_eq!(group.call("key", 3).await.unwrap(), 6);
        assert_eq!(*batches.lock().unwrap(), [vec![1], vec![3]]);
    }
}
