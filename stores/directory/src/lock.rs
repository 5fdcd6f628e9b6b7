//! One process owns the directory: it holds a lock on the file `LOCK`, which contains its process
//! id. The kernel releases the lock however the process ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
    thread,
    time::Duration,
};

use spice_core::{error::StoreError, port::StoreResult};

use super::failure::{rejected, unavailable};

/// Longer than a look takes.
const PROBE: Duration = Duration::from_millis(20);

/// The name of the lock file.
pub(super) const LOCK_FILE: &str = "LOCK";

/// The process that has a directory open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Its process id, if the lock file says it.
    pub pid: Option<i32>,
}

impl From<Owner> for StoreError {
    fn from(owner: Owner) -> Self {
        let pid = owner
            .pid
            .map_or_else(String::new, |pid| format!(" (pid {pid})"));
        rejected(format!(
            "another process{pid} has this directory open; stop it or choose another directory"
        ))
    }
}

/// Takes the directory until the file is closed, unless another process has it.
pub(super) fn take(directory: &Path) -> StoreResult<Result<File, Owner>> {
    take_after(directory, || thread::sleep(PROBE))
}

/// Tries twice: a process that only looks whether the directory is held has the lock for an instant.
fn take_after(directory: &Path, pause: impl FnOnce()) -> StoreResult<Result<File, Owner>> {
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
    let locked = match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            pause();
            file.try_lock()
        }
        other => other,
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Err(owner(&mut file))),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(Ok(file))
}

/// Whether a process has the directory.
pub(super) fn is_held(directory: &Path) -> StoreResult<bool> {
    let path = directory.join(LOCK_FILE);
    let failed =
        |error: std::io::Error| unavailable(format!("cannot lock {}: {error}", path.display()));
    let file = File::open(&path).map_err(failed)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn owner(file: &mut File) -> Owner {
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    Owner {
        pid: read.ok().and_then(|_| text.trim().parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_does_not_keep_the_directory_from_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        drop(take(directory.path()).unwrap().unwrap());
        let look = || {
            let file = File::open(directory.path().join(LOCK_FILE)).unwrap();
            file.lock_shared().unwrap();
            file
        };
        let looking = look();
        let taken = take_after(directory.path(), || drop(looking)).unwrap();
        assert!(taken.is_ok());
        drop(taken);
        let looking = look();
        let refused = take_after(directory.path(), || ()).unwrap();
        let this = i32::try_from(std::process::id()).ok();
        assert_eq!(refused.unwrap_err(), Owner { pid: this });
        drop(looking);
    }
}
