//! Decodes a stream of another encoding to UTF-8 while it is read, in constant memory. Bytes that
//! are invalid in the encoding make their cell invalid; they are never replaced.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{DecoderResult, Encoding, WINDOWS_1252};

use crate::text::{UNDECODED, push_byte};

const BUFFER: usize = 32 * 1024;
/// The maximum length of a malformed sequence and what follows it, in bytes.
const LONGEST: usize = 8;

/// A stream of UTF-8.
pub(crate) struct Decoder<R> {
    input: BufReader<R>,
    encoding: &'static Encoding,
    inner: encoding_rs::Decoder,
    is_done: bool,
    /// The last decoded bytes: a malformed sequence may start with them.
    before: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
}

impl<R: Read> Decoder<R> {
    /// A byte order mark at the start is skipped.
    pub(crate) fn new(input: R, encoding: &'static Encoding) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER, input),
            encoding,
            inner: encoding.new_decoder_with_bom_removal(),
            is_done: false,
            before: Vec::with_capacity(LONGEST),
            ready: Vec::new(),
            given: 0,
        }
    }

    fn decode_more(&mut self) -> io::Result<()> {
        self.given = 0;
        self.ready.resize(2 * BUFFER, 0);
        let source = self.input.fill_buf()?;
        let is_last = source.is_empty();
        let defined = find_undefined(self.encoding, source).unwrap_or(source.len());
        let (result, read, written) = self.inner.decode_to_utf8_without_replacement(
            &source[..defined],
            &mut self.ready,
            is_last,
        );
        let is_undefined = read < source.len();
        self.ready.truncate(written);
        self.pass(read);
        match result {
            DecoderResult::InputEmpty if is_last => self.is_done = true,
            DecoderResult::InputEmpty if is_undefined => {
                self.pass(1);
                self.mark(1, 0);
            }
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
            DecoderResult::Malformed(length, after) => self.mark(length.into(), after.into()),
        }
        Ok(())
    }

    fn pass(&mut self, count: usize) {
        self.before.extend_from_slice(&self.input.buffer()[..count]);
        let excess = self.before.len().saturating_sub(LONGEST);
        self.before.drain(..excess);
        self.input.consume(count);
    }

    /// Writes the malformed bytes, possibly followed by decoded ones, as text after an invalid
    /// byte.
    fn mark(&mut self, length: usize, after: usize) {
        let end = self.before.len().saturating_sub(after);
        let malformed = &self.before[end.saturating_sub(length)..end];
        let mut text = String::new();
        for byte in malformed {
            push_byte(&mut text, *byte);
        }
        self.ready.push(UNDECODED);
        self.ready.extend_from_slice(text.as_bytes());
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if self.is_done {
                return Ok(0);
            }
            self.decode_more()?;
        }
        let count = out.len().min(self.ready.len() - self.given);
        out[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// The first byte that an encoding leaves undefined, but that the library decodes to a control
/// character.
pub(crate) fn find_undefined(encoding: &'static Encoding, bytes: &[u8]) -> Option<usize> {
    if encoding != WINDOWS_1252 {
        return None;
    }
    let is_undefined = |byte: &u8| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D);
    bytes.iter().position(is_undefined)
}
