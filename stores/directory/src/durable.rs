//! Directories that survive a power failure: a new name is durable only after its parent directory
//! was synced.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

/// Creates a directory and its missing parents, so that a power failure loses none of them. An
/// existing directory may come from a process that was killed before it synced, so its parent is
/// synced in any case. Blocks.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    create_with(path, &mut sync)
}

/// Syncs a directory: the names in it.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub(super) fn create_with(
    path: &Path,
    sync: &mut impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    if !path.is_dir() {
        create_with(parent, sync)?;
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists || !path.is_dir() => {
                return Err(error);
            }
            _ => return sync(parent),
        }
    }
    match sync(parent) {
        // Above our own directories there may be some that only others can read.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::debug!(directory = %parent.display(), %error, "not synced");
            Ok(())
        }
        synced => synced,
    }
}
