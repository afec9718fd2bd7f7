//! Whether a caller takes its answer. HTTP/2 lets a caller stop reading one call while its connection stays alive, so
//! that neither keepalive nor a deadline would ever end such a call.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::rt::Executor;

tokio::task_local! {
    /// The progress of the call that the current task answers over HTTP/2.
    static CURRENT: Progress;
}

/// Counts the turns of an answer: an even number while the server works on the next part of it, an odd one while the
/// caller is to take the last.
#[derive(Debug, Clone, Default)]
struct Progress {
    turns: Arc<AtomicU64>,
}

impl Progress {
    /// Only the task of the call itself counts, so reading and writing need not be one step.
    fn set_turn(&self, of_caller: bool) {
        let turns = self.turns.load(Ordering::Relaxed);
        let is_of_caller = turns % 2 == 1;
        if is_of_caller != of_caller {
            self.turns.store(turns + 1, Ordering::Relaxed);
        }
    }

    /// Waits until the caller has taken nothing for `send_timeout`, and at most for twice as long.
    async fn stalled(&self, send_timeout: Duration) {
        loop {
            let before = self.turns.load(Ordering::Relaxed);
            tokio::time::sleep(send_timeout).await;
            let unchanged = self.turns.load(Ordering::Relaxed) == before;
            let turn_of_caller = before % 2 == 1;
            if unchanged && turn_of_caller {
                return;
            }
        }
    }
}

/// To be said when a part of an answer is handed out: it is for the caller to take it.
pub(crate) fn turn_of_caller() {
    let _ = CURRENT.try_with(|progress| progress.set_turn(true));
}

/// To be said when the next part of an answer is asked for.
pub(crate) fn turn_of_server() {
    let _ = CURRENT.try_with(|progress| progress.set_turn(false));
}

/// Runs the calls of a connection, each as a task of its own, and drops a call whose caller takes nothing of its
/// answer for `send_timeout`. HTTP/2 then resets its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallExecutor {
    pub(super) send_timeout: Duration,
}

impl<F> Executor<F> for CallExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let send_timeout = self.send_timeout;
        let progress = Progress::default();
        tokio::spawn(CURRENT.scope(progress.clone(), async move {
            tokio::select! {
                biased;
                () = call => {}
                () = progress.stalled(send_timeout) => {
                    tracing::debug!("a call was cut off: its caller did not take the answer");
                }
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use siyu_clock::Stopwatch;
    use tokio::{sync::oneshot, time::sleep};

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(40);

    /// How long the executor lets a call live that goes on for ever after `beginning`; none: for as long as we waited.
    async fn lifetime(beginning: impl Future<Output = ()> + Send + 'static) -> Option<Duration> {
        let (alive, ended) = oneshot::channel::<()>();
        let stopwatch = Stopwatch::start();
        CallExecutor { send_timeout: TIMEOUT }.execute(async move {
            let _alive = alive;
            beginning.await;
            std::future::pending::<()>().await;
        });
        let ended = tokio::time::timeout(TIMEOUT * 10, ended).await;
        ended.is_ok().then(|| stopwatch.elapsed())
    }

    #[tokio::test]
    async fn a_call_is_cut_when_its_caller_takes_nothing() {
        let elapsed = lifetime(async { turn_of_caller() }).await.expect("it is cut");
        assert!(elapsed >= TIMEOUT, "{elapsed:?}");
    }

    #[tokio::test]
    async fn a_slow_server_is_not_the_fault_of_the_caller() {
        assert_eq!(lifetime(async {}).await, None);
        let taken = async {
            turn_of_caller();
            turn_of_server();
        };
        assert_eq!(lifetime(taken).await, None);
    }

    #[tokio::test]
    async fn a_slow_caller_is_not_cut_while_it_takes_something() {
        let slowly = async {
            for _ in 0..20 {
                turn_of_caller();
                sleep(TIMEOUT / 4).await;
                turn_of_server();
            }
        };
        assert_eq!(lifetime(slowly).await, None);
    }
}
