//! A position between two records.

use serde::{Deserialize, Serialize};

/// A position between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// The line that starts or continues there; the first is 1.
    pub line: u64,
    /// Whether the previous byte is a carriage return, whose line feed may follow.
    pub after_return: bool,
}

impl Place {
    /// The start of a file.
    pub const START: Self = Self {
        offset: 0,
        line: 1,
        after_return: false,
    };

    /// Moves past a byte; true if the byte ends a line.
    pub(crate) fn pass(&mut self, byte: u8) -> bool {
        let completes = byte == b'\n' && self.after_return;
        let ends_line = matches!(byte, b'\r' | b'\n') && !completes;
        self.offset += 1;
        self.line += u64::from(ends_line);
        self.after_return = byte == b'\r';
        ends_line
    }

    /// Moves past bytes without line ends.
    pub(crate) fn pass_text(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.after_return = false;
    }
}
