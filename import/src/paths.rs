//! The files that an import writes; none of them may be one that it reads.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{
    error::{self, refuse_input},
    options::{Input, Options},
};

/// A path with a suffix after its name.
pub fn add_suffix(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Replaces a file: the old content stays until the new one is on disk.
pub fn replace<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let beside = add_suffix(path, ".new");
    let mut out = BufWriter::new(File::create(&beside)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_data()?;
    Ok(fs::rename(&beside, path)?)
}

/// Removes a file, if it exists.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Refuses to overwrite the input, or to write where that is impossible, before anything is read.
pub(crate) fn check_paths(options: &Options, input: &Input) -> error::Result<()> {
    check(&options.rejects, "--rejects", input.path())?;
    let Some(state) = &options.state else {
        return Ok(());
    };
    refuse_same(state, &options.rejects, "--state")?;
    check(state, "--state", input.path())
}

fn check(path: &Path, flag: &str, input: Option<&Path>) -> error::Result<()> {
    if let Some(input) = input {
        refuse_same(path, input, flag)?;
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        let path = path.display();
        return Err(refuse_input(format!(
            "{path}: its folder does not exist; name another file with {flag}"
        )));
    }
    Ok(())
}

/// Refuses the path of a file that is already read or written.
fn refuse_same(path: &Path, other: &Path, flag: &str) -> error::Result<()> {
    if !is_same(path, other) {
        return Ok(());
    }
    let path = path.display();
    Err(refuse_input(format!(
        "{path} would be overwritten; name another file with {flag}"
    )))
}

/// Whether two paths lead to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    one == other || (found(one).is_some() && found(one) == found(other))
}
