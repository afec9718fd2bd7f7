//! The first reading of a file: what must be known before anything is sent.

use std::io::BufRead;

use jiff::Timestamp;

use super::{
    cells::Fault,
    digest::{ContentDigest, LineDigest, row_digest},
    interpret::{Interpreter, Meaning},
    source::Source,
};

/// What the first reading found out.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Rows in the file, good and bad.
    pub(super) rows: u64,
    /// Their digest.
    pub(super) digest: ContentDigest,
    /// Their digest together with their lines.
    pub(super) lines: LineDigest,
    /// The latest time to move near now. Rows in the future are left out unless there are no others: one mistyped
    /// year must not drag the whole file back by decades.
    pub(super) latest: Option<Timestamp>,
    /// Rows that cannot be sent, whatever the shift.
    pub(super) bad_rows: u64,
    /// The first of them, with their lines.
    pub(super) first_faults: Vec<(u64, Fault)>,
}

/// Reads a file through.
pub(super) fn scan<R: BufRead>(
    mut source: Source<R>,
    interpreter: &Interpreter,
    now: Timestamp,
    keep_faults: u64,
) -> anyhow::Result<Scan> {
    let mut scan = Scan::default();
    let mut latest_in_future = None;
    while let Some(row) = source.next()? {
        scan.rows += 1;
        let row_digest = row_digest(&row.bytes);
        scan.digest.add(row_digest);
        scan.lines.add(row.line, row_digest);
        match row.cells.and_then(|cells| interpreter.read(row.line, &cells)) {
            Ok(Meaning::Skip(_)) => {}
            Ok(Meaning::Event(event)) => {
                let latest = if event.time <= now { &mut scan.latest } else { &mut latest_in_future };
                *latest = (*latest).max(Some(event.time));
            }
            Err(fault) => {
                scan.bad_rows += 1;
                if scan.bad_rows <= keep_faults {
                    scan.first_faults.push((row.line, fault));
                }
            }
        }
    }
    scan.latest = scan.latest.or(latest_in_future);
    Ok(scan)
}
