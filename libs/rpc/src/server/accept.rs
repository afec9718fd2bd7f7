//! Taking connections within the limits, and letting go of them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::server::conn::auto;
use siyu_telemetry::names;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use super::{
    Ended, ServerConfig,
    connection::{self, Life},
    progress::CallExecutor,
};
use crate::tls::{ServerTls, secured};

/// The connections of a server, each a task that serves `A` on it.
pub(super) struct Connections<A> {
    app: A,
    config: ServerConfig,
    builder: auto::Builder<CallExecutor>,
    places: Arc<Semaphore>,
    open: JoinSet<()>,
    taken: u64,
    draining: CancellationToken,
}

impl<A> Connections<A>
where
    A: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    A::Future: Send,
{
    /// `draining` is to be cancelled when clients are to finish and go.
    pub(super) fn new(app: A, config: &ServerConfig, draining: CancellationToken) -> Self {
        Self {
            app,
            config: config.clone(),
            builder: connection::builder(config),
            places: Arc::new(Semaphore::new(config.max_connections)),
            open: JoinSet::new(),
            taken: 0,
            draining,
        }
    }

    /// Takes connections for ever. To be dropped in order to stop.
    pub(super) async fn accept_from(&mut self, listener: &TcpListener) {
        /// Accepting fails when file descriptors run out; trying again at once would only burn time.
        const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(20);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.take(stream),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    }
                },
                // Takes the tasks of connections that have ended off the set.
                Some(_) = self.open.join_next() => {}
            }
        }
    }

    /// Serves a connection, if there is a place for it.
    fn take(&mut self, stream: TcpStream) {
        let Ok(place) = Place::among(&self.places) else {
            metrics::counter!(names::CONNECTIONS_REFUSED_TOTAL).increment(1);
            return;
        };
        let (app, builder) = (self.app.clone(), self.builder.clone());
        let tls = self.config.tls.as_ref().map(ServerTls::acceptor);
        let (preface_timeout, send_timeout) = (self.config.preface_timeout, self.config.send_timeout);
        let life = Life {
            age: spread(self.config.max_connection_age, self.taken),
            grace: self.config.max_connection_age_grace,
            draining: self.draining.clone(),
        };
        self.taken += 1;
        self.open.spawn(async move {
            let _place = place;
            // Small answers leave at once. Where it cannot be set they are late, and nothing else.
            let _ = stream.set_nodelay(true);
            let beginning = async { connection::greet(secured(stream, tls).await?, send_timeout).await };
            let begun = tokio::select! {
                begun = tokio::time::timeout(preface_timeout, beginning) => begun,
                // Who has not said anything yet has no call to finish.
                () = life.draining.cancelled() => return,
            };
            if let Ok(Ok(stream)) = begun {
                connection::serve(stream, app, &builder, life).await;
            }
        });
    }

    /// Waits until all clients are gone, and cuts off those who are still there at the deadline, whatever they do.
    pub(super) async fn drain(mut self, deadline: Duration) -> Ended {
        let all_gone = async { while self.open.join_next().await.is_some() {} };
        match tokio::time::timeout(deadline, all_gone).await {
            Ok(()) => Ended::Drained,
            Err(_) => Ended::CutOff,
        }
    }
}

/// An age within 10 % of `age`, another for each connection, so that those who came together do not all come again
/// at the same moment.
fn spread(age: Duration, number: u64) -> Duration {
    let percent = u32::try_from(number % 21).unwrap_or(0) + 90;
    age / 100 * percent
}

/// A place among the open connections.
struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn among(places: &Arc<Semaphore>) -> Result<Self, tokio::sync::TryAcquireError> {
        let permit = places.clone().try_acquire_owned()?;
        metrics::gauge!(names::CONNECTIONS_OPEN).increment(1.0);
        Ok(Self { _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!(names::CONNECTIONS_OPEN).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_grow_old_at_different_times() {
        let age = Duration::from_secs(1000);
        let ages: std::collections::BTreeSet<Duration> = (0..100).map(|number| spread(age, number)).collect();
        assert_eq!(ages.len(), 21);
        assert_eq!(ages.first(), Some(&Duration::from_secs(900)));
        assert_eq!(ages.last(), Some(&Duration::from_secs(1100)));
    }
}
