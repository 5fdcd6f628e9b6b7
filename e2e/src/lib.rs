//! The harness of the black-box tests: real processes, looked at from outside.

pub mod control_plane;
pub mod embedded;
pub mod sim;

/// The root of the workspace.
pub fn workspace() -> std::path::PathBuf {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
