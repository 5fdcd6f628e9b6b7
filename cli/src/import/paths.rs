//! The files that an import writes: none of them may be one that it reads.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use spice_core::error::{ErrorCode, Refusal};

use super::options::Options;

/// Refuses to write over the file itself, or where nothing can be written, before it is too late.
pub(super) fn check_paths(options: &Options) -> anyhow::Result<()> {
    let rejects = options.rejects();
    let state = options.state();
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
    for (path, flag) in [(Some(&rejects), "--rejects"), (state.as_ref(), "--state")] {
        let Some(path) = path else {
            continue;
        };
        refuse_same(path, &options.file, flag)?;
        if flag == "--state" {
            refuse_same(path, &rejects, flag)?;
        }
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            let path = path.display();
            return refuse(format!(
                "{path}: there is no folder for it; name another with {flag}"
            ));
        }
    }
    Ok(())
}

/// Refuses a path that leads to a file that is read, or written already.
fn refuse_same(path: &Path, other: &Path, flag: &str) -> Result<(), Refusal> {
    if !is_same(path, other) {
        return Ok(());
    }
    let path = path.display();
    let message = format!("{path} would be written over; name another with {flag}");
    Err(Refusal::new(ErrorCode::InvalidRequest, message))
}

/// Whether two paths lead to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    one == other || (found(one).is_some() && found(one) == found(other))
}
