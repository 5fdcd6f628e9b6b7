//! The binaries of the control plane: found in the cache, or built into it from the Go module
//! proxy, pinned by `e2e/kubernetes/go.sum`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::{process::Command, sync::OnceCell};

use crate::embedded::setting;

/// Each binary and the package that it is built from.
const PACKAGES: [(&str, &str); 4] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    (
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
];

static FOUND: OnceCell<Option<Binaries>> = OnceCell::const_new();

/// Where the binaries are.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
}

/// `SPICE_E2E_CACHE`, or `spice` in the user's cache.
pub(super) fn cache() -> PathBuf {
    let user = || {
        let given = setting("XDG_CACHE_HOME").filter(|path| !path.is_empty());
        let home = || PathBuf::from(setting("HOME").unwrap_or_else(|| "/tmp".into()));
        given.map_or_else(|| home().join(".cache"), PathBuf::from)
    };
    let base = setting("SPICE_E2E_CACHE").map_or_else(|| user().join("spice"), PathBuf::from);
    base.join("k8s/bin")
}

impl Binaries {
    /// The binaries; none when they are neither cached nor to be built here.
    pub(super) async fn find_or_build() -> anyhow::Result<Option<Self>> {
        FOUND.get_or_try_init(find_or_build).await.cloned()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn kubectl(&self) -> PathBuf {
        self.path("kubectl")
    }
}

async fn find_or_build() -> anyhow::Result<Option<Binaries>> {
    let directory = cache();
    let missing: Vec<_> = PACKAGES
        .iter()
        .filter(|(name, _)| !directory.join(name).is_file())
        .collect();
    if missing.is_empty() {
        return Ok(Some(Binaries { directory }));
    }
    let Ok(version) = go(&["list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes"]).await else {
        return Ok(None);
    };
    std::fs::create_dir_all(&directory)?;
    for (name, package) in missing {
        build(&directory, name, package, version.trim()).await?;
    }
    Ok(Some(Binaries { directory }))
}

async fn build(directory: &Path, name: &str, package: &str, version: &str) -> anyhow::Result<()> {
    let minor = version
        .split('.')
        .nth(1)
        .context("a version without a minor number")?;
    let variable = "k8s.io/component-base/version";
    let flags = format!(
        "-s -w -X {variable}.gitVersion={version} -X {variable}.gitMajor=1 -X {variable}.gitMinor={minor} -X {variable}.gitTreeState=clean"
    );
    // Another process may build the same one; a whole file takes the name.
    let unfinished = directory.join(format!("{name}.{}", std::process::id()));
    let target = unfinished.display().to_string();
    go(&[
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        &flags,
        "-o",
        &target,
        package,
    ])
    .await
    .with_context(|| format!("{name} does not build"))?;
    std::fs::rename(&unfinished, directory.join(name))?;
    Ok(())
}

async fn go(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("nice")
        .args(["-n", "10", "go"])
        .args(arguments)
        .env("CGO_ENABLED", "0")
        .current_dir(crate::workspace().join("e2e/kubernetes"))
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        bail!(
            "go {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
