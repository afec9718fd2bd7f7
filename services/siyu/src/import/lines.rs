//! Reads a file line by line, with numbers, and without trusting the length of a line.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

/// The most bytes of one row. What is longer is cut, and rejected.
pub(super) const MAX_ROW_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line, without what ends it.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// Its bytes, or the first of them when it is too long.
    pub(super) bytes: Vec<u8>,
    /// Whether it was longer than a row may be.
    pub(super) too_long: bool,
}

/// The lines of a file.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    given_back: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    /// Starts at the first line.
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, given_back: VecDeque::new() }
    }

    /// The next line; None at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.given_back.pop_front() {
            return Ok(Some(line));
        }
        let Some(mut bytes) = self.read_line()? else { return Ok(None) };
        self.number += 1;
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        let too_long = bytes.len() > MAX_ROW_BYTES;
        bytes.truncate(MAX_ROW_BYTES);
        Ok(Some(Line { number: self.number, bytes, too_long }))
    }

    /// Gives lines back, in their order, to be read again.
    pub(super) fn give_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.given_back.push_front(line);
        }
    }

    /// Reads up to a line feed and drops it, keeping just enough bytes to see that a line is too long.
    fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let enough = MAX_ROW_BYTES + BYTE_ORDER_MARK.len() + 2;
        let mut bytes = Vec::new();
        let mut read_any = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Ok(read_any.then_some(bytes));
            }
            read_any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = enough - bytes.len();
            bytes.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(bytes));
            }
        }
    }
}
