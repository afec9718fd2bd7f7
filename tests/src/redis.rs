//! A Redis of its own for a test, which can be killed.

use std::{net::TcpListener, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::process::{Signal, send};

/// How long it may take until it listens.
const START: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct-horse";

/// A running `redis-server`. It is killed when dropped.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    /// Starts one; none, and a line `SKIP …`, where it is not installed.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        let mut version = Command::new("redis-server");
        if version.arg("--version").stdout(Stdio::null()).status().await.is_err() {
            eprintln!("SKIP redis: redis-server is not installed (apt-get install redis-server)");
            return Ok(None);
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut redis = Self { folder: tempfile::tempdir()?, port, child: None };
        redis.start_again().await?;
        Ok(Some(redis))
    }

    /// What its clients are told, as `--set` takes it.
    #[must_use]
    pub fn setting(&self) -> String {
        format!("realtime.redis_url=redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Starts it on the port that it had, after it was killed.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--requirepass", PASSWORD])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let child = self.child.insert(command.spawn().context("redis-server")?);
        let listens = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                ensure!(child.try_wait()?.is_none(), "redis-server ended");
                sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        timeout(START, listens).await.context("redis-server does not listen")?
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match self.child.take() {
            Some(mut child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        send(self.child.as_ref().and_then(Child::id), signal).await
    }
}
