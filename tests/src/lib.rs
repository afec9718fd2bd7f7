//! What tests of the whole suite share: a running suite on either database, with a clock of its own.

pub mod chaos;
pub mod cluster;
pub mod crosswoz;
mod database;
pub mod events;
pub mod group_sends;
pub mod installation;
pub mod process;
pub mod pushes;
pub mod redis;
pub mod simulation;
mod suite;
pub mod tally;
pub mod traffic;

pub use siyu_db::Engine;
pub use suite::TestSuite;

/// Makes two tests of an `async fn(TestSuite)`: one on SQLite, one on PostgreSQL. The latter prints `SKIP …` and
/// succeeds where `SIYU_TEST_POSTGRES` does not name a cluster.
#[macro_export]
macro_rules! on_both_engines {
    ($($test:ident),+ $(,)?) => {
        $(mod $test {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                $crate::TestSuite::run($crate::Engine::Sqlite, super::$test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                $crate::TestSuite::run($crate::Engine::Postgres, super::$test).await;
            }
        })+
    };
}
