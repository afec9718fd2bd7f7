//! Tests of the importer, by what they need: values alone, text, the real data. Whole
//! imports are tested on a running suite.

mod formats;
mod real_data;
mod treatments;
mod values;

use clap::Parser;
use jiff::Timestamp;
use siyu_proto::crm::v1::Interaction;

use super::{
    ImportArgs, SkipReason,
    cells::Fault,
    interpret::{Interpreter, Meaning},
    source::Source,
};

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    import: ImportArgs,
}

/// The arguments as clap reads them from words separated by spaces.
fn args(words: &str) -> ImportArgs {
    try_args(words).expect("a good command line")
}

fn try_args(words: &str) -> Result<ImportArgs, clap::Error> {
    let words = ["import", "--account", "lumi"].into_iter().chain(words.split(' '));
    CommandLine::try_parse_from(words).map(|line| line.import)
}

/// A moment after all that the samples say.
fn now() -> Timestamp {
    "2026-03-05T12:00:00+08:00".parse().unwrap()
}

#[derive(Debug, PartialEq)]
enum Read {
    Sent(Box<Interaction>),
    Skipped(SkipReason),
    Bad(String, String),
}

impl Read {
    fn sent(self) -> Interaction {
        match self {
            Self::Sent(interaction) => *interaction,
            other => panic!("not sent: {other:?}"),
        }
    }
}

impl From<Fault> for Read {
    fn from(fault: Fault) -> Self {
        Self::Bad(fault.field.into_owned(), fault.reason.into_owned())
    }
}

/// Every row of a file with its line and what becomes of it, times not moved.
fn read_all(args: &ImportArgs, file: impl AsRef<[u8]>) -> Vec<(u64, Read)> {
    let interpreter = Interpreter::new(args);
    let mut source = Source::new(file.as_ref(), args).unwrap();
    let mut rows = Vec::new();
    while let Some(row) = source.next().unwrap() {
        let meaning = row.cells.and_then(|cells| interpreter.read(row.line, &cells));
        let read = match meaning {
            Err(fault) => fault.into(),
            Ok(Meaning::Skip(reason)) => Read::Skipped(reason),
            Ok(Meaning::Event(event)) => match event.moved(0, &args.time_zone, now()) {
                Ok((interaction, _)) => Read::Sent(Box::new(interaction)),
                Err(fault) => fault.into(),
            },
        };
        rows.push((row.line, read));
    }
    rows
}

/// The lines of bad rows and the fields at fault.
fn faults(rows: &[(u64, Read)]) -> Vec<(u64, &str)> {
    rows.iter()
        .filter_map(|(line, read)| match read {
            Read::Bad(field, _) => Some((*line, field.as_str())),
            _ => None,
        })
        .collect()
}
