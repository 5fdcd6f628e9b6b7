//! What an import says while it runs.

use serde::{Deserialize, Serialize};

/// Rows so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All rows.
    pub rows: u64,
    /// Rows that became instances.
    pub created: u64,
    /// Rows that are in already, with the same values.
    pub unchanged: u64,
    /// Rows that could not be taken.
    pub rejected: u64,
    /// Rows without a key that say what an earlier row says. They are among the others.
    #[serde(default)]
    pub equal_rows: u64,
    /// Blank rows and lines. They are not among the others.
    #[serde(default)]
    pub blank_rows: u64,
    /// Blank cells behind the last column.
    #[serde(default)]
    pub surplus_cells: u64,
}

/// Something that happens while an import runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The rows begin.
    Started {
        /// Bytes of the input, if they are known.
        bytes: Option<u64>,
        /// Bytes that an earlier start of the import has read.
        offset: u64,
        /// Rows that an earlier start of the import has read.
        rows: u64,
    },
    /// The import goes on where an earlier start stopped.
    Resumed {
        /// The line.
        line: u64,
        /// Rows before it.
        rows: u64,
    },
    /// The state of an earlier start is of another file, class or mapping: the import starts over.
    StartedOver,
    /// A batch is done.
    Advanced {
        /// Rows so far.
        counts: &'a Counts,
        /// Bytes of the input that are read.
        offset: u64,
    },
    /// The api has not answered for a while; the request is being repeated.
    Silent,
    /// Every row is taken; the import waits until all of them show.
    Waiting,
}

/// Is told what happens while an import runs.
pub trait Observer: Send {
    /// Takes notice of an event.
    fn observe(&mut self, event: Event<'_>);
}

/// Ignores every event.
impl Observer for () {
    fn observe(&mut self, _event: Event<'_>) {}
}
