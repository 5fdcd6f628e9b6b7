//! The progress of a running import.

use serde::{Deserialize, Serialize};

/// Rows so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All rows.
    pub rows: u64,
    /// Rows that became instances.
    pub created: u64,
    /// Rows that already exist with the same values.
    pub unchanged: u64,
    /// Rejected rows.
    pub rejected: u64,
    /// Rows without a key that equal an earlier row. They are included in the other counts.
    #[serde(default)]
    pub equal_rows: u64,
    /// Blank rows and lines. They are not included in the other counts.
    #[serde(default)]
    pub blank_rows: u64,
    /// Blank cells after the last column.
    #[serde(default)]
    pub surplus_cells: u64,
    /// Blank items that are left out of lists, such as the second one of `a;;b`.
    #[serde(default)]
    pub blank_items: u64,
    /// The line of the first row with such an item.
    #[serde(default)]
    pub blank_item_line: Option<u64>,
}

/// An event of a running import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The rows start.
    Started {
        /// Bytes of the input, if they are known.
        bytes: Option<u64>,
        /// Bytes that an earlier run of the import has read.
        offset: u64,
        /// Rows that an earlier run of the import has read.
        rows: u64,
    },
    /// The import resumes where an earlier run stopped.
    Resumed {
        /// The line.
        line: u64,
        /// Rows before it.
        rows: u64,
    },
    /// The state of an earlier run belongs to another import: this one starts over.
    StartedOver {
        /// What differs.
        changed: &'a [&'static str],
    },
    /// A batch is done.
    Advanced {
        /// Rows so far.
        counts: &'a Counts,
        /// The bytes of the input that were read.
        offset: u64,
    },
    /// The api has not answered for a while; the request is repeated.
    Silent,
    /// Every row is accepted; the import waits for the projections.
    Waiting,
    /// Every row is accepted; the import was cancelled and does not wait for the projections.
    WaitSkipped,
}

/// Receives the events of a running import.
pub trait Observer: Send {
    /// Receives an event.
    fn observe(&mut self, event: Event<'_>);
}

/// Ignores every event.
impl Observer for () {
    fn observe(&mut self, _event: Event<'_>) {}
}
