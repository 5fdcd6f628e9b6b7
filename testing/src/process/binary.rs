//! Finds the binary `spice`, and runs its commands.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use anyhow::{Context, bail};
use tokio::{process::Command, sync::OnceCell};

static SPICE: OnceCell<PathBuf> = OnceCell::const_new();

/// An environment variable, if it is set and is text.
pub fn setting(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// The binary: `SPICE_BIN`, or the one next to the test, or a new build.
pub async fn spice() -> anyhow::Result<&'static Path> {
    let path = SPICE.get_or_try_init(find).await?;
    Ok(path)
}

async fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = setting("SPICE_BIN") {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("SPICE_BIN is {}, which does not exist", path.display());
        }
        return Ok(path);
    }
    let test = std::env::current_exe()?;
    let profile = test
        .parent()
        .and_then(Path::parent)
        .context("the test is in no target directory")?;
    let path = profile.join("spice");
    if !path.is_file() {
        build(profile).await?;
    }
    Ok(path)
}

async fn build(profile: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.args([
        "build",
        "--quiet",
        "--package",
        "spice",
        "--features",
        "otel",
    ]);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    if let Some(target) = profile.parent() {
        command.env("CARGO_TARGET_DIR", target);
    }
    let status = command.current_dir(workspace()).status().await?;
    if !status.success() {
        bail!("spice does not build");
    }
    Ok(())
}

/// Runs a command of `spice` to its end.
pub async fn run<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<Output> {
    let mut command = Command::new(spice().await?);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command.output().await.context("spice does not start")
}
