//! A record that was read.

use crate::text;

/// One record: its fields without their quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub(crate) bytes: Vec<u8>,
    /// The ends of its fields; none for a line of NDJSON.
    pub(crate) ends: Vec<usize>,
    /// The line where it starts.
    pub line: u64,
    /// A field with text after its closing quote: its end is unknown.
    pub(crate) broken_quote: Option<BrokenQuote>,
    /// Blank records and empty lines before it.
    pub(crate) blanks: u64,
}

/// A field that continues after its closing quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokenQuote {
    pub(crate) field: usize,
    /// The record as it is in the file.
    pub(crate) text: Vec<u8>,
    /// The bytes before its last two fields.
    pub(crate) before_last_two: usize,
}

impl Record {
    /// The number of fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field; empty if there is none.
    pub(crate) fn field(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..*end]
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.field(index))
    }

    /// Whether no field has a value, as in the trailing rows of spreadsheets.
    pub(crate) fn is_blank(&self) -> bool {
        text::is_blank_bytes(&self.bytes)
    }
}
