//! The relay's checkpoint: a number in a small file next to the segments, replaced by rename and
//! not synced. After a crash there may be an older number, a truncated (and so smaller) one, or
//! none: records are published again, never skipped.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

/// The name of the checkpoint file.
pub(super) const CHECKPOINT_FILE: &str = "relay.checkpoint";
/// The name of an unfinished checkpoint file.
pub(super) const CHECKPOINT_TEMPORARY: &str = ".tmp-checkpoint";

/// Reads the checkpoint of a log; zero if none can be read, never beyond `end`.
pub(super) fn read(directory: &Path, end: u64) -> io::Result<u64> {
    let text = match fs::read(directory.join(CHECKPOINT_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let number = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.trim_end().parse::<u64>().ok());
    if number.is_none() {
        tracing::warn!(directory = %directory.display(), "relay checkpoint is unreadable, publishing again from the start");
    }
    Ok(number.unwrap_or(0).min(end))
}

/// Replaces the checkpoint of a log.
pub(super) fn write(directory: &Path, position: u64) -> io::Result<()> {
    let temporary = directory.join(CHECKPOINT_TEMPORARY);
    fs::write(&temporary, format!("{position}\n"))?;
    fs::rename(&temporary, directory.join(CHECKPOINT_FILE))
}
