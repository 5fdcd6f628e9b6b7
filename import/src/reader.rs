//! Reads CSV record by record: as a stream, in bounded memory, with the line where each record
//! starts.

mod place;
mod record;

use std::io::{self, Read};

pub(crate) use self::record::BrokenQuote;
pub use self::{place::Place, record::Record};
use crate::error::{Error, Result, refuse_input};

/// The maximum bytes and fields of one record: a quote that is never closed must not swallow the
/// file.
const RECORD: usize = 8 * 1024 * 1024;
const FIELDS: usize = 10_000;
const BUFFER: usize = 64 * 1024;
const QUOTE: u8 = b'"';

/// How a file separates its cells. The quote is `"`, and two of them mean one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The separator of cells.
    pub delimiter: u8,
    /// The character that makes a following quote, delimiter, line end or itself literal.
    pub escape: Option<u8>,
}

impl Dialect {
    /// A dialect without an escape.
    pub const fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            escape: None,
        }
    }

    fn is_escapable(self, byte: u8) -> bool {
        matches!(byte, QUOTE | b'\r' | b'\n') || byte == self.delimiter || self.escape == Some(byte)
    }
}

/// The state of the reader within a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the first byte of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// Inside the quotes of a field.
    Quoted,
    /// After a quote that closes the field, unless another quote follows.
    Closed,
}

/// The progress of the current record.
struct Progress {
    state: State,
    /// The line where it starts.
    line: u64,
    /// The line of the last quote that was opened.
    quote_line: u64,
    /// The first field that continues after its closing quote.
    broken: Option<usize>,
    /// The offset where it starts, and those of its last two delimiters.
    begin: u64,
    delimiters: [u64; 2],
}

/// A stream of records.
pub struct Reader<R> {
    input: R,
    dialect: Dialect,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_ended: bool,
    place: Place,
    /// The current record; records keep the memory that they need.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The part of that record that the buffer no longer contains; the rest starts at this offset
    /// of the buffer.
    raw: Vec<u8>,
    raw_rest: Option<usize>,
    /// For each byte, whether it may be special.
    is_special: [bool; 256],
    /// Blank records since the last returned one.
    blanks: u64,
}

impl<R: Read> Reader<R> {
    /// A reader of an input at a place.
    pub fn new(input: R, dialect: Dialect, place: Place) -> Self {
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
            raw: Vec::new(),
            raw_rest: None,
            is_special: list_special(dialect),
            blanks: 0,
        }
    }

    /// After the last record that was read.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Blank records at the end of the file, after it is reached.
    pub(crate) fn blanks(&self) -> u64 {
        self.blanks
    }

    /// Goes to the start of a line without parsing what is before it; false if the file has fewer
    /// lines.
    pub(crate) fn skip_to_line(&mut self, line: u64) -> Result<bool> {
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
    pub fn read(&mut self) -> Result<Option<Record>> {
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

    fn read_record(&mut self) -> Result<Record> {
        let mut progress = Progress {
            state: State::Start,
            line: self.place.line,
            quote_line: self.place.line,
            broken: None,
            begin: self.place.offset,
            delimiters: [self.place.offset; 2],
        };
        self.bytes.clear();
        self.ends.clear();
        self.raw.clear();
        self.raw_rest = Some(self.start);
        while let Some(byte) = self.peek()? {
            if !self.is_special[usize::from(byte)] && progress.state != State::Closed {
                self.take_text(&mut progress)?;
                continue;
            }
            let here = self.place.line;
            self.take(byte);
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
            return Err(open_quote(progress.quote_line, progress.line));
        }
        self.finish(&progress)
    }

    /// Takes the bytes up to the next special one, or to the end of the buffer, into the record.
    fn take_text(&mut self, progress: &mut Progress) -> Result<()> {
        let rest = &self.buffer[self.start..self.end];
        let special = rest
            .iter()
            .position(|byte| self.is_special[usize::from(*byte)]);
        let text = &rest[..special.unwrap_or(rest.len())];
        if self.bytes.len() + text.len() > RECORD {
            return Err(refuse_endless(progress));
        }
        self.bytes.extend_from_slice(text);
        self.place.pass_text(text.len());
        self.start += text.len();
        if progress.state == State::Start {
            progress.state = State::Plain;
        }
        Ok(())
    }

    /// Takes a byte of a line into the record; true if the byte ends it.
    fn step(&mut self, byte: u8, here: u64, progress: &mut Progress) -> Result<bool> {
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
                progress.delimiters = [progress.delimiters[1], self.place.offset - 1];
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

    /// The byte after an escape, if the two of them mean it.
    fn take_escaped(&mut self) -> Result<Option<u8>> {
        match self.peek()? {
            Some(byte) if self.dialect.is_escapable(byte) => {
                self.take(byte);
                Ok(Some(byte))
            }
            _ => Ok(None),
        }
    }

    fn push(&mut self, byte: u8, progress: &Progress) -> Result<()> {
        if self.bytes.len() >= RECORD {
            return Err(refuse_endless(progress));
        }
        self.bytes.push(byte);
        Ok(())
    }

    fn end_field(&mut self, progress: &Progress) -> Result<()> {
        if self.ends.len() >= FIELDS {
            return Err(refuse_endless(progress));
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    fn finish(&mut self, progress: &Progress) -> Result<Record> {
        self.end_field(progress)?;
        let begin = self.raw_rest.take();
        let broken_quote = progress.broken.map(|field| {
            let rest = begin.unwrap_or(self.start);
            self.raw.extend_from_slice(&self.buffer[rest..self.start]);
            let ends_line = matches!(self.raw.last(), Some(b'\r' | b'\n'));
            let length = self.raw.len() - usize::from(ends_line);
            let before = progress.delimiters[0] - progress.begin;
            BrokenQuote {
                field,
                text: self.raw[..length].to_vec(),
                before_last_two: usize::try_from(before).unwrap_or(length),
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

    /// Moves to the next byte that is not part of a line end; false if there is none.
    fn skip_line_ends(&mut self) -> Result<bool> {
        self.skip_byte_order_mark()?;
        while let Some(byte) = self.peek()? {
            if !matches!(byte, b'\r' | b'\n') {
                return Ok(true);
            }
            self.blanks += u64::from(self.take(byte));
        }
        Ok(false)
    }

    /// A byte order mark counts only at the start of the file.
    fn skip_byte_order_mark(&mut self) -> Result<()> {
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

    /// Moves past the next byte; true if it ends a line.
    fn take(&mut self, byte: u8) -> bool {
        self.start += 1;
        self.place.pass(byte)
    }

    /// Reads more after the buffered bytes; false at the end of the input.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            if let Some(rest) = &mut self.raw_rest {
                self.raw.extend_from_slice(&self.buffer[*rest..self.end]);
                *rest = 0;
            }
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

/// The bytes that are special in a dialect.
fn list_special(dialect: Dialect) -> [bool; 256] {
    let mut special = [false; 256];
    let bytes = [QUOTE, b'\r', b'\n', dialect.delimiter];
    for byte in bytes.into_iter().chain(dialect.escape) {
        special[usize::from(byte)] = true;
    }
    special
}

fn refuse_endless(progress: &Progress) -> Error {
    let line = progress.line;
    let quote = match progress.state {
        State::Quoted => format!("; is the quote of line {} not closed?", progress.quote_line),
        _ => String::new(),
    };
    let message = format!(
        "line {line}: the row that starts there has no end within {RECORD} bytes and {FIELDS} fields{quote}"
    );
    refuse_input(message)
}

fn open_quote(quote_line: u64, line: u64) -> Error {
    let row = if quote_line > line {
        format!(", in the row that starts in line {line}")
    } else {
        String::new()
    };
    let message = format!(
        "line {quote_line}: a quote is opened{row}, but never closed; close it, or write two quotes for a literal quote"
    );
    refuse_input(message)
}
