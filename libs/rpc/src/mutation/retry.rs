use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use siyu_proto::common::v1::ErrorReason;
use siyu_telemetry::names;

use crate::{Error, deadline};

const MOST_ATTEMPTS: u32 = 5;
/// The pause after the first attempt is up to this long; each later one up to twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Runs a transaction again when it collided with concurrent ones, a few times and within the deadline of the call.
/// `attempt` begins the transaction and commits it, and does nothing beside.
///
/// # Errors
/// What the last attempt answered: ABORTED when it collided too.
pub async fn retrying<T, F>(attempt: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for attempts in 1..MOST_ATTEMPTS {
        let error = match attempt().await {
            Err(error) if error.reason() == ErrorReason::Contention => error,
            answered => return answered,
        };
        let pause = jittered(FIRST_PAUSE * 2_u32.pow(attempts - 1));
        if deadline::remaining_of_current().is_some_and(|left| left <= pause) {
            return Err(error);
        }
        metrics::counter!(names::CONTENTION_RETRIES_TOTAL).increment(1);
        tokio::time::sleep(pause).await;
    }
    attempt().await
}

/// Half to all of `most`, so that those who collided do not meet again. It decides nothing that a test would want to
/// repeat, so it needs no seed.
fn jittered(most: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 1_000;
    let share = u32::try_from(random).unwrap_or_default();
    most / 2 + most / 2 * share / 1_000
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use siyu_db::DbError;
    use tonic::Code;

    use super::*;
    use crate::deadline::Deadline;

    fn collided() -> Error {
        DbError::Contention(Arc::new(sqlx::Error::WorkerCrashed)).into()
    }

    #[tokio::test]
    async fn what_collided_is_tried_again_and_nothing_else() {
        let attempts = Cell::new(0);
        let answer = retrying(|| async {
            attempts.set(attempts.get() + 1);
            if attempts.get() < 4 { Err(collided()) } else { Ok(attempts.get()) }
        });
        assert_eq!(answer.await.unwrap(), 4);

        attempts.set(0);
        let answer: Result<(), Error> = retrying(|| async {
            attempts.set(attempts.get() + 1);
            Err(Error::not_found("accounts/a"))
        })
        .await;
        assert_eq!((answer.unwrap_err().code(), attempts.get()), (Code::NotFound, 1));
    }

    #[tokio::test]
    async fn who_collides_again_and_again_is_told() {
        let attempts = Cell::new(0);
        let answer: Result<(), Error> = retrying(|| async {
            attempts.set(attempts.get() + 1);
            Err(collided())
        })
        .await;
        assert_eq!((answer.unwrap_err().code(), attempts.get()), (Code::Aborted, MOST_ATTEMPTS));
    }

    #[tokio::test]
    async fn there_is_no_pause_beyond_the_deadline() {
        let attempts = Cell::new(0);
        let call = retrying(|| async {
            attempts.set(attempts.get() + 1);
            Err::<(), Error>(collided())
        });
        let answer = Deadline::from_now(Duration::from_millis(4)).apply(call).await.unwrap();
        assert_eq!((answer.unwrap_err().code(), attempts.get()), (Code::Aborted, 1));
    }
}
