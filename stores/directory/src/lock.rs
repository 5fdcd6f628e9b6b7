//! One process owns the directory: it holds a lock on the file `LOCK`, which tells its id.
//! The kernel lets go of the lock when the process ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

use spice_core::error::StoreError;

use super::failure::{rejected, unavailable};

/// The name of the lock file.
pub(super) const LOCK_FILE: &str = "LOCK";

/// Takes the directory, until the file is closed.
pub(super) fn take(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK_FILE);
    let failed =
        |error: std::io::Error| unavailable(format!("cannot lock {}: {error}", path.display()));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(taken(&mut file)),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(file)
}

fn taken(file: &mut File) -> StoreError {
    let mut owner = String::new();
    let owner = match file.read_to_string(&mut owner) {
        Ok(_) if !owner.trim().is_empty() => format!(" (pid {})", owner.trim()),
        _ => String::new(),
    };
    rejected(format!(
        "another process{owner} has this directory open; stop it or choose another --data-dir"
    ))
}
