//! The rows of a file, in each of the formats.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value};

use super::{
    args::{Format, ImportArgs},
    cells::{Cells, Fault, Field},
    csv_rows::Splitter,
    lines::{Line, Lines, MAX_ROW_BYTES},
};

/// A row as it stands in the file.
#[derive(Debug)]
pub(super) struct Row {
    /// The line it starts at.
    pub(super) line: u64,
    /// All of it, without the end of its last line.
    pub(super) bytes: Vec<u8>,
    /// What it says, or why that cannot be told.
    pub(super) cells: Result<Cells, Fault>,
}

/// The rows of a file.
#[derive(Debug)]
pub(super) struct Source<R> {
    lines: Lines<R>,
    layout: Layout,
}

/// How to find the cells of a row.
#[derive(Debug)]
enum Layout {
    Cdnow,
    Csv { delimiter: u8, columns: Vec<(Field, usize)>, width: usize },
    Ndjson { keys: Vec<(Field, String)> },
}

impl Source<BufReader<File>> {
    /// Opens the file of an import.
    pub(super) fn open(args: &ImportArgs) -> anyhow::Result<Self> {
        let name = args.file.display();
        let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
        Self::new(BufReader::new(file), args).with_context(|| format!("cannot read {name}"))
    }
}

impl<R: BufRead> Source<R> {
    /// Reads the header, where the format has one.
    pub(super) fn new(reader: R, args: &ImportArgs) -> anyhow::Result<Self> {
        let mut lines = Lines::new(reader);
        let layout = match args.format {
            Format::Cdnow => {
                if let Some(first) = lines.next()?
                    && !is_cdnow_header(&first.bytes)
                {
                    lines.give_back(vec![first]);
                }
                Layout::Cdnow
            }
            Format::Csv => read_csv_header(&mut lines, args)?,
            Format::Collegemsg => bail!("it holds messages, not orders or interactions"),
            Format::Ndjson => Layout::Ndjson { keys: args.map.clone() },
        };
        Ok(Self { lines, layout })
    }

    /// The next row; None at the end of the file. Blank lines are no rows.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Row>> {
        let line = loop {
            match self.lines.next()? {
                None => return Ok(None),
                Some(line) if line.bytes.trim_ascii().is_empty() && !line.too_long => {}
                Some(line) => break line,
            }
        };
        if line.too_long {
            let reason = format!("is longer than {MAX_ROW_BYTES} bytes");
            return Ok(Some(Row { line: line.number, bytes: line.bytes, cells: Err(Fault::of_row(reason)) }));
        }
        if let Layout::Csv { delimiter, columns, width } = &self.layout {
            let (bytes, split) = read_csv_row(&mut self.lines, *delimiter, &line)?;
            let cells = split.and_then(|split| pick_columns(&split, columns, *width));
            return Ok(Some(Row { line: line.number, bytes, cells }));
        }
        let cells = match (std::str::from_utf8(&line.bytes), &self.layout) {
            (Err(_), _) => Err(not_utf8()),
            (Ok(text), Layout::Ndjson { keys }) => json_cells(text, keys),
            (Ok(text), _) => cdnow_cells(text),
        };
        Ok(Some(Row { line: line.number, bytes: line.bytes, cells }))
    }
}

fn not_utf8() -> Fault {
    Fault::of_row("is not valid UTF-8")
}

fn is_cdnow_header(line: &[u8]) -> bool {
    line.trim_ascii().starts_with(b"customer_id")
}

fn cdnow_cells(text: &str) -> Result<Cells, Fault> {
    let columns: Vec<&str> = text.split_ascii_whitespace().collect();
    let [user, time, quantity, amount] = columns[..] else {
        let found = columns.len();
        return Err(Fault::of_row(format!(
            "has {found} columns instead of customer, date, quantity, amount"
        )));
    };
    let mut cells = Cells::default();
    cells.add(Field::User, user)?;
    cells.add(Field::Time, time)?;
    cells.add(Field::Quantity, quantity)?;
    cells.add(Field::Amount, amount)?;
    Ok(cells)
}

fn json_cells(text: &str, keys: &[(Field, String)]) -> Result<Cells, Fault> {
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| Fault::of_row(format!("is no JSON object: {error}")))?;
    let mut cells = Cells::default();
    for (field, key) in keys {
        match object.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => cells.add(*field, text)?,
            Some(Value::Number(number)) => cells.add(*field, &exact_number(*field, number)?)?,
            Some(_) => return Err(Fault::of(*field, "must be a text or a number")),
        }
    }
    Ok(cells)
}

/// The decimal text of a JSON number, when it is certain to be the one in the file: numbers with a fraction pass
/// through a double on their way here, which keeps 15 digits.
fn exact_number(field: Field, number: &serde_json::Number) -> Result<String, Fault> {
    let text = number.to_string();
    if !number.is_f64() {
        return Ok(text);
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    if digits > 15 || !matches!(field, Field::Amount | Field::Quantity | Field::Time) {
        return Err(Fault::of(field, "is a number that JSON does not keep exactly: write it as a text"));
    }
    Ok(text.strip_suffix(".0").map(str::to_owned).unwrap_or(text))
}

fn read_csv_header<R: BufRead>(lines: &mut Lines<R>, args: &ImportArgs) -> anyhow::Result<Layout> {
    let Some(first) = lines.next()? else {
        bail!("the file is empty: it must begin with a line of column names")
    };
    let (_, header) = read_csv_row(lines, args.delimiter, &first)?;
    let Ok(header) = header else { bail!("the first line is no line of column names") };
    let names: Vec<_> = header.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
    let mut columns = Vec::new();
    for (field, wanted) in &args.map {
        let mut places = (0..names.len()).filter(|place| names[*place] == *wanted);
        let place = places.next().with_context(|| {
            format!(
                "no column is called {wanted} (--map {}={wanted}); there are {}",
                field.name(),
                names.join(", ")
            )
        })?;
        ensure!(places.next().is_none(), "two columns are called {wanted}");
        columns.push((*field, place));
    }
    Ok(Layout::Csv { delimiter: args.delimiter, columns, width: names.len() })
}

/// All cells of a row of CSV, or why they cannot be told apart.
type CsvCells = Result<Vec<Vec<u8>>, Fault>;

/// Reads the rest of the row that begins with `first`. When a quote is never closed, only that line is lost.
fn read_csv_row<R: BufRead>(
    lines: &mut Lines<R>,
    delimiter: u8,
    first: &Line,
) -> std::io::Result<(Vec<u8>, CsvCells)> {
    let mut splitter = Splitter::new(delimiter);
    let mut bytes = first.bytes.clone();
    let mut more = Vec::new();
    let mut complete = splitter.take_line(&first.bytes);
    while !complete {
        let next = lines.next()?;
        let fits = next.as_ref().is_some_and(|line| bytes.len() + line.bytes.len() < MAX_ROW_BYTES);
        more.extend(next);
        let (true, Some(next)) = (fits, more.last()) else {
            lines.give_back(more);
            return Ok((first.bytes.clone(), Err(Fault::of_row("has a quote that is not closed"))));
        };
        bytes.push(b'\n');
        bytes.extend_from_slice(&next.bytes);
        complete = splitter.take_line(&next.bytes);
    }
    let split = std::str::from_utf8(&bytes).map(|_| splitter.finish()).map_err(|_| not_utf8());
    Ok((bytes, split))
}

fn pick_columns(split: &[Vec<u8>], columns: &[(Field, usize)], width: usize) -> Result<Cells, Fault> {
    if split.len() != width {
        return Err(Fault::of_row(format!("has {} columns instead of {width}", split.len())));
    }
    let mut cells = Cells::default();
    for (field, place) in columns {
        cells.add(*field, &String::from_utf8_lossy(&split[*place]))?;
    }
    Ok(cells)
}
