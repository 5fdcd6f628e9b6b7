//! Adapters of the [`Log`](spice_core::port::log::Log) port: a directory of segment files, and
//! memory. The segment format is shared by every adapter that keeps segments.

mod cache;
pub mod directory;
pub mod memory;
mod segment;

pub use directory::{
    DirectoryLog, Options,
    report::{Problem, Report, StreamReport},
    verify::verify,
};
pub use memory::MemoryLog;

use spice_core::error::StoreError;

const STORE: &str = "log";

fn rejected(reason: impl Into<String>) -> StoreError {
    StoreError::Rejected {
        store: STORE,
        reason: reason.into(),
    }
}

fn damaged(reason: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        store: STORE,
        reason: reason.into(),
    }
}

fn unavailable(reason: impl Into<String>) -> StoreError {
    StoreError::Unavailable {
        store: STORE,
        reason: reason.into(),
    }
}

/// The part of an envelope that a search by time needs.
#[derive(serde::Deserialize)]
struct Stamp {
    occurred_at: spice_core::time::Timestamp,
}

fn accepted_at(line: &[u8]) -> Result<spice_core::time::Timestamp, StoreError> {
    serde_json::from_slice::<Stamp>(line)
        .map(|stamp| stamp.occurred_at)
        .map_err(|error| damaged(format!("a line has no readable occurred_at: {error}")))
}

/// What every adapter asks of a batch before it writes it.
fn check_batch(batch: &spice_core::port::log::Batch) -> Result<(), StoreError> {
    if batch.lines.is_empty() {
        return Err(rejected("a batch without envelopes"));
    }
    if batch
        .lines
        .iter()
        .any(|line| line.is_empty() || line.contains(&b'\n'))
    {
        return Err(rejected("an envelope must be one line that is not empty"));
    }
    Ok(())
}
