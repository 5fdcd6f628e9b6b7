//! The binaries of the control plane: from the cache, or built into it from the Go module proxy,
//! pinned by `e2e/kubernetes/go.sum`.

use std::path::PathBuf;

use anyhow::bail;
use tokio::{process::Command, sync::OnceCell};

use crate::embedded::setting;

/// The binaries of the control plane, as `e2e/kubernetes/install` builds them.
const NAMES: [&str; 4] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kubectl",
];

static FOUND: OnceCell<Option<Binaries>> = OnceCell::const_new();

/// The folder of the binaries.
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
    /// The binaries; none if they are not cached and cannot be built here.
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
    if NAMES.iter().all(|name| directory.join(name).is_file()) {
        return Ok(Some(Binaries { directory }));
    }
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
    Ok(Some(Binaries { directory }))
}
