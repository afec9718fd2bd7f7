//! One channel to all replicas of a service. Its name is resolved again and again, so that new replicas get calls, and
//! those that are gone get none.

use std::{
    collections::BTreeSet,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use tokio::sync::{mpsc, watch};
use tonic::{
    Status,
    body::Body,
    transport::{Channel, Endpoint, channel::Change},
};
use tower::{Service, ServiceExt};

use super::{BoxError, NoAnswer};
use crate::tls::ClientTls;

/// Pause between two resolutions of a name.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long a connection may take to be made, and the first addresses to be found.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// A channel to the replicas of the service at `url`, and its addresses by DNS.
///
/// # Errors
/// When `url` is no `http://host:port`, and no `https://host:port` with `tls` for it.
pub(crate) fn balanced(url: &str, tls: Option<ClientTls>) -> Result<Replicas, BoxError> {
    let origin: Uri = url.parse()?;
    let host = host(&origin).ok_or("it names no host")?.to_owned();
    let (tls, default_port) = match (origin.scheme_str(), tls) {
        (Some("http"), _) => (None, 80),
        (Some("https"), Some(tls)) => (Some(tls), 443),
        (Some("https"), None) => return Err("https:// needs the certificate of an authority".into()),
        _ => return Err("it must begin with http:// or https://".into()),
    };
    let port = origin.port_u16().unwrap_or(default_port);
    let resolve = move || {
        let host = host.clone();
        async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }
    };
    Ok(Replicas::resolved_by(Target { origin, tls }, RESOLVE_INTERVAL, resolve))
}

/// The host of a URL; an address of IPv6 without its brackets.
fn host(url: &Uri) -> Option<&str> {
    Some(url.host()?.trim_matches(['[', ']']))
}

/// The service that replicas are of.
#[derive(Debug)]
struct Target {
    origin: Uri,
    /// How it is connected to where its URL begins with `https://`.
    tls: Option<ClientTls>,
}

impl Target {
    /// One replica. It is addressed as the service, and must show a certificate of the service, by its name.
    fn endpoint(&self, address: SocketAddr) -> Result<Endpoint, BoxError> {
        let scheme = self.origin.scheme_str().unwrap_or("http");
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
            .origin(self.origin.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            // Without keepalive a channel does not notice that the other side is gone.
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true);
        match &self.tls {
            Some(tls) => {
                let name = host(&self.origin).unwrap_or_default();
                Ok(endpoint.tls_config(tls.config().domain_name(name))?)
            }
            None => Ok(endpoint),
        }
    }

    /// Whether replicas are to be connected to in a new way.
    async fn changed(&mut self) -> bool {
        match &mut self.tls {
            Some(tls) => tls.reload().await,
            None => false,
        }
    }
}

/// The replicas of a service. Each call goes to one of them; what fails to connect is UNAVAILABLE.
#[derive(Debug, Clone)]
pub(crate) struct Replicas {
    channel: Channel,
    /// Whether any address is known.
    known: watch::Receiver<bool>,
}

impl Replicas {
    /// The replicas at the addresses that `resolve` finds, which is asked again after each `interval`.
    fn resolved_by<R, F>(target: Target, interval: Duration, resolve: R) -> Self
    where
        R: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<BTreeSet<SocketAddr>>> + Send,
    {
        const CHANGES_AT_ONCE: usize = 64;
        let (channel, changes) = Channel::balance_channel(CHANGES_AT_ONCE);
        let (found, known) = watch::channel(false);
        tokio::spawn(async move {
            // It ends with an error when nobody has the channel any longer.
            let _ = follow(target, interval, resolve, &changes, &found).await;
        });
        Self { channel, known }
    }

    async fn send(mut self, request: Request) -> Result<Response, NoAnswer> {
        let known = self.known.wait_for(|known| *known);
        let is_known = tokio::time::timeout(CONNECT_TIMEOUT, known).await.is_ok_and(|known| known.is_ok());
        if !is_known {
            let status = Status::unavailable("no address of the service is known");
            return Err(NoAnswer { status, never_sent: true });
        }
        self.channel.oneshot(request).await.map_err(|error| NoAnswer::new(error.into()))
    }
}

impl Service<Request> for Replicas {
    type Response = Response;
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<Response, NoAnswer>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoAnswer>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

type Changes = mpsc::Sender<Change<SocketAddr, Endpoint>>;

/// Keeps the channel to what `resolve` finds, until nobody has it any longer. Who cannot be asked, or knows nothing,
/// changes nothing: old addresses are better than none.
async fn follow<R, F>(
    mut target: Target,
    interval: Duration,
    resolve: R,
    changes: &Changes,
    found: &watch::Sender<bool>,
) -> Result<(), BoxError>
where
    R: Fn() -> F,
    F: Future<Output = io::Result<BTreeSet<SocketAddr>>>,
{
    let mut known = BTreeSet::new();
    loop {
        if target.changed().await {
            // Each is connected to anew; calls under way go on over the connection that they have.
            for address in &known {
                changes.send(Change::Insert(*address, target.endpoint(*address)?)).await?;
            }
        }
        let origin = &target.origin;
        match resolve().await {
            Ok(now) if now.is_empty() => tracing::warn!(%origin, "the name has no address"),
            Ok(now) => {
                for address in now.difference(&known) {
                    changes.send(Change::Insert(*address, target.endpoint(*address)?)).await?;
                }
                for address in known.difference(&now) {
                    changes.send(Change::Remove(*address)).await?;
                }
                known = now;
                found.send_replace(true);
            }
            Err(error) => tracing::warn!(%origin, %error, "the name cannot be resolved"),
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = changes.closed() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use siyu_clock::Stopwatch;
    use tonic::Code;

    use super::*;
    use crate::{
        remote::testing::{Replica, get_account},
        tls::{ServerTls, testing::Authority},
    };

    const INTERVAL: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    type Answer = Arc<Mutex<Result<Vec<SocketAddr>, io::ErrorKind>>>;

    /// Replicas at the addresses that `answer` has at the moment.
    fn replicas(answer: &Answer) -> Replicas {
        let answer = answer.clone();
        let target = Target { origin: "http://accounts.test:80".parse().unwrap(), tls: None };
        Replicas::resolved_by(target, INTERVAL, move || {
            let answer = answer.lock().unwrap().clone();
            async move { Ok(answer?.into_iter().collect()) }
        })
    }

    fn answers(result: Result<&[&Replica], io::ErrorKind>) -> Answer {
        let addresses = result.map(|replicas| replicas.iter().map(|replica| replica.address).collect());
        Arc::new(Mutex::new(addresses))
    }

    /// Calls until only these have answered for some time.
    async fn answered_by(replicas: &Replicas, expected: &[&Replica]) {
        const IN_A_ROW: usize = 40;
        let expected: BTreeSet<SocketAddr> = expected.iter().map(|replica| replica.address).collect();
        let stopwatch = Stopwatch::start();
        loop {
            let mut seen = BTreeSet::new();
            for _ in 0..IN_A_ROW {
                let response = replicas.clone().oneshot(get_account()).await.unwrap();
                seen.insert(response.headers()["x-address"].to_str().unwrap().parse().unwrap());
            }
            if seen == expected {
                return;
            }
            assert!(stopwatch.elapsed() < LONG, "answers of {seen:?}, not of {expected:?}");
        }
    }

    #[tokio::test]
    async fn calls_follow_the_addresses_of_the_name() {
        let one = Replica::start("127.0.0.1:0").await;
        let other = Replica::start(&format!("127.0.0.2:{}", one.address.port())).await;
        let answer = answers(Ok(&[&one]));
        let replicas = replicas(&answer);
        answered_by(&replicas, &[&one]).await;
        *answer.lock().unwrap() = Ok(vec![one.address, other.address]);
        answered_by(&replicas, &[&one, &other]).await;
        *answer.lock().unwrap() = Ok(vec![other.address]);
        answered_by(&replicas, &[&other]).await;
        // Who cannot be asked, or knows nothing, changes nothing.
        *answer.lock().unwrap() = Err(io::ErrorKind::TimedOut);
        tokio::time::sleep(INTERVAL * 5).await;
        answered_by(&replicas, &[&other]).await;
        *answer.lock().unwrap() = Ok(Vec::new());
        tokio::time::sleep(INTERVAL * 5).await;
        answered_by(&replicas, &[&other]).await;
    }

    #[tokio::test]
    async fn a_call_waits_for_the_first_addresses() {
        let replica = Replica::start("127.0.0.1:0").await;
        let answer = answers(Err(io::ErrorKind::NotFound));
        let replicas = replicas(&answer);
        let call = tokio::spawn(replicas.oneshot(get_account()));
        tokio::time::sleep(INTERVAL * 3).await;
        assert!(!call.is_finished());
        *answer.lock().unwrap() = Ok(vec![replica.address]);
        call.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn where_nobody_listens_a_call_is_unavailable() {
        let gone = Replica::start("127.0.0.1:0").await.stop();
        let answer = Arc::new(Mutex::new(Ok(vec![gone])));
        let error = replicas(&answer).oneshot(get_account()).await.unwrap_err();
        assert_eq!(error.status.code(), Code::Unavailable, "{error:?}");
        assert!(error.never_sent, "{error:?}");
    }

    #[tokio::test]
    async fn a_replica_must_show_the_name_of_the_service() {
        let authority = Authority::new();
        authority.sign("accounts.test");
        let tls = ServerTls::load(authority.server_files()).await.unwrap();
        let replica = Replica::start_over(Some(tls), "127.0.0.1:0").await;
        for (name, is_named) in [("accounts.test", true), ("crm.test", false)] {
            let origin = format!("https://{name}:443").parse().unwrap();
            let target = Target { origin, tls: Some(authority.client().await) };
            let address = replica.address;
            let resolve = move || async move { Ok([address].into()) };
            let replicas = Replicas::resolved_by(target, INTERVAL, resolve);
            match replicas.oneshot(get_account()).await {
                Ok(_) => assert!(is_named, "{name}"),
                Err(error) => {
                    assert!(!is_named && error.never_sent, "{name}: {error:?}");
                    assert_eq!(error.status.code(), Code::Unavailable);
                }
            }
        }
    }

    #[tokio::test]
    async fn replicas_are_connected_to_anew_with_a_new_authority() {
        let (authority, old) = (Authority::new(), Authority::new());
        authority.sign("accounts.test");
        let tls = ServerTls::load(authority.server_files()).await.unwrap();
        let replica = Replica::start_over(Some(tls), "127.0.0.1:0").await;
        let origin = "https://accounts.test:443".parse().unwrap();
        let target = Target { origin, tls: Some(old.client().await) };
        let address = replica.address;
        let replicas = Replicas::resolved_by(target, INTERVAL, move || async move { Ok([address].into()) });
        assert!(replicas.clone().oneshot(get_account()).await.is_err());
        std::fs::copy(authority.path("ca.pem"), old.path("ca.pem")).unwrap();
        let stopwatch = Stopwatch::start();
        while let Err(error) = replicas.clone().oneshot(get_account()).await {
            assert!(stopwatch.elapsed() < LONG, "{error:?}");
            tokio::time::sleep(INTERVAL).await;
        }
    }

    #[tokio::test]
    async fn only_urls_with_a_host_are_taken() {
        assert!(balanced("http://accounts:50051", None).is_ok());
        assert!(balanced("http://[::1]:50051", None).is_ok());
        for bad in ["accounts", "https://accounts:50051", "ftp://accounts:50051", "/accounts", ""] {
            assert!(balanced(bad, None).is_err(), "{bad}");
        }
    }
}
