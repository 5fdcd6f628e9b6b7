//! The installation of the directory: an id in a small file, written once.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
};

use spice_core::{id::InstallationId, port::StoreResult};

use super::{
    durable,
    failure::{damaged, unavailable},
};

/// The name of the file.
pub(super) const INSTALLATION_FILE: &str = "INSTALLATION";
/// The name of an unfinished file.
pub(super) const INSTALLATION_TEMPORARY: &str = ".tmp-installation";

/// Reads the id; none if there is no file.
pub(super) fn find(root: &Path) -> StoreResult<Option<InstallationId>> {
    let path = root.join(INSTALLATION_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(unavailable(format!(
                "cannot read {}: {error}",
                path.display()
            )));
        }
    };
    let id = text.trim_end().parse();
    id.map(Some)
        .map_err(|_| damaged(format!("{} holds no installation id", path.display())))
}

/// Writes the id, unless there is one. Only the owner of the directory writes.
pub(super) fn install(root: &Path, id: InstallationId) -> StoreResult<InstallationId> {
    if let Some(known) = find(root)? {
        return Ok(known);
    }
    write(root, id).map_err(|error| {
        let path = root.join(INSTALLATION_FILE);
        unavailable(format!("cannot write {}: {error}", path.display()))
    })?;
    Ok(id)
}

fn write(root: &Path, id: InstallationId) -> io::Result<()> {
    let temporary = root.join(INSTALLATION_TEMPORARY);
    let mut file = File::create(&temporary)?;
    writeln!(file, "{id}")?;
    file.sync_data()?;
    fs::rename(&temporary, root.join(INSTALLATION_FILE))?;
    durable::sync(root)
}
