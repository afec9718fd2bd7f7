//! `strace` on a running process: what it syncs and when, and syncs that fail.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::Context;
use siyu_clock::Micros;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The system calls that make a file durable.
const SYNCS: &str = "fdatasync,fsync,msync,sync_file_range";
/// How long attaching and detaching may take.
const WAIT: Duration = Duration::from_secs(10);

/// A tracer at work. It is killed when dropped, and what it traces goes on.
#[derive(Debug)]
pub(crate) struct Tracer {
    child: Child,
}

/// A sync that succeeded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sync {
    pub(crate) begin: Micros,
    pub(crate) end: Micros,
}

impl Tracer {
    /// Attaches to the process and writes its syncs into `log`; with `failing`, each of them fails with EIO instead of
    /// being done. Says why where that cannot be had.
    pub(crate) async fn attach(process: u32, log: &Path, failing: bool) -> Result<Self, String> {
        let mut command = Command::new("strace");
        command.args(["-f", "-ttt", "-T", "-e", "signal=none", "-e", &format!("trace={SYNCS}")]);
        if failing {
            command.args(["-e", &format!("inject={SYNCS}:error=EIO")]);
        }
        command.arg("-o").arg(log).args(["-p", &process.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("strace does not start: {error}"))?;
        let stderr = child.stderr.take().ok_or("strace has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let attached = async {
            let mut said = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("attached") {
                    return Ok(());
                }
                said += &line;
            }
            Err(format!("strace may not attach: {said}"))
        };
        timeout(WAIT, attached).await.map_err(|_| "strace does not attach".to_owned())??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child })
    }

    /// Lets go of the process.
    pub(crate) async fn detach(mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("strace has ended by itself")?.to_string();
        Command::new("sh").args(["-c", "kill -INT \"$0\"", &id]).status().await?;
        timeout(WAIT, self.child.wait()).await.context("strace does not let go")??;
        Ok(())
    }
}

/// The syncs of a log that succeeded, in no order.
pub(crate) fn successful_syncs(log: &str) -> Vec<Sync> {
    log.lines().filter_map(successful_sync).collect()
}

/// `7 1700000000.123456 fdatasync(12) = 0 <0.000812>`, or its second half after other lines came between:
/// `7 1700000000.124321 <... fdatasync resumed>) = 0 <0.000812>`, with the time of that half.
fn successful_sync(line: &str) -> Option<Sync> {
    let (call, result) = line.rsplit_once(" = ")?;
    let (code, took) = result.split_once(" <")?;
    let took = micros(took.trim_end_matches('>'))?;
    let time = micros(call.split_whitespace().nth(1)?)?;
    let begin = if call.contains(" resumed>") { time - took } else { time };
    (code.trim() == "0").then_some(Sync { begin: Micros(begin), end: Micros(begin + took) })
}

fn micros(seconds: &str) -> Option<i64> {
    let (whole, fraction) = seconds.split_once('.')?;
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(whole * Micros::PER_SECOND + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_read_from_whole_and_broken_lines_and_failures_are_not() {
        let log = "7 1700000000.123456 fdatasync(12) = 0 <0.000812>\n\
                   8 1700000001.000000 fdatasync(12 <unfinished ...>\n\
                   8 1700000001.000900 <... fdatasync resumed>) = 0 <0.000900>\n\
                   9 1700000002.000000 fdatasync(12) = -1 EIO (Input/output error) (INJECTED) <0.000020>\n\
                   7 +++ exited with 0 +++\n";
        let times: Vec<_> = successful_syncs(log).iter().map(|sync| (sync.begin.0, sync.end.0)).collect();
        let second = 1_700_000_000_000_000;
        assert_eq!(times, [(second + 123_456, second + 124_268), (second + 1_000_000, second + 1_000_900)]);
    }
}
