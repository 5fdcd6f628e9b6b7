//! Scans bytes in an encoding, to see how much of them is text.

use std::io::{self, Read};

use encoding_rs::Encoding;

use crate::{decoder::Decoder, error::Result, reader::Reader};

const CHUNK: usize = 64 * 1024;
/// A file with at most one damaged line in this many is not in another encoding.
const DAMAGED: u64 = 100;

/// The result of a scan.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Sequences of bytes that are invalid in the encoding.
    pub(super) malformed: u64,
    /// The line of the first of them.
    pub(super) line: u64,
    /// Lines with such a sequence.
    malformed_lines: u64,
    /// Characters beyond ASCII.
    pub(super) beyond_ascii: u64,
    /// Ends of lines.
    ends: u64,
    after_return: bool,
    last_malformed: Option<u64>,
    /// The bytes as the reader would get them.
    pub(super) text: Vec<u8>,
}

/// Ends a sample before the end of the file.
struct Cut<'a>(&'a [u8]);

impl Read for Cut<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(out)
    }
}

impl Scan {
    /// Decodes a sample of a file, which may end inside a character.
    pub(super) fn of(encoding: &'static Encoding, sample: &[u8]) -> Self {
        let mut scan = Self::default();
        let mut decoder = Decoder::new(Cut(sample), encoding);
        let mut text = Vec::new();
        // It ends with the error of the cut.
        let _ = decoder.read_to_end(&mut text);
        scan.scan(&text);
        Self { text, ..scan }
    }

    /// Scans the fields of a table that count.
    pub(super) fn of_columns<R: Read>(
        rows: &mut Reader<R>,
        counts: impl Fn(usize) -> bool,
    ) -> Result<Self> {
        let mut scan = Self::default();
        while let Some(record) = rows.read()? {
            scan.ends = record.line - 1;
            let fields = record.fields().enumerate();
            for (_, field) in fields.filter(|(index, _)| counts(*index)) {
                scan.after_return = false;
                scan.scan(field);
                if scan.malformed > 0 && scan.text.len() < CHUNK {
                    scan.text.extend_from_slice(field);
                    scan.text.push(b'\n');
                }
            }
        }
        scan.ends = rows.place().line - 1;
        Ok(scan)
    }

    /// Whether the text is likely in another encoding. A single malformed sequence, or one malformed
    /// line in a hundred, is damage: those rows are rejected and the others imported. In the right
    /// encoding there are at least `share` characters beyond ASCII for each malformed sequence.
    pub(super) fn is_other_encoding(&self, share: u64) -> bool {
        self.malformed > 1
            && share * self.malformed > self.beyond_ascii
            && DAMAGED * self.malformed_lines > self.ends
    }

    fn scan(&mut self, bytes: &[u8]) {
        for chunk in bytes.utf8_chunks() {
            self.pass(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.note_malformed();
            }
        }
    }

    fn pass(&mut self, valid: &str) {
        if !valid.is_ascii() {
            self.beyond_ascii += valid.bytes().filter(|byte| *byte >= 0xC0).count() as u64;
        }
        for byte in valid.bytes() {
            let completes = byte == b'\n' && self.after_return;
            self.ends += u64::from(matches!(byte, b'\r' | b'\n') && !completes);
            self.after_return = byte == b'\r';
        }
    }

    fn note_malformed(&mut self) {
        let line = self.ends + 1;
        if self.malformed == 0 {
            self.line = line;
        }
        self.malformed += 1;
        self.malformed_lines += u64::from(self.last_malformed != Some(line));
        self.last_malformed = Some(line);
        self.after_return = false;
    }
}

/// Looks for bytes that are not UTF-8, and keeps the lines around the first of them. Stops after
/// the chunk with the sequence number `most`.
pub(super) fn scan_utf8(file: &mut dyn Read, most: u64) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut buffer = vec![0; CHUNK];
    // A character that is cut at the end of a chunk is checked with the next.
    let mut kept = 0;
    loop {
        let read = file.read(&mut buffer[kept..])?;
        let bytes = &buffer[..kept + read];
        let mut cut = 0;
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            let invalid = chunk.invalid();
            scan.pass(chunk.valid());
            if invalid.is_empty() {
                continue;
            }
            if chunks.peek().is_none() && read > 0 && is_incomplete(invalid) {
                cut = invalid.len();
                continue;
            }
            if scan.malformed == 0 {
                scan.text = bytes.to_vec();
            }
            scan.note_malformed();
        }
        if read == 0 || scan.malformed >= most {
            return Ok(scan);
        }
        let end = bytes.len();
        buffer.copy_within(end - cut..end, 0);
        kept = cut;
    }
}

/// Whether more bytes can complete a character.
fn is_incomplete(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
