//! Control plane, api and operator together.

use std::{
    fmt::Debug,
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use kube::{Api, Resource, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use serde_json::Value;
use spice_crds::{Branch, Condition, Database, Ontology, ResourceStatus};
use spice_e2e::{
    control_plane::ControlPlane,
    embedded::{self, Client, Embedded},
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::proxy::Proxy;

const PATIENCE: Duration = Duration::from_mins(1);

/// Everything that runs.
pub(crate) struct Cluster {
    operator: Option<Running>,
    /// More arguments of the operator.
    arguments: Vec<String>,
    /// The api.
    pub(crate) gateway: Client,
    /// The operator's way to the api.
    pub(crate) api_path: Proxy,
    pub(crate) plane: ControlPlane,
    client: kube::Client,
    spice: Embedded,
    files: TempDir,
}

/// A process of the operator. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    metrics: SocketAddr,
}

impl Running {
    /// Sends a signal: `-STOP`, `-CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success(), "{signal}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A kind with the common status.
pub(crate) trait Declared:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug
{
    fn status(&self) -> Option<&ResourceStatus>;
}

macro_rules! declared {
    ($($kind:ty),*) => {$(
        impl Declared for $kind {
            fn status(&self) -> Option<&ResourceStatus> {
                self.status.as_ref()
            }
        }
    )*};
}

declared!(Database, Ontology, Branch);

impl Cluster {
    pub(crate) async fn start(plane: ControlPlane) -> anyhow::Result<Self> {
        Self::start_with(plane, embedded::Options::default(), Vec::new()).await
    }

    /// With options of the api, and more arguments of the operator.
    pub(crate) async fn start_with(
        plane: ControlPlane,
        options: embedded::Options,
        arguments: Vec<String>,
    ) -> anyhow::Result<Self> {
        let spice = Embedded::start(options).await?;
        let mut cluster = Self {
            operator: None,
            arguments,
            gateway: spice.gateway()?,
            client: plane.client().await?,
            plane,
            api_path: Proxy::start(&spice.url("gateway")?).await?,
            spice,
            files: tempfile::tempdir()?,
        };
        cluster.start_operator().await?;
        Ok(cluster)
    }

    pub(crate) async fn start_operator(&mut self) -> anyhow::Result<()> {
        self.operator = Some(self.run_operator().await?);
        Ok(())
    }

    /// Starts another operator, and returns the one that ran before.
    pub(crate) async fn start_another_operator(&mut self) -> anyhow::Result<Running> {
        let other = self.run_operator().await?;
        let before = self.operator.replace(other);
        before.context("no operator runs")
    }

    /// An answer of the operator's own listener.
    pub(crate) async fn ask_operator(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let operator = self.operator.as_ref().context("no operator runs")?;
        Ok(reqwest::get(format!("http://{}{path}", operator.metrics)).await?)
    }

    /// Sends a signal to the operator.
    pub(crate) fn signal_operator(&self, signal: &str) {
        self.operator.as_ref().unwrap().signal(signal);
    }

    async fn run_operator(&self) -> anyhow::Result<Running> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.operator_log())?;
        // Free at this moment; another process could take it, which has not happened yet.
        let metrics = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(embedded::spice().await?)
            .env("SPICE_LOG_LEVEL", "info")
            .args([
                "operator",
                "--resync-seconds",
                "2",
                "--api",
                self.api_path.url(),
            ])
            .arg("--metrics-listen")
            .arg(metrics.to_string())
            .arg("--kubeconfig")
            .arg(self.plane.kubeconfig())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("spice operator does not start")?;
        Ok(Running { child, metrics })
    }

    /// Kills the api, and starts it again on the same data.
    pub(crate) async fn restart_api(&mut self) -> anyhow::Result<()> {
        self.spice.restart().await?;
        self.gateway = self.spice.gateway()?;
        self.api_path.set_target(&self.spice.url("gateway")?);
        Ok(())
    }

    /// The data directory of the api.
    pub(crate) fn data_dir(&self) -> &Path {
        self.spice.directory()
    }

    pub(crate) fn kill_operator(&mut self) {
        self.operator = None;
    }

    fn operator_log(&self) -> PathBuf {
        self.files.path().join("operator.log")
    }

    /// The standard error of the operator.
    pub(crate) fn operator_errors(&self) -> String {
        std::fs::read_to_string(self.operator_log()).unwrap_or_default()
    }

    pub(crate) async fn install_definitions(&self) -> anyhow::Result<()> {
        let folder = spice_e2e::workspace().join("manifests/crds");
        let folder = folder.display().to_string();
        self.kubectl(&["apply", "--server-side", "-f", &folder])
            .await?;
        let established = [
            "wait",
            "--for=condition=Established",
            "crd",
            "--all",
            "--timeout=60s",
        ];
        self.kubectl(&established).await?;
        Ok(())
    }

    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.plane
            .kubectl(arguments)
            .await
            .with_context(|| self.operator_errors())
    }

    /// `kubectl apply`.
    pub(crate) async fn apply(&self, yaml: &str) -> anyhow::Result<String> {
        let file = self.file(yaml)?;
        self.kubectl(&["apply", "-f", &file]).await
    }

    /// `kubectl delete`, until all are gone.
    pub(crate) async fn delete(&self, yaml: &str) -> anyhow::Result<String> {
        let file = self.file(yaml)?;
        self.kubectl(&["delete", "-f", &file, "--timeout=60s"])
            .await
    }

    /// A file with this content, until the next call.
    pub(crate) fn file(&self, yaml: &str) -> anyhow::Result<String> {
        let path = self.files.path().join("objects.yaml");
        std::fs::write(&path, yaml)?;
        Ok(path.display().to_string())
    }

    pub(crate) async fn wait_all_ready(&self) -> anyhow::Result<()> {
        let wait = [
            "wait",
            "--for=condition=Ready",
            "spice",
            "--all",
            "--timeout=60s",
        ];
        self.kubectl(&wait).await?;
        Ok(())
    }

    pub(crate) fn api<K: Declared>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) async fn get<K: Declared>(&self, name: &str) -> anyhow::Result<K> {
        Ok(self.api::<K>().get(name).await?)
    }

    /// The object, once it is Ready at its newest generation.
    pub(crate) async fn wait_ready<K: Declared>(&self, name: &str) -> anyhow::Result<K> {
        self.wait_for(name, |object: &K| {
            let newest = object.meta().generation;
            let conditions = &object.status()?.conditions;
            let ready = conditions.iter().find(|c| c.kind == "Ready")?;
            let is_ready = format!("{:?}", ready.status) == "True";
            (is_ready && ready.observed_generation == newest).then(|| object.clone())
        })
        .await
    }

    /// The condition, once it has this status at the object's newest generation.
    pub(crate) async fn condition<K: Declared>(
        &self,
        name: &str,
        kind: &str,
        status: &str,
    ) -> anyhow::Result<Condition> {
        self.wait_for(name, |object: &K| {
            let newest = object.meta().generation;
            let conditions = &object.status()?.conditions;
            let found = conditions.iter().find(|c| c.kind == kind)?;
            let as_wanted = format!("{:?}", found.status) == status;
            (as_wanted && found.observed_generation == newest).then(|| found.clone())
        })
        .await
    }

    async fn wait_for<K: Declared, T>(
        &self,
        name: &str,
        look: impl Fn(&K) -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let object: K = self.get(name).await?;
            if let Some(seen) = look(&object) {
                return Ok(seen);
            }
            if Instant::now() >= deadline {
                bail!(
                    "{:?} at {:?}\n{}",
                    object.status(),
                    object.meta().generation,
                    self.operator_errors()
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kind and name of all objects, and their resource versions.
    pub(crate) async fn versions(&self) -> anyhow::Result<Vec<(String, String)>> {
        let path = "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
        let output = self.kubectl(&["get", "spice", "-o", path]).await?;
        let lines = output.lines().filter_map(|line| line.split_once(' '));
        let versions: Vec<_> = lines.map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        ensure!(!versions.is_empty(), "no objects");
        Ok(versions)
    }

    /// The last position of the demo's log.
    pub(crate) async fn positions(&self) -> anyhow::Result<u64> {
        let known = self.gateway.get("/api/v1/databases/demo_db").await?;
        known["data"]["position"].as_u64().context("no position")
    }

    /// A class of the demo, as the api has it.
    pub(crate) async fn class(&self, class: &str, branch: &str) -> anyhow::Result<Value> {
        let branch = branch.replace('/', "%2F");
        let path = format!("/api/v1/databases/demo_db/ontology/{class}?branch={branch}");
        Ok(self.gateway.get(&path).await?["data"].clone())
    }

    /// Changes a class in the api, bypassing Kubernetes.
    pub(crate) async fn change_class(&self, class: &str, change: &Value) -> anyhow::Result<()> {
        let known = self.class(class, "main").await?;
        let sequence = known["event_sequence"].as_u64().context("no sequence")?;
        let path = format!(
            "/api/v1/databases/demo_db/ontology/{class}?branch=main&expected_seq={sequence}"
        );
        let put = reqwest::Method::PUT;
        self.gateway
            .send(put, &path, &[], Some(change))
            .await?
            .ok()?;
        Ok(())
    }
}

/// Waits until `look` finds no problem.
pub(crate) async fn wait_until(what: &str, look: impl AsyncFn() -> anyhow::Result<()>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(fault) = look().await {
        assert!(Instant::now() < deadline, "{what}: {fault:#}");
        sleep(Duration::from_millis(50)).await;
    }
}
