//! The machine the figures are from: its cores, its disk, and how figures are put together.

use std::{
    fmt,
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context;
use siyu_clock::Stopwatch;
use siyu_tests::Engine;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Who runs where.
#[derive(Debug)]
pub(crate) struct Cores {
    pinned: bool,
    count: usize,
}

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

impl Cores {
    /// Moves this process to its core, where the machine has two and `taskset`.
    pub(crate) async fn divide() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let own_id = std::process::id().to_string();
        let mut taskset = Command::new("taskset");
        taskset.args(["--all-tasks", "--pid", "--cpu-list", LOAD_CORE, &own_id]).stdout(Stdio::null());
        let pinned = count >= 2 && taskset.status().await.is_ok_and(|status| status.success());
        Self { pinned, count }
    }

    /// Starts a process of this program that is a bare server, as `arguments` say, on the core of servers; answers its URL too.
    pub(crate) async fn start_bare(&self, arguments: [String; 2]) -> anyhow::Result<(Child, String)> {
        let mut line = self.of_server();
        line.push(std::env::current_exe()?.display().to_string());
        line.extend(arguments);
        let mut command = Command::new(&line[0]);
        let mut process = command.args(&line[1..]).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = process.stdout.take().context("its output")?;
        let url = BufReader::new(output).lines().next_line().await?.context("the address it listens on")?;
        Ok((process, url))
    }

    /// What a server is started with, so that it keeps to its core.
    pub(crate) fn of_server(&self) -> Vec<String> {
        let words = ["taskset", "--cpu-list", SERVER_CORE].map(str::to_owned);
        if self.pinned { words.to_vec() } else { Vec::new() }
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pinned = if self.pinned {
            "the server keeps to one, the load and all SQL written beside it to another, PostgreSQL to none"
        } else {
            "nothing is pinned"
        };
        write!(f, "{} cores; {pinned}.", self.count)
    }
}

/// The engines to be had here.
pub(crate) fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::Sqlite];
    if std::env::var_os("SIYU_TEST_POSTGRES").is_some() {
        engines.push(Engine::Postgres);
    }
    engines
}

/// Where data sets are kept between runs: `target/bench-data`.
pub(crate) fn data_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("a program in target/PROFILE")?;
    let folder = target.join("bench-data");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// How often a second 4 KiB can be written and made durable in `folder`: each over an old place of a file, as both
/// engines write their log.
pub(crate) fn syncs_per_second(folder: &Path) -> anyhow::Result<f64> {
    const BLOCK: [u8; 4096] = [7; 4096];
    const BLOCKS: u64 = 1_024;
    const LONG_ENOUGH: Duration = Duration::from_millis(300);
    let path = folder.join("fsync-probe");
    let mut file = File::create(&path)?;
    for _ in 0..BLOCKS {
        file.write_all(&BLOCK)?;
    }
    file.sync_all()?;
    let stopwatch = Stopwatch::start();
    let mut syncs = 0_u32;
    while stopwatch.elapsed() < LONG_ENOUGH {
        if u64::from(syncs).is_multiple_of(BLOCKS) {
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        syncs += 1;
    }
    let rate = f64::from(syncs) / stopwatch.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

/// The value in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (below, above) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(below).zip(values.get(above)).map_or(f64::NAN, |(below, above)| (below + above) / 2.0)
}

/// Prints lines in columns, the first of each to the left and the others to the right. The first line is the heading.
pub(crate) fn print_table(lines: &[Vec<String>]) {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell: &String| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        println!("  {}", cells.collect::<Vec<_>>().join("  "));
    }
}

/// A whole number with spaces between thousands.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A number that the kernel tells of a process, in a file of `/proc`: `VmRSS:` of `status`, `write_bytes:` of `io`.
pub(crate) fn of_process(process: u32, file: &str, field: &str) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}"))?;
    let line = text.lines().find(|line| line.starts_with(field)).with_context(|| field.to_owned())?;
    Ok(line.split_whitespace().nth(1).with_context(|| field.to_owned())?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::{median, whole};

    #[test]
    fn the_median_lies_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).is_nan());
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(whole(999.4), "999");
        assert_eq!(whole(1_234_567.0), "1 234 567");
    }
}
