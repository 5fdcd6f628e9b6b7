//! Reads CSV record by record: as a stream, bounded, and with the line where each record begins.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use spice_core::error::{ErrorCode, Refusal};

use super::text;

/// Bytes and fields of one record at most: a quote that is never closed must not swallow the file.
const RECORD: usize = 8 * 1024 * 1024;
const FIELDS: usize = 10_000;
const BUFFER: usize = 64 * 1024;
const QUOTE: u8 = b'"';

/// Somewhere between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Bytes before it.
    pub(super) offset: u64,
    /// The line that begins or goes on there; the first is 1.
    pub(super) line: u64,
    /// Whether the byte before it is a carriage return, whose line feed may follow.
    pub(super) after_return: bool,
}

impl Place {
    /// The beginning of a file.
    pub(super) const START: Self = Self {
        offset: 0,
        line: 1,
        after_return: false,
    };

    /// Moves behind a byte; true when the byte ends a line.
    fn pass(&mut self, byte: u8) -> bool {
        let completes = byte == b'\n' && self.after_return;
        let ends_line = matches!(byte, b'\r' | b'\n') && !completes;
        self.offset += 1;
        self.line += u64::from(ends_line);
        self.after_return = byte == b'\r';
        ends_line
    }
}

/// How a file separates its cells. Quotes are `"`, and two of them stand for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// A character before a quote, a delimiter, the end of a line or itself, which makes them text.
    pub(super) escape: Option<u8>,
}

impl Dialect {
    pub(super) const fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            escape: None,
        }
    }

    fn is_escapable(self, byte: u8) -> bool {
        matches!(byte, QUOTE | b'\r' | b'\n') || byte == self.delimiter || self.escape == Some(byte)
    }
}

/// One record: its fields without their quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The line where it begins.
    pub(super) line: u64,
    /// A field in which text follows the closing quote, so that nobody knows where it ends.
    pub(super) broken_quote: Option<BrokenQuote>,
    /// Blank records and empty lines between the record before and this one.
    pub(super) blanks: u64,
}

/// A field that goes on behind its closing quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BrokenQuote {
    pub(super) field: usize,
    /// The record as it stands in the file.
    pub(super) text: Vec<u8>,
}

impl Record {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field; empty when there is none.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..*end]
    }

    /// All fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.field(index))
    }

    /// Whether no field says anything, as in the rows that spreadsheets leave at the end.
    pub(super) fn is_blank(&self) -> bool {
        text::is_blank_bytes(&self.bytes)
    }
}

/// Where in a record the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the first byte of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// Between the quotes of a field.
    Quoted,
    /// Behind a quote that closes the field, if no other quote follows.
    Closed,
}

/// How far the record that is being read has come.
struct Progress {
    state: State,
    /// The line where it begins.
    line: u64,
    /// The line of the last quote that was opened.
    quote_line: u64,
    /// The first field that goes on behind its closing quote.
    broken: Option<usize>,
}

/// A stream of records.
pub(super) struct Reader<R> {
    input: R,
    dialect: Dialect,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_ended: bool,
    place: Place,
    /// The record that is being read; each is kept in as much memory as it needs.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// That record as it stands in the file.
    raw: Vec<u8>,
    /// Blank records since the last one that was returned.
    blanks: u64,
}

impl<R: Read> Reader<R> {
    /// A reader of an input that stands at a place.
    pub(super) fn new(input: R, dialect: Dialect, place: Place) -> Self {
        Self {
            input,
            dialect,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            is_ended: false,
            place,
            bytes: Vec::with_capacity(512),
            ends: Vec::with_capacity(32),
            raw: Vec::with_capacity(512),
            blanks: 0,
        }
    }

    /// Behind the last record that was read.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Blank records at the end of the file, once it is reached.
    pub(super) fn blanks(&self) -> u64 {
        self.blanks
    }

    /// Goes to the beginning of a line without looking at what is before it; false when the file
    /// has fewer lines.
    pub(super) fn skip_to_line(&mut self, line: u64) -> anyhow::Result<bool> {
        self.skip_byte_order_mark()?;
        while self.place.line < line {
            let Some(byte) = self.peek()? else {
                return Ok(false);
            };
            self.take(byte);
        }
        Ok(true)
    }

    /// The next record that is not blank; none at the end.
    pub(super) fn read(&mut self) -> anyhow::Result<Option<Record>> {
        while self.skip_line_ends()? {
            let mut record = self.read_record()?;
            if record.is_blank() {
                self.blanks += 1;
                continue;
            }
            record.blanks = std::mem::take(&mut self.blanks);
            return Ok(Some(record));
        }
        Ok(None)
    }

    fn read_record(&mut self) -> anyhow::Result<Record> {
        let mut progress = Progress {
            state: State::Start,
            line: self.place.line,
            quote_line: self.place.line,
            broken: None,
        };
        self.bytes.clear();
        self.ends.clear();
        self.raw.clear();
        while let Some(byte) = self.peek()? {
            let here = self.place.line;
            self.take(byte);
            self.raw.push(byte);
            if self.dialect.escape == Some(byte) && progress.state != State::Closed {
                if progress.state == State::Start {
                    progress.state = State::Plain;
                }
                let literal = self.take_escaped()?.unwrap_or(byte);
                self.push(literal, &progress)?;
            } else if self.step(byte, here, &mut progress)? {
                return self.finish(&progress);
            }
        }
        if progress.state == State::Quoted {
            return Err(open_quote(progress.quote_line, progress.line).into());
        }
        self.finish(&progress)
    }

    /// Takes a byte, which stands in a line, into the record; true when the byte ends it.
    fn step(&mut self, byte: u8, here: u64, progress: &mut Progress) -> anyhow::Result<bool> {
        progress.state = match (progress.state, byte) {
            (State::Quoted, QUOTE) => State::Closed,
            (State::Quoted, _) => {
                self.push(byte, progress)?;
                State::Quoted
            }
            (State::Start, QUOTE) => {
                progress.quote_line = here;
                State::Quoted
            }
            (State::Closed, QUOTE) => {
                self.push(QUOTE, progress)?;
                State::Quoted
            }
            (_, b'\r' | b'\n') => return Ok(true),
            (_, other) if other == self.dialect.delimiter => {
                self.end_field(progress)?;
                State::Start
            }
            (state, _) => {
                if state == State::Closed {
                    progress.broken.get_or_insert(self.ends.len());
                }
                self.push(byte, progress)?;
                State::Plain
            }
        };
        Ok(false)
    }

    /// The byte behind an escape, when the two of them stand for it.
    fn take_escaped(&mut self) -> anyhow::Result<Option<u8>> {
        match self.peek()? {
            Some(byte) if self.dialect.is_escapable(byte) => {
                self.take(byte);
                self.raw.push(byte);
                Ok(Some(byte))
            }
            _ => Ok(None),
        }
    }

    fn push(&mut self, byte: u8, progress: &Progress) -> anyhow::Result<()> {
        if self.bytes.len() >= RECORD {
            return Err(endless(progress).into());
        }
        self.bytes.push(byte);
        Ok(())
    }

    fn end_field(&mut self, progress: &Progress) -> anyhow::Result<()> {
        if self.ends.len() >= FIELDS {
            return Err(endless(progress).into());
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    fn finish(&mut self, progress: &Progress) -> anyhow::Result<Record> {
        self.end_field(progress)?;
        let broken_quote = progress.broken.map(|field| {
            let ends_line = matches!(self.raw.last(), Some(b'\r' | b'\n'));
            let length = self.raw.len() - usize::from(ends_line);
            BrokenQuote {
                field,
                text: self.raw[..length].to_vec(),
            }
        });
        Ok(Record {
            bytes: self.bytes.as_slice().to_vec(),
            ends: self.ends.as_slice().to_vec(),
            line: progress.line,
            broken_quote,
            blanks: 0,
        })
    }

    /// Moves to the next byte that is no end of a line; false when there is none.
    fn skip_line_ends(&mut self) -> anyhow::Result<bool> {
        self.skip_byte_order_mark()?;
        while let Some(byte) = self.peek()? {
            if !matches!(byte, b'\r' | b'\n') {
                return Ok(true);
            }
            self.blanks += u64::from(self.take(byte));
        }
        Ok(false)
    }

    /// A mark at its beginning is no mark when it stands in the middle of the file.
    fn skip_byte_order_mark(&mut self) -> anyhow::Result<()> {
        if self.place.offset > 0 {
            return Ok(());
        }
        while self.end < 3 && self.fill()? {}
        if self.buffer[..self.end].starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.start = 3;
            self.place.offset = 3;
        }
        Ok(())
    }

    /// The next byte; none at the end of the input.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.start == self.end && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.start]))
    }

    /// Moves behind the next byte; true when it ends a line.
    fn take(&mut self, byte: u8) -> bool {
        self.start += 1;
        self.place.pass(byte)
    }

    /// Reads more, behind what is there; false at the end of the input.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        while !self.is_ended {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.is_ended = true,
                Ok(count) => {
                    self.end += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

fn endless(progress: &Progress) -> Refusal {
    let line = progress.line;
    let quote = match progress.state {
        State::Quoted => format!("; is the quote of line {} left open?", progress.quote_line),
        _ => String::new(),
    };
    let message = format!(
        "line {line}: the row that begins there has no end within {RECORD} bytes and {FIELDS} fields{quote}"
    );
    Refusal::new(ErrorCode::InvalidRequest, message)
}

fn open_quote(quote_line: u64, line: u64) -> Refusal {
    let row = if quote_line > line {
        format!(", in the row that begins in line {line}")
    } else {
        String::new()
    };
    let message = format!(
        "line {quote_line}: a quote is opened there{row}, and never closed; close it, or write two quotes where one is meant as text"
    );
    Refusal::new(ErrorCode::InvalidRequest, message)
}
