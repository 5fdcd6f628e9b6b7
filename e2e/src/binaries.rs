//! The binaries of Kubernetes: from a cache outside the checkout, or built into it from the Go module
//! proxy by `e2e/kubernetes/install`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, bail};
use tokio::{process::Command, sync::OnceCell};

use crate::skip::skip;

static FOUND: OnceCell<Option<Binaries>> = OnceCell::const_new();

/// The folder of the binaries.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// The binaries, or why there are none here. Then the test `name` is skipped, except with
    /// `CI=true`, where nothing may be skipped.
    pub async fn find_or_skip(name: &str) -> anyhow::Result<Option<Self>> {
        let found = Self::find_or_build().await?;
        if found.is_none() {
            return skip(name, "there is no Go to build Kubernetes");
        }
        Ok(found)
    }

    /// The binaries; none if there is no Go, which names their version and builds them.
    pub async fn find_or_build() -> anyhow::Result<Option<Self>> {
        FOUND.get_or_try_init(install).await.cloned()
    }

    /// The path of one of them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// `kubectl` or `helm` as a command on a cluster.
    pub fn tool(&self, name: &str, kubeconfig: &Path) -> Command {
        let mut command = Command::new(self.path(name));
        command.env("KUBECONFIG", kubeconfig);
        command
    }
}

/// Runs a command and returns what it printed; an error with its standard error if it failed.
pub async fn run(mut command: Command) -> anyhow::Result<String> {
    let what = command.as_std().get_program().to_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await;
    let output = output.with_context(|| format!("{} does not start", what.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let arguments: Vec<_> = command.as_std().get_args().collect();
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{} {arguments:?}: {errors}{printed}", what.display());
    }
    Ok(printed)
}

async fn install() -> anyhow::Result<Option<Binaries>> {
    if Command::new("go").arg("version").output().await.is_err() {
        return Ok(None);
    }
    let output = Command::new("nice")
        .args(["-n", "10", "./install"])
        .current_dir(crate::workspace().join("e2e/kubernetes"))
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        bail!(
            "e2e/kubernetes/install: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let printed = String::from_utf8(output.stdout)?;
    let directory = printed.lines().last();
    let directory = directory.context("e2e/kubernetes/install prints no folder")?;
    Ok(Some(Binaries {
        directory: PathBuf::from(directory),
    }))
}
