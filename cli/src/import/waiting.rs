//! Rows that refer to what is not there yet. A strict reference may name a row farther down in the
//! file, so a row that was refused for that alone waits until the rest of the file is in.

use spice_client::RowError;
use spice_core::error::ErrorCode;

/// Bytes of the rows that wait, about. A row for which there is no room is rejected at once.
const ROOM: usize = 64 * 1024 * 1024;
/// Bytes of the rows that are sent together, about; the api takes 16 MiB.
const PART: usize = 4 * 1024 * 1024;
/// Rows that one request has at most.
const MOST: usize = 10_000;
/// The rule of a strict reference whose target is not there.
const RULE: &str = "integrity";

/// Rows that wait, in the order of the file.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    rows: Vec<T>,
    room: usize,
}

/// A row that can wait.
pub(super) trait Row {
    /// Bytes that it takes, about.
    fn size(&self) -> usize;

    /// Whether both can be sent in one request.
    fn goes_with(&self, other: &Self) -> bool;
}

impl<T: Row> Waiting<T> {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            room: ROOM,
        }
    }

    /// Adds a row; gives it back when there is no room for it.
    pub(super) fn add(&mut self, row: T) -> Option<T> {
        let Some(room) = self.room.checked_sub(row.size()) else {
            return Some(row);
        };
        self.room = room;
        self.rows.push(row);
        None
    }

    /// Sends the rows again, a part of `most` rows at a time, until a whole pass takes none of
    /// them; then once more in parts as large as a request may be, for rows that refer to one
    /// another in a circle. `send` gets the number of the pass and a part, and returns the rows that still wait.
    /// The last rows go first: a target usually stands below the rows that refer to it.
    pub(super) async fn send_again(
        &mut self,
        most: usize,
        mut send: impl AsyncFnMut(u32, Vec<T>) -> anyhow::Result<Vec<T>>,
    ) -> anyhow::Result<Vec<T>> {
        let mut rows = std::mem::take(&mut self.rows);
        self.room = ROOM;
        let mut most = most;
        for pass in 1.. {
            let before = rows.len();
            let mut parts = Vec::new();
            while !rows.is_empty() {
                parts.push(send(pass, take_part(&mut rows, most)).await?);
            }
            rows = parts.into_iter().rev().flatten().collect();
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

/// Takes the last rows that go into one request, in their order.
fn take_part<T: Row>(rows: &mut Vec<T>, most: usize) -> Vec<T> {
    let mut part: Vec<T> = Vec::new();
    let mut passed = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.pop() {
        let is_alike = part.first().is_none_or(|last| row.goes_with(last));
        if !is_alike {
            passed.push(row);
            continue;
        }
        let fits = part.len() < most && bytes + row.size() <= PART;
        if !part.is_empty() && !fits {
            rows.push(row);
            break;
        }
        bytes += row.size();
        part.push(row);
    }
    rows.extend(passed.into_iter().rev());
    part.reverse();
    part
}

/// Whether a row was refused only because it refers to what is not there.
pub(super) fn may_wait(error: &RowError) -> bool {
    let fields = error.detail.get("errors").and_then(|it| it.as_array());
    error.error == ErrorCode::ValidationFailed.as_str()
        && fields.is_some_and(|fields| {
            !fields.is_empty() && fields.iter().all(|field| field["rule"] == RULE)
        })
}
