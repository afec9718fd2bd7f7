//! The rows of a file of messages, and what they are as conversations.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{BufRead, BufReader},
};

use anyhow::Context;
use jiff::Timestamp;

use super::super::{
    args::ImportArgs,
    cells::Fault,
    digest::row_digest,
    lines::{Line, Lines, MAX_ROW_BYTES},
    scan::Scan,
};

/// The longest number that names somebody in a file: what is before it in an account's id leaves room for it.
const MAX_PERSON_DIGITS: usize = 12;

/// A message as the file has it: who wrote to whom, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) time: Timestamp,
}

/// A message, as part of a conversation between an account and a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) line: u64,
    /// Who is the account.
    pub(super) account: String,
    pub(super) user: String,
    /// Whether the account wrote it.
    pub(super) by_account: bool,
    pub(super) time: Timestamp,
}

/// What is in a file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What it is as a whole.
    pub(super) scan: Scan,
    /// Its good rows.
    pub(super) rows: Vec<Row>,
    /// What is wrong with the others, with their lines.
    pub(super) faults: Vec<(u64, Fault)>,
}

/// Reads a file through.
pub(super) fn read(args: &ImportArgs) -> anyhow::Result<Contents> {
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
    read_rows(BufReader::new(file)).with_context(|| format!("cannot read {name}"))
}

fn read_rows(reader: impl BufRead) -> anyhow::Result<Contents> {
    let mut lines = Lines::new(reader);
    let Contents { mut scan, mut rows, mut faults } = Contents::default();
    while let Some(line) = lines.next()? {
        let is_header = line.number == 1 && line.bytes.starts_with(b"source ");
        if is_header || (line.bytes.trim_ascii().is_empty() && !line.too_long) {
            continue;
        }
        scan.rows += 1;
        let digest = row_digest(&line.bytes);
        scan.digest.add(digest);
        scan.lines.add(line.number, digest);
        match row(&line) {
            Ok(row) => {
                scan.latest = scan.latest.max(Some(row.time));
                rows.push(row);
            }
            Err(fault) => {
                scan.bad_rows += 1;
                faults.push((line.number, fault));
            }
        }
    }
    Ok(Contents { scan, rows, faults })
}

fn row(line: &Line) -> Result<Row, Fault> {
    if line.too_long {
        return Err(Fault::of_row(format!("is longer than {MAX_ROW_BYTES} bytes")));
    }
    let text = std::str::from_utf8(&line.bytes).map_err(|_| Fault::of_row("is not valid UTF-8"))?;
    let columns: Vec<&str> = text.split_ascii_whitespace().collect();
    let [from, to, time] = columns[..] else {
        return Err(Fault::of_row(format!("has {} columns instead of 3", columns.len())));
    };
    let is_person = |text: &str| {
        text.len() <= MAX_PERSON_DIGITS && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    for (field, person) in [("source", from), ("target", to)] {
        if !is_person(person) {
            return Err(fault(field, format!("must be a number of at most {MAX_PERSON_DIGITS} digits")));
        }
    }
    if from == to {
        return Err(fault("target", "must be somebody else than the source"));
    }
    let seconds = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = seconds.ok_or_else(|| fault("time", "must be Unix seconds"))?;
    Ok(Row { line: line.number, from: from.to_owned(), to: to.to_owned(), time })
}

fn fault(field: &'static str, reason: impl Into<Cow<'static, str>>) -> Fault {
    Fault { field: field.into(), reason: reason.into() }
}

/// The rows as messages, oldest first, those of the same second in the order of the file. Of two people who write to each other,
/// whoever is written to first is the account.
pub(super) fn messages(mut rows: Vec<Row>) -> Vec<Message> {
    rows.sort_by_key(|row| row.time);
    let mut accounts: HashMap<BTreeSet<String>, String> = HashMap::new();
    rows.into_iter()
        .map(|Row { line, from, to, time }| {
            let pair = BTreeSet::from([from.clone(), to.clone()]);
            let account = accounts.entry(pair).or_insert_with(|| to.clone()).clone();
            let by_account = account == from;
            let user = if by_account { to } else { from };
            Message { line, account, user, by_account, time }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_written_to_first_is_the_account() {
        let file = "source target weight\n1 2 100\n2 1 130\n\n3 2 90\n1 2 130\n2 1 130\n";
        let Contents { scan, rows, faults } = read_rows(file.as_bytes()).unwrap();
        assert_eq!((scan.rows, faults.len()), (5, 0));
        assert_eq!(scan.latest, Some(Timestamp::from_second(130).unwrap()));
        let messages = messages(rows);
        let told: Vec<_> = messages
            .iter()
            .map(|message| (message.line, &*message.account, &*message.user, message.by_account))
            .collect();
        assert_eq!(
            told,
            [
                (5, "2", "3", false),
                (2, "2", "1", false),
                (3, "2", "1", true),
                (6, "2", "1", false),
                (7, "2", "1", true)
            ]
        );
    }

    #[test]
    fn bad_rows_are_told_with_their_lines() {
        let file = "1 2 100\n1 1 100\nx 2 100\n1 2\n1 2 soon\n1 1234567890123 5\n";
        let Contents { scan, rows, faults } = read_rows(file.as_bytes()).unwrap();
        assert_eq!((scan.rows, scan.bad_rows, rows.len()), (6, 5, 1));
        let told: Vec<_> = faults.iter().map(|(line, fault)| (*line, fault.field.as_ref())).collect();
        assert_eq!(told, [(2, "target"), (3, "source"), (4, "row"), (5, "time"), (6, "target")]);
    }
}
