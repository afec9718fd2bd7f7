//! Splits CSV as the `csv` crate does (a test compares them), with what that crate cannot do: say at which line a
//! row starts whatever ends the lines, and go on after a quote that nobody closed instead of swallowing the file.

/// Takes one row apart, line by line.
#[derive(Debug)]
pub(super) struct Splitter {
    delimiter: u8,
    state: State,
    cells: Vec<Vec<u8>>,
    cell: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    QuoteInQuoted,
}

impl Splitter {
    /// Starts a row.
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::CellStart, cells: Vec::new(), cell: Vec::new() }
    }

    /// Takes a line of the row. False: a quote is open, and the next line belongs to the row too.
    pub(super) fn take_line(&mut self, line: &[u8]) -> bool {
        if self.state == State::Quoted {
            self.cell.push(b'\n');
        }
        for byte in line {
            self.take(*byte);
        }
        self.state != State::Quoted
    }

    /// The cells of the row.
    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        self.cells.push(self.cell);
        self.cells
    }

    fn take(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::CellStart, b'"') => State::Quoted,
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::QuoteInQuoted, b'"') | (State::Quoted, _) => {
                self.cell.push(byte);
                State::Quoted
            }
            (_, byte) if byte == self.delimiter => {
                self.cells.push(std::mem::take(&mut self.cell));
                State::CellStart
            }
            _ => {
                self.cell.push(byte);
                State::Plain
            }
        };
    }
}
