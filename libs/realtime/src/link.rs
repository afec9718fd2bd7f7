//! The connection to Redis: it rings for others, and hears them ring.

use std::{fmt, sync::Arc, time::Duration};

use prost::Message as _;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisError,
    Value, aio::MultiplexedConnection,
};
use siyu_telemetry::names;
use tokio_util::sync::CancellationToken;

use crate::{Hub, queue::Queue, ring::Rings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// So long nothing is said before the connection is tried.
const PING_AFTER: Duration = Duration::from_secs(5);
/// Between attempts to connect.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// A Redis, or what speaks its protocol, version 6 or later.
#[derive(Clone)]
pub struct Redis {
    client: Client,
}

/// A URL that names no Redis. It says nothing of the URL, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisUrlError;

impl fmt::Display for RedisUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be redis://USER:PASSWORD@HOST:PORT, or rediss:// with TLS")
    }
}

impl std::error::Error for RedisUrlError {}

// Its address may hold a password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Redis {
    /// The one at a URL; nothing is connected yet.
    ///
    /// # Errors
    /// When the URL names none.
    pub fn at(url: &str) -> Result<Self, RedisUrlError> {
        let has_scheme = url.starts_with("redis://") || url.starts_with("rediss://");
        // `#insecure` would ask for TLS that checks nobody.
        let is_redis = has_scheme && !url.contains('#');
        let info = url.into_connection_info().ok().filter(|_| is_redis).ok_or(RedisUrlError)?;
        // With version 3 of the protocol one connection rings and hears.
        let settings =
            info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
        let client = Client::open(info.set_redis_settings(settings)).map_err(|_| RedisUrlError)?;
        Ok(Self { client })
    }
}

/// Who hears what others ring.
trait Ears: Send + Sync {
    fn hear(&self, inbox: &str, change: i64);
    fn miss(&self);
}

impl<T: Clone + Send + Sync + 'static> Ears for Hub<T> {
    fn hear(&self, inbox: &str, change: i64) {
        Self::hear(self, inbox, change);
    }

    fn miss(&self) {
        Self::miss(self);
    }
}

/// A hub that is joined with those of other processes. Clones share the work.
#[derive(Clone)]
pub struct Link {
    redis: Redis,
    channel: Arc<str>,
    queue: Arc<Queue>,
    ears: Arc<dyn Ears>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new<T: Clone + Send + Sync + 'static>(
        name: &str,
        redis: &Redis,
        queue: Arc<Queue>,
        hub: Arc<Hub<T>>,
    ) -> Self {
        let channel = format!("siyu.realtime.{name}").into();
        Self { redis: redis.clone(), channel, queue, ears: hub }
    }

    /// Keeps it up until dropped. While it is down nobody waits for it.
    pub async fn run(self) {
        let mut failures = 0;
        loop {
            let mut was_up = false;
            let Err(error) = self.keep_up(&mut was_up).await;
            metrics::gauge!(names::REALTIME_CONNECTED, "hub" => self.channel.to_string()).set(0.0);
            if was_up {
                failures = 0;
            }
            // Once for each time it goes down: what is tried again every second need not be told every second.
            if failures == 0 {
                tracing::warn!(channel = %self.channel, %error, "no Redis: others hear later, by events; trying again");
            } else {
                tracing::debug!(channel = %self.channel, %error, "no Redis yet");
            }
            tokio::time::sleep(PAUSES[failures.min(PAUSES.len() - 1)]).await;
            failures += 1;
        }
    }

    /// Connects, and rings and hears until something is in the way; sets `was_up` once it does.
    async fn keep_up(&self, was_up: &mut bool) -> Result<std::convert::Infallible, RedisError> {
        let gone = CancellationToken::new();
        let (ears, disconnected) = (self.ears.clone(), gone.clone());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT))
            .set_push_sender(move |push: PushInfo| {
                match push.kind {
                    PushKind::Message => hear(ears.as_ref(), &push.data),
                    PushKind::Disconnection => disconnected.cancel(),
                    _ => {}
                }
                Ok::<_, std::convert::Infallible>(())
            });
        let mut connection = self.redis.client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe(&*self.channel).await?;
        *was_up = true;
        metrics::counter!(names::REALTIME_CONNECTS_TOTAL, "hub" => self.channel.to_string()).increment(1);
        metrics::gauge!(names::REALTIME_CONNECTED, "hub" => self.channel.to_string()).set(1.0);
        tracing::info!(channel = %self.channel, "joined with other processes over Redis");
        // Only now, when it hears: what was rung before may have been missed here, and what was stored here by the others.
        self.ears.miss();
        self.queue.start_over();
        tokio::select! {
            failed = self.ring(connection) => failed,
            () = gone.cancelled() => Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset))),
        }
    }

    /// Tells others what is to be told, one after the other, however much comes meanwhile.
    async fn ring(
        &self,
        mut connection: MultiplexedConnection,
    ) -> Result<std::convert::Infallible, RedisError> {
        loop {
            let Ok(rings) = tokio::time::timeout(PING_AFTER, self.queue.take()).await else {
                redis::cmd("PING").exec_async(&mut connection).await?;
                continue;
            };
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(&*self.channel).arg(rings.encode_to_vec()).exec_async(&mut connection).await?;
            metrics::counter!(names::REALTIME_PUBLISHED_TOTAL).increment(rings.rings.len() as u64);
        }
    }
}

/// A message of a channel: its name, and what somebody published there.
fn hear(ears: &dyn Ears, message: &[Value]) {
    let [_, Value::BulkString(published)] = message else { return };
    let Ok(rings) = Rings::decode(published.as_slice()) else {
        tracing::debug!("something else was published");
        return;
    };
    for ring in rings.rings {
        ears.hear(&ring.inbox, ring.change);
    }
    if rings.is_incomplete {
        ears.miss();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_and_never_shown() {
        for good in ["redis://127.0.0.1:6379", "redis://user:hunter2@host:1/0", "rediss://:hunter2@host"] {
            assert!(!format!("{:?}", Redis::at(good).unwrap()).contains("hunter2"));
        }
        for bad in [
            "",
            "127.0.0.1:6379",
            "http://host",
            "unix:///tmp/redis.sock",
            "redis://:hunter2@",
            "rediss://h/#insecure",
        ] {
            assert_eq!(Redis::at(bad).unwrap_err(), RedisUrlError, "{bad}");
        }
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_not_heard() {
        let hub = Hub::<()>::default();
        let mut reader = hub.read("users/ann");
        let data =
            |bytes: &[u8]| vec![Value::BulkString(b"channel".to_vec()), Value::BulkString(bytes.to_vec())];
        hear(&hub, &[]);
        hear(&hub, &data(b"\xff\xff"));
        let quiet = tokio::time::timeout(Duration::from_millis(20), reader.next()).await;
        assert!(quiet.is_err());
        let ring = crate::ring::Ring { inbox: "users/ann".to_owned(), change: 1 };
        hear(&hub, &data(&Rings { rings: vec![ring], is_incomplete: true }.encode_to_vec()));
        assert_eq!(reader.next().await, crate::Heard::Behind);
        hub.may_have_missed().await;
    }
}
