//! A record as it was read.

use crate::import::text;

/// One record: its fields without their quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::import) struct Record {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
    /// The line where it begins.
    pub(in crate::import) line: u64,
    /// A field in which text follows the closing quote, so that nobody knows where it ends.
    pub(in crate::import) broken_quote: Option<BrokenQuote>,
    /// Blank records and empty lines between the record before and this one.
    pub(in crate::import) blanks: u64,
}

/// A field that goes on behind its closing quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) struct BrokenQuote {
    pub(in crate::import) field: usize,
    /// The record as it stands in the file.
    pub(in crate::import) text: Vec<u8>,
    /// The bytes of it that are before its last two fields.
    pub(in crate::import) before_last_two: usize,
}

impl Record {
    /// How many fields it has.
    pub(in crate::import) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field; empty when there is none.
    pub(in crate::import) fn field(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..*end]
    }

    /// All fields.
    pub(in crate::import) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.field(index))
    }

    /// Whether no field says anything, as in the rows that spreadsheets leave at the end.
    pub(in crate::import) fn is_blank(&self) -> bool {
        text::is_blank_bytes(&self.bytes)
    }
}
