//! Rows that refer to what is not there yet. A strict reference may name a row farther down in the
//! file, so a row that was refused for that alone waits until the rest of the file is in.

use spice_client::RowError;
use spice_core::error::ErrorCode;

/// Bytes of the rows that wait, about. A row for which there is no room is rejected at once.
const ROOM: usize = 64 * 1024 * 1024;
/// Bytes of the rows that are sent together, about; the api takes 16 MiB.
const PART: usize = 4 * 1024 * 1024;
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
    /// them. `send` gets the number of the pass and a part, and returns the rows that still wait.
    /// The last rows go first: a target usually stands below the rows that refer to it.
    pub(super) async fn send_again(
        &mut self,
        most: usize,
        mut send: impl AsyncFnMut(u32, Vec<T>) -> anyhow::Result<Vec<T>>,
    ) -> anyhow::Result<Vec<T>> {
        let mut rows = std::mem::take(&mut self.rows);
        self.room = ROOM;
        for pass in 1.. {
            let before = rows.len();
            let mut parts = Vec::new();
            while !rows.is_empty() {
                let part = rows.split_off(begin_of_part(&rows, most));
                parts.push(send(pass, part).await?);
            }
            rows = parts.into_iter().rev().flatten().collect();
            if rows.is_empty() || rows.len() == before {
                break;
            }
        }
        Ok(rows)
    }
}

/// Where the last part begins that goes into one request.
fn begin_of_part<T: Row>(rows: &[T], most: usize) -> usize {
    let mut begin = rows.len();
    let mut bytes = 0;
    while let Some(row) = begin.checked_sub(1).map(|index| &rows[index]) {
        let fits = rows.len() - begin < most && bytes + row.size() <= PART;
        let is_alike = rows.last().is_some_and(|last| row.goes_with(last));
        if begin < rows.len() && !(fits && is_alike) {
            break;
        }
        bytes += row.size();
        begin -= 1;
    }
    begin
}

/// Whether a row was refused only because it refers to what is not there.
pub(super) fn may_wait(error: &RowError) -> bool {
    let fields = error.detail.get("errors").and_then(|it| it.as_array());
    error.error == ErrorCode::ValidationFailed.as_str()
        && fields.is_some_and(|fields| {
            !fields.is_empty() && fields.iter().all(|field| field["rule"] == RULE)
        })
}
