//! The shell of a reader: an empty folder, `spice` on the path, free ports.

use std::{net::TcpListener, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::page::{Step, matches};

/// The maximum time for a block, and for a server to become ready.
const PATIENCE: Duration = Duration::from_mins(2);
/// The interval for checking whether a server, which is a separate process, is ready.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A shell that follows one page.
pub(crate) struct Session {
    folder: TempDir,
    path: String,
    /// Gateway, oms and funnel: the ports in the pages, and the real ones.
    ports: [(u16, u16); 3],
    /// Assignments for later blocks.
    memory: String,
    servers: Vec<Child>,
    /// More variables of the environment.
    variables: Vec<(&'static str, String)>,
}

impl Session {
    /// Creates a session.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let binary = spice_e2e::embedded::spice().await?;
        let folder = binary.parent().context("the binary is in no folder")?;
        let path = spice_e2e::embedded::setting("PATH").unwrap_or_default();
        Ok(Self {
            folder: tempfile::Builder::new().prefix("spice-doc-").tempdir()?,
            path: format!("{}:{path}", folder.display()),
            ports: [
                (8002, find_free_port()?),
                (8000, find_free_port()?),
                (8003, find_free_port()?),
            ],
            memory: String::new(),
            servers: Vec::new(),
            variables: Vec::new(),
        })
    }

    /// Puts a cluster within reach: `kubectl` with its plugin on the path, and its kubeconfig.
    pub(crate) async fn reach_cluster(
        &mut self,
        kubectl: &Path,
        kubeconfig: &Path,
    ) -> anyhow::Result<()> {
        let plugin = self.folder.path().join(".bin/kubectl-spice");
        let folder = plugin.parent().context("no folder")?;
        std::fs::create_dir(folder)?;
        std::os::unix::fs::symlink(spice_e2e::embedded::spice().await?, &plugin)?;
        let tools = kubectl.parent().context("kubectl is in no folder")?;
        self.path = format!("{}:{}:{}", folder.display(), tools.display(), self.path);
        let kubeconfig = kubeconfig.display().to_string();
        self.variables.push(("KUBECONFIG", kubeconfig));
        Ok(())
    }

    /// Starts commands beside the servers.
    pub(crate) fn run_beside(&mut self, commands: &str) -> anyhow::Result<()> {
        let mut shell = self.shell(&format!("exec {commands}"));
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        self.servers.push(shell.kill_on_drop(true).spawn()?);
        Ok(())
    }

    /// Copies a folder into the session's folder.
    pub(crate) async fn copy_folder(&self, folder: &Path) -> anyhow::Result<()> {
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(folder).arg(self.folder.path());
        ensure!(
            copy.status().await?.success(),
            "{} cannot be copied",
            folder.display()
        );
        Ok(())
    }

    /// Runs a block.
    pub(crate) async fn run(&mut self, step: &Step) -> anyhow::Result<()> {
        if step.is_server {
            return self.serve(step).await;
        }
        let output = timeout(PATIENCE, self.shell(&self.script(step)).output())
            .await
            .context("the block does not end")??;
        let printed = self.normalize_output(&output.stdout);
        ensure!(
            output.status.success(),
            "{}\nfailed ({}):\n{printed}{}",
            step.commands,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        if let Some(said) = &step.output {
            ensure!(
                matches(said, &printed),
                "{}\nprinted\n{printed}\nand not\n{said}\n{}",
                step.commands,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        self.remember(&step.commands);
        Ok(())
    }

    async fn serve(&mut self, step: &Step) -> anyhow::Result<()> {
        for mut earlier in self.servers.drain(..) {
            earlier.kill().await?;
        }
        let (before, last) = step
            .commands
            .rsplit_once('\n')
            .unwrap_or(("", &step.commands));
        let script = format!("{before}\nexec {last}");
        let mut shell = self.shell(&script);
        let child = shell
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        self.servers.push(child);
        let began = Instant::now();
        let url = format!("http://127.0.0.1:{}/readyz", self.ports[0].1);
        let client = spice_client::http_builder().build()?;
        while !client
            .get(&url)
            .send()
            .await
            .is_ok_and(|it| it.status().is_success())
        {
            if began.elapsed() > PATIENCE {
                bail!("{} is not ready", step.commands);
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    fn script(&self, step: &Step) -> String {
        format!("{}{}\n", self.memory, self.replace_ports(&step.commands))
    }

    fn shell(&self, script: &str) -> Command {
        let [(_, gateway), (_, oms), (_, funnel)] = self.ports;
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("SPICE_GATEWAY_LISTEN", format!("127.0.0.1:{gateway}"))
            .env("SPICE_OMS_LISTEN", format!("127.0.0.1:{oms}"))
            .env("SPICE_FUNNEL_LISTEN", format!("127.0.0.1:{funnel}"))
            .env("SPICE_SERVER", format!("http://127.0.0.1:{gateway}"))
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Later blocks get the assignments of earlier ones: `api=http://…` alone on a line.
    fn remember(&mut self, commands: &str) {
        for line in self.replace_ports(commands).lines() {
            let name = line.split('=').next().unwrap_or_default();
            let is_name = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            };
            if line.contains('=') && is_name(name) && !line.contains("$(") {
                self.memory.push_str(line);
                self.memory.push('\n');
            }
        }
    }

    fn replace_ports(&self, text: &str) -> String {
        self.ports
            .iter()
            .fold(text.to_owned(), |text, (page, here)| {
                text.replace(&format!("localhost:{page}"), &format!("localhost:{here}"))
                    .replace(&format!("127.0.0.1:{page}"), &format!("127.0.0.1:{here}"))
            })
    }

    fn normalize_output(&self, printed: &[u8]) -> String {
        let printed = String::from_utf8_lossy(printed).into_owned();
        self.ports.iter().fold(printed, |text, (page, here)| {
            text.replace(&format!("127.0.0.1:{here}"), &format!("127.0.0.1:{page}"))
        })
    }
}

fn find_free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
