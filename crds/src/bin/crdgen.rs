//! `cargo run -p spice-crds --bin crdgen [DIR]` writes the definitions to the folders in `DIR`, the
//! root of the workspace.

use std::{error::Error, fs, path::PathBuf};

use spice_crds::crdgen::{FOLDERS, definitions};

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args_os()
        .nth(1)
        .map_or_else(PathBuf::new, PathBuf::from);
    for folder in FOLDERS {
        let folder = root.join(folder);
        fs::create_dir_all(&folder)?;
        for definition in definitions()? {
            fs::write(folder.join(definition.file), definition.to_yaml())?;
        }
    }
    Ok(())
}
