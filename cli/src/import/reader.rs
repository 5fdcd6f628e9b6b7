//! Reads CSV record by record: as a stream, bounded, and with the line where each record begins.

use std::io::{self, Read};

use csv_core::ReadRecordResult;
use serde::{Deserialize, Serialize};
use spice_core::error::{ErrorCode, Refusal};

/// Bytes and fields of one record at most: a quote that is never closed must not swallow the file.
const RECORD: usize = 8 * 1024 * 1024;
const FIELDS: usize = 10_000;
const BUFFER: usize = 64 * 1024;

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
}

/// One record: its fields without their quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The line where it begins.
    pub(super) line: u64,
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

    /// Whether nothing stands in it, as in the rows that spreadsheets leave at the end.
    pub(super) fn is_blank(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// A stream of records.
pub(super) struct Reader<R> {
    input: R,
    parser: csv_core::Reader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_ended: bool,
    place: Place,
    /// The record that is being read; each is kept in as much memory as it needs.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> Reader<R> {
    /// A reader of an input that stands at a place.
    pub(super) fn new(input: R, delimiter: u8, place: Place) -> Self {
        let mut parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        // A mark at its beginning is no mark when it stands in the middle of the file.
        let _ = parser.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            input,
            parser,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            is_ended: false,
            place,
            bytes: vec![0; 512],
            ends: vec![0; 32],
        }
    }

    /// Behind the last record that was read.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The next record that is not blank; none at the end.
    pub(super) fn read(&mut self) -> anyhow::Result<Option<Record>> {
        while self.skip_line_ends()? {
            let record = self.read_record()?;
            if !record.is_blank() {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn read_record(&mut self) -> anyhow::Result<Record> {
        let line = self.place.line;
        let (mut filled, mut ended) = (0, 0);
        loop {
            let at_end = self.start == self.end && !self.fill()?;
            // The end of the file ends a record as the end of a line does, but for an open quote.
            let input = if at_end {
                b"\n"
            } else {
                &self.buffer[self.start..self.end]
            };
            let (result, read, written, fields) =
                self.parser
                    .read_record(input, &mut self.bytes[filled..], &mut self.ends[ended..]);
            filled += written;
            ended += fields;
            if !at_end {
                self.advance(read);
            }
            match result {
                ReadRecordResult::InputEmpty if at_end => return Err(open_quote(line).into()),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => grow(&mut self.bytes, RECORD, line)?,
                ReadRecordResult::OutputEndsFull => grow(&mut self.ends, FIELDS, line)?,
                ReadRecordResult::Record | ReadRecordResult::End => {
                    return Ok(Record {
                        bytes: self.bytes[..filled].to_vec(),
                        ends: self.ends[..ended].to_vec(),
                        line,
                    });
                }
            }
        }
    }

    /// Moves to the next byte that is no end of a line; false when there is none.
    fn skip_line_ends(&mut self) -> anyhow::Result<bool> {
        if self.place.offset == 0 {
            self.skip_byte_order_mark()?;
        }
        loop {
            if self.start == self.end && !self.fill()? {
                return Ok(false);
            }
            if !matches!(self.buffer[self.start], b'\r' | b'\n') {
                return Ok(true);
            }
            self.advance(1);
        }
    }

    fn skip_byte_order_mark(&mut self) -> anyhow::Result<()> {
        while self.end < 3 && self.fill()? {}
        let head = &self.buffer[..self.end];
        if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
            let message = "the file is UTF-16; save it as UTF-8";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
        }
        if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.advance(3);
        }
        Ok(())
    }

    fn advance(&mut self, count: usize) {
        for byte in &self.buffer[self.start..self.start + count] {
            let completes = *byte == b'\n' && self.place.after_return;
            if matches!(byte, b'\r' | b'\n') && !completes {
                self.place.line += 1;
            }
            self.place.after_return = *byte == b'\r';
        }
        self.start += count;
        self.place.offset += count as u64;
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

fn grow<T: Default + Clone>(list: &mut Vec<T>, most: usize, line: u64) -> anyhow::Result<()> {
    if list.len() >= most {
        let message = format!(
            "line {line}: the row that begins there has no end within {RECORD} bytes and {FIELDS} fields; is a quote left open?"
        );
        return Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
    }
    list.resize((list.len() * 2).min(most), T::default());
    Ok(())
}

fn open_quote(line: u64) -> Refusal {
    let message =
        format!("line {line}: a quote is opened in the row that begins there, and never closed");
    Refusal::new(ErrorCode::InvalidRequest, message)
}
