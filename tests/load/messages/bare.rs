//! The least that a durable call with as many rows and bytes can cost: tonic, group commit, and one statement.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use siyu_db::{Db, Engine, Migration, OpenOptions, on_db, rows, statements};
use siyu_rpc::{
    Error,
    group_commit::{Batch, GroupCommit, Limits},
};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService},
    transport::{Server, server::TcpIncoming},
};

use crate::raw::Raw;

/// The method, as the load calls it.
pub(super) const PATH: &str = "/bench.Commit/Send";

/// Rows that a message makes: itself, its conversation, the inbox of its user, and its part of the events.
const ROWS: i64 = 4;
/// About how many bytes there are in the last three.
const OTHERS: [usize; 3] = [120, 40, 236];
const SCHEMA: Migration = Migration {
    name: "9999_stored",
    sqlite: "CREATE TABLE stored (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT",
    postgres: "CREATE TABLE stored (id BIGINT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
};

statements! {
    INSERT = ["INSERT INTO stored (id, value) SELECT CAST(input.value->>0 AS BIGINT), input.value->>1 FROM ", rows(1), ""];
}

/// Serves until the process ends.
pub(crate) async fn serve(url: &str) -> anyhow::Result<()> {
    // The database may be one that was made for messages: its table stands beside theirs.
    let migrations = [siyu_messaging::migrations(), vec![SCHEMA]].concat();
    let db = Db::open(&OpenOptions { url: url.to_owned(), max_connections: 4 }, &migrations).await?;
    let lanes = if db.engine() == Engine::Sqlite { 1 } else { 4 };
    let limits = Limits { lanes, calls: 512, weight: 512 };
    let commits = GroupCommit::start(Storing { db, last_id: AtomicI64::new(0) }, limits);
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    println!("http://{}", incoming.local_addr()?);
    let commit = Commit { commits: Arc::new(commits), last_call: Arc::default() };
    let mut server = Server::builder().max_concurrent_streams(256);
    Ok(server.add_service(commit).serve_with_incoming(incoming).await?)
}

#[derive(Debug)]
struct Storing {
    db: Db,
    last_id: AtomicI64,
}

#[tonic::async_trait]
impl Batch for Storing {
    const NAME: &'static str = "bench.commit";
    type Call = String;
    type Answer = ();

    fn weight(_: &String) -> usize {
        1
    }

    async fn run(&self, calls: &[String]) -> Result<Vec<()>, Error> {
        let others = OTHERS.map(|bytes| "0".repeat(bytes));
        let stored = calls.iter().flat_map(|call| {
            let first = self.last_id.fetch_add(ROWS, Ordering::Relaxed);
            let values = [call, &others[0], &others[1], &others[2]];
            (first..).zip(values)
        });
        let stored = rows(stored)?;
        let mut tx = self.db.begin().await?;
        let text = tx.pick(INSERT);
        on_db!(&mut tx, |conn| sqlx::query(text).bind(&stored).execute(conn).await.map(drop))?;
        tx.commit().await?;
        Ok(vec![(); calls.len()])
    }
}

#[derive(Debug, Clone)]
struct Commit {
    commits: Arc<GroupCommit<Storing>>,
    last_call: Arc<AtomicI64>,
}

impl NamedService for Commit {
    const NAME: &'static str = "bench.Commit";
}

impl tower::Service<http::Request<Body>> for Commit {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let commit = self.clone();
        let store = move |request: Request<Bytes>| {
            let commit = commit.clone();
            async move {
                let bytes = request.into_inner();
                let key = commit.last_call.fetch_add(1, Ordering::Relaxed).to_string();
                commit.commits.call(&key, String::from_utf8_lossy(&bytes).into_owned()).await?;
                Ok::<_, Status>(Response::new(bytes))
            }
        };
        Box::pin(async move { Ok(Grpc::new(Raw).unary(tower::service_fn(store), request).await) })
    }
}
