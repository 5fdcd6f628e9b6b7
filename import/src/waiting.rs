//! Rows that refer to missing instances. A strict reference may name a later row of the file, so a
//! row that was refused only for that waits until the rest of the file is imported.

use std::collections::{BTreeMap, HashMap};

use spice_client::RowError;
use spice_core::{
    error::ErrorCode,
    name::{ClassName, InstanceId},
};

use crate::{error::Result, reader::Record, reason::Reason};

/// The approximate maximum size of the waiting rows in bytes. A row without room is rejected
/// immediately.
const ROOM: usize = 64 * 1024 * 1024;
/// The approximate maximum size of rows that are sent together, in bytes; the api accepts 16 MiB.
const PART: usize = 4 * 1024 * 1024;
/// The maximum number of rows in one request.
const MOST: usize = 10_000;
/// The rule of a strict reference whose target is missing.
const RULE: &str = "integrity";

/// A row that was refused and may be accepted later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingRow {
    /// The row as it is in the file.
    pub(crate) raw: Record,
    pub(crate) class: ClassName,
    /// Its values, as JSON.
    pub(crate) data: Vec<u8>,
    pub(crate) id: Option<InstanceId>,
    /// A hash of its class and key.
    pub(crate) mark: u64,
    /// Whether the api adds no defaults.
    pub(crate) is_whole: bool,
    /// The last refusal.
    pub(crate) reasons: Vec<Reason>,
    /// Bytes of the rejects before its place.
    pub(crate) place: u64,
}

/// Waiting rows, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    rows: Vec<WaitingRow>,
    /// Their approximate size in bytes.
    size: usize,
}

impl WaitingRow {
    /// Its approximate size in bytes.
    fn size(&self) -> usize {
        2 * self.data.len() + 256
    }
}

impl Waiting {
    /// Adds a row; false if there is no room.
    pub(crate) fn add(&mut self, row: WaitingRow) -> bool {
        let size = self.size + row.size();
        if size <= ROOM {
            self.size = size;
            self.rows.push(row);
        }
        size <= ROOM
    }

    /// Sends the rows again, a part of `most` rows of one class at a time, until a whole pass
    /// accepts none of them. Then sends them once more in the largest possible parts, for rows that
    /// refer to one another in a cycle. `send` gets the number of the pass and a part, and returns
    /// the rows that still wait. The last rows go first, because a target usually comes after the
    /// rows that refer to it.
    pub(crate) async fn resend(
        self,
        most: usize,
        mut send: impl AsyncFnMut(u32, Vec<WaitingRow>) -> Result<Vec<WaitingRow>>,
    ) -> Result<Vec<WaitingRow>> {
        let mut rows = self.rows;
        let mut most = most;
        for pass in 1.. {
            let before = rows.len();
            let mut parts = Parts::new(rows);
            let mut left = Vec::new();
            while let Some(part) = parts.take_last(most) {
                left.extend(send(pass, part).await?);
            }
            left.sort_by_key(|row| row.raw.line);
            rows = left;
            let is_stuck = rows.len() == before;
            if rows.is_empty() || (is_stuck && most >= MOST) {
                break;
            }
            if is_stuck {
                most = MOST;
            }
        }
        Ok(rows)
    }
}

/// Rows that are sent in parts of one class, by the line of the last row of each class.
struct Parts(BTreeMap<u64, Vec<WaitingRow>>);

impl Parts {
    fn new(rows: Vec<WaitingRow>) -> Self {
        let mut classes: HashMap<ClassName, Vec<WaitingRow>> = HashMap::new();
        for row in rows {
            classes.entry(row.class.clone()).or_default().push(row);
        }
        let mut parts = Self(BTreeMap::new());
        for rows in classes.into_values() {
            parts.insert_all(rows);
        }
        parts
    }

    fn insert_all(&mut self, rows: Vec<WaitingRow>) {
        if let Some(last) = rows.last() {
            self.0.insert(last.raw.line, rows);
        }
    }

    /// Takes the last row and the earlier rows of its class that fit into one request.
    fn take_last(&mut self, most: usize) -> Option<Vec<WaitingRow>> {
        let (_, mut rows) = self.0.pop_last()?;
        let mut bytes = 0;
        let fits = |row: &&WaitingRow| {
            bytes += row.size();
            bytes <= PART
        };
        let count = rows.iter().rev().take(most).take_while(fits).count().max(1);
        let part = rows.split_off(rows.len() - count);
        self.insert_all(rows);
        Some(part)
    }
}

/// Whether a row was refused only because it refers to a missing instance.
pub(crate) fn may_wait(error: &RowError) -> bool {
    let fields = error.detail.get("errors").and_then(|it| it.as_array());
    error.error == ErrorCode::ValidationFailed.as_str()
        && fields.is_some_and(|fields| {
            !fields.is_empty() && fields.iter().all(|field| field["rule"] == RULE)
        })
}
