//! What the import tells: rejected rows as they turn up, and the summary.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::json;

use super::interpret::SkipReason;

/// What an import did. `rows` = skipped + rejected before sending + `sent` - `follows`, and `sent` = `accepted` +
/// `duplicates` + `rejected_by_server`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows in the file, good and bad.
    pub rows: u64,
    /// Interactions sent.
    pub sent: u64,
    /// Interactions that the server stored now.
    pub accepted: u64,
    /// Interactions that it had before, also those stored by an attempt whose answer got lost.
    pub duplicates: u64,
    /// Rows and added interactions that were not stored, by whomever they were rejected.
    pub rejected: u64,
    /// Those of them that the server rejected.
    pub rejected_by_server: u64,
    /// Good rows that were not sent.
    pub skipped_by_reason: BTreeMap<SkipReason, u64>,
    /// Follows added to the rows.
    pub follows: u64,
    /// Days that all times were moved by.
    pub shift_days: i64,
    /// Whether this was the first run of the import; otherwise it was resumed or repeated.
    pub created: bool,
}

impl Summary {
    /// Whether no row was rejected.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.rejected == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = if self.created { "new import" } else { "import resumed" };
        writeln!(out, "{run}, times moved by {} days", self.shift_days)?;
        writeln!(out, "  rows        {:>12}", self.rows)?;
        for (reason, count) in &self.skipped_by_reason {
            writeln!(out, "  skipped     {count:>12}  {reason}")?;
        }
        writeln!(out, "  sent        {:>12}  with {} follows added", self.sent, self.follows)?;
        writeln!(out, "  accepted    {:>12}", self.accepted)?;
        writeln!(out, "  duplicates  {:>12}", self.duplicates)?;
        write!(out, "  rejected    {:>12}  {} of them by the server", self.rejected, self.rejected_by_server)
    }
}

/// Tells of rejected rows: the first on stderr, all in a file.
#[derive(Debug)]
pub(super) struct Rejects {
    show: u64,
    count: u64,
    file: Option<BufWriter<File>>,
    progress: ProgressBar,
}

impl Rejects {
    /// Shows the first `show`, beside the progress bar, and writes all to the file at `path`, if any.
    pub(super) fn new(show: u64, path: Option<&Path>, progress: ProgressBar) -> anyhow::Result<Self> {
        let create =
            |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let file = path.map(create).transpose()?.map(BufWriter::new);
        Ok(Self { show, count: 0, file, progress })
    }

    /// Whether the text of rejected rows is needed.
    pub(super) fn want_rows(&self) -> bool {
        self.file.is_some()
    }

    /// Tells of one; `line` is None when it is an interaction that the importer added.
    pub(super) fn tell(
        &mut self,
        line: Option<u64>,
        field: &str,
        reason: &str,
        row: &str,
    ) -> anyhow::Result<()> {
        self.count += 1;
        if self.count <= self.show {
            self.progress.suspend(|| eprintln!("{}", describe(line, field, reason)));
        }
        if let Some(file) = &mut self.file {
            writeln!(file, "{}", json!({"line": line, "field": field, "reason": reason, "row": row}))?;
        }
        Ok(())
    }

    /// Tells how many were not shown, and closes the file.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if self.count > self.show {
            self.progress.suspend(|| eprintln!("{} more were rejected", self.count - self.show));
        }
        if let Some(file) = &mut self.file {
            file.flush().context("cannot finish the file of rejected rows")?;
        }
        Ok(())
    }
}

/// One line for people.
pub(super) fn describe(line: Option<u64>, field: &str, reason: &str) -> String {
    match line {
        Some(line) => format!("line {line}: {field} {reason}"),
        None => format!("added follow: {field} {reason}"),
    }
}
