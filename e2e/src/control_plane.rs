//! A real Kubernetes control plane for tests: etcd and the API server (and optionally the
//! controller manager) as plain processes on loopback ports. No root, no container, no node.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    binaries::{Binaries, run},
    certificates::{self, Authority, Certificate},
};

/// A control plane; its processes end when it is dropped.
pub struct ControlPlane {
    processes: Vec<Process>,
    binaries: Binaries,
    directory: TempDir,
    ports: Ports,
}

/// The parts that run in addition to etcd and the API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Deletes namespaces and collects garbage.
    pub controller_manager: bool,
}

struct Ports {
    etcd: u16,
    peer: u16,
    api_server: u16,
    controller_manager: u16,
}

struct Process {
    name: &'static str,
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        // If it has already exited, there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ControlPlane {
    /// Starts a control plane, or says why that is impossible here. Then the test `name` is
    /// skipped, except with `CI=true`, where nothing may be skipped.
    pub async fn start_or_skip(name: &str, options: Options) -> anyhow::Result<Option<Self>> {
        match Binaries::find_or_skip(name).await? {
            Some(binaries) => Self::start_with(binaries, options).await.map(Some),
            None => Ok(None),
        }
    }

    /// Starts etcd and the API server.
    pub async fn start() -> anyhow::Result<Self> {
        let found = Binaries::find_or_build().await?;
        let binaries = found.context("there is no Go to build Kubernetes")?;
        Self::start_with(binaries, Options::default()).await
    }

    async fn start_with(binaries: Binaries, options: Options) -> anyhow::Result<Self> {
        let mut plane = Self {
            processes: Vec::new(),
            binaries,
            directory: tempfile::Builder::new().prefix("spice-k8s-").tempdir()?,
            ports: Ports::find_free()?,
        };
        plane.certify()?;
        plane.start_etcd()?;
        plane.start_api_server()?;
        plane.wait_ready(Duration::from_mins(2)).await?;
        if options.controller_manager {
            plane.start_controller_manager()?;
        }
        Ok(plane)
    }

    /// The kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("admin.kubeconfig")
    }

    /// A client with the administrator's rights.
    pub async fn client(&self) -> anyhow::Result<kube::Client> {
        let kubeconfig = kube::config::Kubeconfig::read_from(self.kubeconfig())?;
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        Ok(kube::Client::try_from(config)?)
    }

    /// Runs `kubectl` and returns what it printed; an error if it failed.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.tool("kubectl", arguments).await
    }

    /// Runs `helm` and returns what it printed; an error if it failed.
    pub async fn helm(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.tool("helm", arguments).await
    }

    /// The path of a program of the control plane, such as `kubectl`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.path(name)
    }

    async fn tool(&self, name: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.binaries.tool(name, &self.kubeconfig());
        command.args(arguments).env("HOME", self.directory.path());
        run(command).await
    }

    /// Stops the API server and starts it again on the same port with the same state.
    pub async fn restart_api_server(&mut self) -> anyhow::Result<()> {
        self.processes
            .retain(|process| process.name != "kube-apiserver");
        self.start_api_server()?;
        self.wait_ready(Duration::from_mins(2)).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn certify(&self) -> anyhow::Result<()> {
        let authority = Authority::new()?;
        std::fs::write(self.path("ca.crt"), authority.certificate())?;
        let names = [
            "127.0.0.1",
            "localhost",
            "10.96.0.1",
            "kubernetes.default.svc",
        ];
        let server = authority.issue("kube-apiserver", None, &names)?;
        self.write_certificate("apiserver", &server)?;
        let admin = authority.issue("admin", Some("system:masters"), &[])?;
        self.write_kubeconfig("admin", &authority, &admin)?;
        let manager = authority.issue("system:kube-controller-manager", None, &[])?;
        self.write_kubeconfig("controller-manager", &authority, &manager)?;
        let (private, public) = certificates::signing_key()?;
        std::fs::write(self.path("sa.key"), private)?;
        std::fs::write(self.path("sa.pub"), public)?;
        Ok(())
    }

    fn write_certificate(&self, name: &str, certificate: &Certificate) -> anyhow::Result<()> {
        std::fs::write(self.path(&format!("{name}.crt")), &certificate.certificate)?;
        std::fs::write(self.path(&format!("{name}.key")), &certificate.key)?;
        Ok(())
    }

    fn write_kubeconfig(
        &self,
        name: &str,
        authority: &Authority,
        certificate: &Certificate,
    ) -> anyhow::Result<()> {
        let url = format!("https://127.0.0.1:{}", self.ports.api_server);
        let text = certificates::kubeconfig(&url, &authority.certificate(), certificate);
        std::fs::write(self.path(&format!("{name}.kubeconfig")), text)?;
        Ok(())
    }

    fn start_etcd(&mut self) -> anyhow::Result<()> {
        let client = format!("http://127.0.0.1:{}", self.ports.etcd);
        let peer = format!("http://127.0.0.1:{}", self.ports.peer);
        let arguments = [
            format!("--data-dir={}", self.path("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--unsafe-no-fsync".to_owned(),
        ];
        self.spawn("etcd", &arguments)
    }

    fn start_api_server(&mut self) -> anyhow::Result<()> {
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.path(name).display());
        let arguments = [
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd),
            format!("--secure-port={}", self.ports.api_server),
            "--bind-address=127.0.0.1".to_owned(),
            // No server listens there; a loopback address would be refused.
            "--advertise-address=198.18.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            file("cert-dir", "certificates"),
            file("tls-cert-file", "apiserver.crt"),
            file("tls-private-key-file", "apiserver.key"),
            file("client-ca-file", "ca.crt"),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            file("service-account-key-file", "sa.pub"),
            file("service-account-signing-key-file", "sa.key"),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
        ];
        self.spawn("kube-apiserver", &arguments)
    }

    fn start_controller_manager(&mut self) -> anyhow::Result<()> {
        let kubeconfig = self
            .path("controller-manager.kubeconfig")
            .display()
            .to_string();
        let arguments = [
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            "--use-service-account-credentials=true".to_owned(),
            format!(
                "--service-account-private-key-file={}",
                self.path("sa.key").display()
            ),
            format!("--root-ca-file={}", self.path("ca.crt").display()),
            format!("--cert-dir={}", self.path("certificates").display()),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.ports.controller_manager),
        ];
        self.spawn("kube-controller-manager", &arguments)
    }

    fn spawn(&mut self, name: &'static str, arguments: &[String]) -> anyhow::Result<()> {
        let output = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(&format!("{name}.log")))?;
        let child = Command::new(self.binaries.path(name))
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        self.processes.push(Process { name, child });
        Ok(())
    }

    async fn wait_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let Err(last) = self.kubectl(&["get", "--raw", "/readyz"]).await else {
                return Ok(());
            };
            let over = Instant::now() >= deadline;
            for process in &mut self.processes {
                if over || process.child.try_wait()?.is_some() {
                    let log = tail(&self.directory.path().join(format!("{}.log", process.name)));
                    bail!(
                        "the control plane is not ready: {last}; {}:\n{log}",
                        process.name
                    );
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Ports {
    /// Ports that were free a moment ago.
    fn find_free() -> anyhow::Result<Self> {
        let listeners = (0..4)
            .map(|_| TcpListener::bind("127.0.0.1:0"))
            .collect::<Result<Vec<_>, _>>()?;
        let port =
            |index: usize| -> anyhow::Result<u16> { Ok(listeners[index].local_addr()?.port()) };
        Ok(Self {
            etcd: port(0)?,
            peer: port(1)?,
            api_server: port(2)?,
            controller_manager: port(3)?,
        })
    }
}

fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
