//! A `siyu` process of its own, which can be killed.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::{sleep, timeout},
};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// How long a process may take until it serves.
const START: Duration = Duration::from_secs(30);

/// The `siyu` binary of this build.
///
/// # Errors
/// When it was not built.
pub fn siyu_binary() -> anyhow::Result<PathBuf> {
    binary("siyu")
}

/// A binary of this build: in the folder of the running program, or above it, where a test finds it.
pub(crate) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folders = program.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|binary| binary.is_file());
    found.with_context(|| {
        format!(
            "no binary `{name}` beside {}: build it first, in the same profile: cargo build --workspace --bins",
            program.display()
        )
    })
}

/// How long a process may take to end after it was asked to: longer than its drain deadline.
const END: Duration = Duration::from_secs(20);

/// A signal to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Asks it to end: `SIGTERM`.
    Terminate,
    /// Holds it in the middle of whatever it does: `SIGSTOP`.
    Stop,
    /// Lets it go on: `SIGCONT`.
    Continue,
}

/// A running `siyu serve`. It is killed when dropped, it alone.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What it says, until it serves.
    said: Option<Lines<BufReader<ChildStderr>>>,
}

impl Process {
    /// Starts `command`, which is to serve on a port that the system chooses (`server.listen=127.0.0.1:0`).
    ///
    /// # Errors
    /// When there is no such program.
    pub fn spawn(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let said = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        Ok(Self { child, said })
    }

    /// Its process id; none once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it is ready; answers the URL it serves on. To be called once.
    ///
    /// # Errors
    /// With what the process said, when it ends or does not become ready.
    pub async fn ready(&mut self) -> anyhow::Result<String> {
        let url = self.listening().await?;
        timeout(START, serving(&url)).await.context("the process does not become ready")??;
        Ok(url)
    }

    /// Waits until it listens; answers the URL, also one of `https`. To be called once.
    ///
    /// # Errors
    /// With what the process said, when it ends or does not listen.
    pub async fn listening(&mut self) -> anyhow::Result<String> {
        let lines = self.said.take().context("the process was waited for before")?;
        timeout(START, listening(lines)).await.context("the process does not listen")?
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        send(self.id(), signal).await
    }

    /// Waits until it is gone; answers how it ended.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(mut self) -> anyhow::Result<ExitStatus> {
        Ok(timeout(END, self.child.wait()).await.context("the process does not end")??)
    }

    /// Asks it to end, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub async fn terminate(self) -> anyhow::Result<()> {
        self.signal(Signal::Terminate).await?;
        let status = self.ended().await?;
        ensure!(status.success(), "the process ended with {status}");
        Ok(())
    }

    /// Ends it the hard way, as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Sends a signal to a process, unless it has ended.
pub(crate) async fn send(process: Option<u32>, signal: Signal) -> anyhow::Result<()> {
    let name = match signal {
        Signal::Terminate => "TERM",
        Signal::Stop => "STOP",
        Signal::Continue => "CONT",
    };
    let id = process.context("the process has ended")?.to_string();
    let mut kill = Command::new("sh");
    let status = kill.args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status().await?;
    ensure!(status.success(), "the process takes no signal {name}");
    Ok(())
}

/// Reads until the process says where it listens. What it says later is thrown away, so that it never waits for a
/// reader.
async fn listening(mut lines: Lines<BufReader<ChildStderr>>) -> anyhow::Result<String> {
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        let url = line.split([' ', ',']).find(|word| word.contains("://127.0.0.1:"));
        if let Some(url) = url.filter(|_| line.contains("ready in")) {
            let url = url.to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(url);
        }
        said = said + &line + "\n";
    }
    bail!("the process ended before it was ready: {said}")
}

/// Asks the health service until it says that the process is ready.
async fn serving(url: &str) -> anyhow::Result<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    let channel = Endpoint::from_shared(url.to_owned())?.connect().await?;
    let mut health = HealthClient::new(channel);
    loop {
        let answer = health.check(HealthCheckRequest { service: "readiness".to_owned() }).await?.into_inner();
        if answer.status() == ServingStatus::Serving {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}
