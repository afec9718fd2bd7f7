//! A deadline for every call, and another try for those that may be repeated.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderValue;
use http_body_util::{BodyExt, Full};
use siyu_proto::Method;
use tonic::{Code, Status, body::Body};
use tower::{
    Service, ServiceExt,
    retry::{
        backoff::{Backoff, ExponentialBackoffMaker, MakeBackoff},
        budget::{Budget, TpsBudget},
    },
};

use super::NoAnswer;
use crate::deadline::{self, Deadline};

/// Time for a call that is made outside of any call, and whose caller did not say: what a server gives it too.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How often a call is made, the first time included.
const MOST_ATTEMPTS: u32 = 3;
/// Of all calls so many may be made again, so that a service in trouble does not get three times as many.
const BUDGET: f32 = 0.2;
/// The calls of so long ago count for that.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
/// Beside that, so many in a second: for those who call rarely.
const BUDGET_PER_SECOND: u32 = 2;

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// A transport whose unary calls end in time, and are made again when the other side was UNAVAILABLE, if their method
/// allows that. What never reached the other side is made again in any case, unless its requests are a stream.
#[derive(Debug, Clone)]
pub(crate) struct Reliable<S> {
    inner: S,
    budget: Arc<TpsBudget>,
}

impl<S> Reliable<S> {
    pub(crate) fn new(inner: S) -> Self {
        let budget = Arc::new(TpsBudget::new(BUDGET_WINDOW, BUDGET_PER_SECOND, BUDGET));
        Self { inner, budget }
    }
}

impl<S> Service<Request> for Reliable<S>
where
    S: Service<Request, Response = Response, Error = NoAnswer> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let this = self.clone();
        match Method::find(request.uri().path()) {
            Some(method) if method.client_streaming => Box::pin(this.once(request)),
            Some(method) if method.server_streaming => Box::pin(this.attempts(request, false, None)),
            Some(method) => Box::pin(this.unary(request, method.read_only || method.idempotent)),
            None => Box::pin(this.once(request)),
        }
    }
}

impl<S> Reliable<S>
where
    S: Service<Request, Response = Response, Error = NoAnswer> + Clone + Send + 'static,
    S::Future: Send,
{
    async fn once(self, request: Request) -> Result<Response, Status> {
        self.inner.oneshot(request).await.map_err(|error| error.status)
    }

    async fn unary(self, request: Request, repeatable: bool) -> Result<Response, Status> {
        let requested = deadline::requested(request.headers())?;
        let deadline = Deadline::from_now(requested.unwrap_or(DEFAULT_DEADLINE));
        tokio::select! {
            biased;
            result = self.attempts(request, repeatable, Some(deadline)) => result,
            error = deadline.reached() => Err(error.into()),
        }
    }

    /// Makes a call until it is not to be made again, but only so often.
    async fn attempts(
        self,
        request: Request,
        repeatable: bool,
        deadline: Option<Deadline>,
    ) -> Result<Response, Status> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut backoff = ExponentialBackoffMaker::default().make_backoff();
        self.budget.deposit();
        let mut attempt = 1;
        loop {
            if let Some(deadline) = deadline {
                head.headers.insert("grpc-timeout", time_left(deadline)?);
            }
            let request = Request::from_parts(head.clone(), whole(body.clone()));
            let result = self.inner.clone().oneshot(request).await;
            let again = match &result {
                Err(error) if error.never_sent => true,
                result => repeatable && is_unavailable(result),
            };
            if attempt == MOST_ATTEMPTS || !again || !self.budget.withdraw() {
                return result.map_err(|error| error.status);
            }
            attempt += 1;
            backoff.next_backoff().await;
        }
    }
}

fn time_left(deadline: Deadline) -> Result<HeaderValue, Status> {
    let value = deadline::header_value(deadline.remaining());
    HeaderValue::from_str(&value).map_err(|error| Status::internal(error.to_string()))
}

fn whole(body: Bytes) -> Body {
    Body::new(Full::new(body))
}

/// Whether nobody answered, or somebody who cannot serve now. An answer that has begun has only its headers here, and
/// is not UNAVAILABLE.
fn is_unavailable(result: &Result<Response, NoAnswer>) -> bool {
    let code = match result {
        Ok(response) => Status::from_header_map(response.headers()).map(|status| status.code()),
        Err(error) => Some(error.status.code()),
    };
    code == Some(Code::Unavailable)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use siyu_clock::Stopwatch;

    use super::*;
    use crate::remote::testing::{create_account, get_account, rebuild_tiers};

    /// The first pause is at least so long, the others are longer.
    const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

    /// What a transport that is asked answers, and how often it was asked.
    #[derive(Clone)]
    struct Fake {
        asked: Arc<AtomicU32>,
        /// So many times UNAVAILABLE, then OK.
        failures: u32,
        never_sent: bool,
        pause: Duration,
    }

    impl Fake {
        fn failing(failures: u32) -> Self {
            Self { asked: Arc::default(), failures, never_sent: false, pause: Duration::ZERO }
        }

        async fn answer(self, request: Request) -> Result<Response, NoAnswer> {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.as_ref(), b"message", "every attempt sends all of it");
            tokio::time::sleep(self.pause).await;
            let before = self.asked.fetch_add(1, Ordering::Relaxed);
            let status = Status::unavailable("not now");
            match before < self.failures {
                true if self.never_sent || before.is_multiple_of(2) => {
                    Err(NoAnswer { status, never_sent: self.never_sent })
                }
                true => Ok(status.into_http()),
                false => Ok(Status::ok("").into_http()),
            }
        }
    }

    impl Service<Request> for Fake {
        type Response = Response;
        type Error = NoAnswer;
        type Future = Pin<Box<dyn Future<Output = Result<Response, NoAnswer>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoAnswer>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request) -> Self::Future {
            Box::pin(self.clone().answer(request))
        }
    }

    /// How a call ends, and how often it was made.
    async fn call(fake: Fake, request: Request) -> (Code, u32) {
        let asked = fake.asked.clone();
        let result = Reliable::new(fake).oneshot(request).await;
        let code = match result {
            Ok(response) => Status::from_header_map(response.headers()).unwrap().code(),
            Err(status) => status.code(),
        };
        (code, asked.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn what_only_reads_is_asked_for_three_times() {
        assert_eq!(call(Fake::failing(0), get_account()).await, (Code::Ok, 1));
        assert_eq!(call(Fake::failing(2), get_account()).await, (Code::Ok, 3));
        assert_eq!(call(Fake::failing(9), get_account()).await, (Code::Unavailable, 3));
    }

    #[tokio::test]
    async fn what_must_not_happen_twice_is_asked_for_once() {
        assert_eq!(call(Fake::failing(9), create_account()).await, (Code::Unavailable, 1));
        assert_eq!(call(Fake::failing(9), rebuild_tiers()).await, (Code::Unavailable, 1));
    }

    #[tokio::test]
    async fn what_never_reached_anybody_is_sent_again() {
        for request in [create_account, rebuild_tiers] {
            let fake = Fake { never_sent: true, ..Fake::failing(2) };
            assert_eq!(call(fake, request()).await, (Code::Ok, 3));
        }
    }

    #[tokio::test]
    async fn who_fails_all_the_time_is_not_asked_three_times_as_often() {
        const CALLS: u32 = 500;
        let fake = Fake::failing(u32::MAX);
        let reliable = Reliable::new(fake.clone());
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLS {
            calls.spawn(reliable.clone().oneshot(get_account()));
        }
        calls.join_all().await;
        let asked = fake.asked.load(Ordering::Relaxed);
        assert!(asked > CALLS && asked < CALLS * 3 / 2, "{asked}");
    }

    #[tokio::test]
    async fn a_call_ends_at_its_deadline_whoever_answers() {
        let slow = Fake { pause: Duration::from_secs(60), ..Fake::failing(0) };
        let mut request = get_account();
        request.headers_mut().insert("grpc-timeout", HeaderValue::from_static("50m"));
        let stopwatch = Stopwatch::start();
        assert_eq!(call(slow, request).await, (Code::DeadlineExceeded, 0));
        assert!(stopwatch.elapsed() < Duration::from_secs(30), "{:?}", stopwatch.elapsed());
    }

    #[tokio::test]
    async fn each_attempt_has_what_is_left_of_the_time() {
        let (times, seen) = std::sync::mpsc::channel();
        let inner = tower::service_fn(move |request: Request| {
            times.send(deadline::requested(request.headers()).unwrap().unwrap()).unwrap();
            async { Err::<Response, _>(NoAnswer { status: Status::unavailable(""), never_sent: true }) }
        });
        Reliable::new(inner).oneshot(get_account()).await.unwrap_err();
        let times: Vec<Duration> = seen.try_iter().collect();
        assert!(times[0] <= DEFAULT_DEADLINE, "{times:?}");
        assert!(times[1] <= times[0] - SHORTEST_PAUSE, "{times:?}");
        assert!(times[2] <= times[1] - SHORTEST_PAUSE, "{times:?}");
    }
}
