//! Looks at bytes in an encoding: how much of them is text.

use std::io::{self, Read};

use encoding_rs::Encoding;

use crate::decoder::Decoder;

const CHUNK: usize = 64 * 1024;

/// What bytes turn out to be in an encoding.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Sequences of bytes that the encoding does not have.
    pub(super) malformed: u64,
    /// The line of the first of them.
    pub(super) line: u64,
    /// Characters beyond ASCII.
    pub(super) beyond_ascii: u64,
    /// The bytes as the reader would get them.
    pub(super) text: Vec<u8>,
}

/// Ends a sample without saying that the file ends there.
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
    /// Decodes a sample of a file, whose end may be in the middle of a character.
    pub(super) fn of(encoding: &'static Encoding, sample: &[u8]) -> Self {
        let mut scan = Self::default();
        let mut decoder = Decoder::new(Cut(sample), encoding);
        // It ends with the error of the cut.
        let _ = decoder.read_to_end(&mut scan.text);
        let mut line = 1;
        for chunk in scan.text.utf8_chunks() {
            let valid = chunk.valid();
            scan.beyond_ascii += beyond_ascii(valid);
            line += line_ends(valid.as_bytes());
            if !chunk.invalid().is_empty() {
                scan.malformed += 1;
                if scan.malformed == 1 {
                    scan.line = line;
                }
            }
        }
        scan
    }
}

/// Looks for bytes that are not UTF-8, and keeps the lines around the first of them. Stops after the
/// chunk with the sequence number `most`.
pub(super) fn scan_utf8(file: &mut dyn Read, most: u64) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut buffer = vec![0; CHUNK];
    // A character that is cut at the end of a chunk is looked at with the next.
    let (mut kept, mut line) = (0, 1);
    loop {
        let read = file.read(&mut buffer[kept..])?;
        let bytes = &buffer[..kept + read];
        let mut cut = 0;
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            let (valid, invalid) = (chunk.valid(), chunk.invalid());
            scan.beyond_ascii += beyond_ascii(valid);
            if scan.malformed == 0 {
                line += line_ends(valid.as_bytes());
            }
            if invalid.is_empty() {
                continue;
            }
            if chunks.peek().is_none() && read > 0 && is_begun(invalid) {
                cut = invalid.len();
                continue;
            }
            scan.malformed += 1;
            if scan.malformed == 1 {
                scan.line = line;
                scan.text = bytes.to_vec();
            }
        }
        if read == 0 || scan.malformed >= most {
            return Ok(scan);
        }
        let end = bytes.len();
        buffer.copy_within(end - cut..end, 0);
        kept = cut;
    }
}

/// Whether more bytes can make a character of it.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn beyond_ascii(text: &str) -> u64 {
    if text.is_ascii() {
        return 0;
    }
    text.bytes().filter(|byte| *byte >= 0xC0).count() as u64
}

fn line_ends(bytes: &[u8]) -> u64 {
    let mut before = 0;
    let mut ends = 0;
    for byte in bytes {
        let completes = *byte == b'\n' && before == b'\r';
        ends += u64::from(matches!(byte, b'\r' | b'\n') && !completes);
        before = *byte;
    }
    ends
}
