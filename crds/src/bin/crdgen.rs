//! `cargo run -p spice-crds --bin crdgen [DIR]` writes the definitions to `DIR`
//! (`manifests/crds`).

use std::{error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("manifests/crds"), PathBuf::from);
    fs::create_dir_all(&directory)?;
    for definition in spice_crds::crdgen::definitions()? {
        fs::write(directory.join(definition.file), definition.to_yaml())?;
    }
    Ok(())
}
