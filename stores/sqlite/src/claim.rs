//! The claim of the one process that appends to the log of these stores. Without it, two processes
//! that append to two copies of a log could take the work of each other in one registry.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::Path,
};

use spice_core::{
    error::StoreError,
    port::{Store, StoreResult},
};

use super::open::with_suffix;

/// Holds a store's file for this process. The kernel gives it back however the process ends.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "the lock lives as long as the file")] File);

impl Claim {
    /// Claims a store's file, which need not exist yet. Blocks.
    ///
    /// The lock is on a file of its own: closing a second descriptor of a database would release the
    /// locks that SQLite holds on it.
    pub fn take(store: Store, path: &Path) -> StoreResult<Self> {
        let lock = with_suffix(path, ".lock");
        let failed = |error: std::io::Error| {
            StoreError::unavailable(store, format!("cannot lock {}: {error}", lock.display()))
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false);
        let file = file.open(&lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
            Err(TryLockError::WouldBlock) => Err(StoreError::rejected(
                store,
                format!(
                    "a process that appends to another log has {} open; stop it, or name another file",
                    path.display()
                ),
            )),
        }
    }
}
