//! A real Kubernetes cluster with a node for tests: one that `e2e/kubernetes/up` runs, with the image
//! of the binary in it, or the one that `SPICE_KUBECONFIG` names.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::Mutex,
    time::timeout,
};

use crate::{
    binaries::{Binaries, run},
    embedded::{setting, spice},
    skip::report,
    workspace,
};

/// The image of the binary.
const IMAGE: &str = "localhost/spice:dev";
/// The image with `cp`, `tar` and `sleep`.
const TOOLS: &str = "localhost/tools:dev";
/// The longest time that an own node may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(5);

/// A cluster with a node. One that was started here ends when this is dropped, or with this process.
pub struct Node {
    kubeconfig: PathBuf,
    /// The folders of `kubectl`, `helm` and `spice`, and the usual ones.
    search: OsString,
    image: String,
    tools: String,
    // Before its directory.
    own: Option<Mutex<Own>>,
    directory: TempDir,
}

/// A port of a Service on this machine, until this is dropped.
pub struct Forward {
    /// `http://127.0.0.1:…`
    pub url: String,
    _child: Child,
    // kubectl ends if it cannot write.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Node {
    /// The cluster. If this machine cannot run one, the reason is reported and there is none.
    pub async fn start_or_skip(name: &str) -> anyhow::Result<Option<Self>> {
        let given = setting("SPICE_KUBECONFIG").map(PathBuf::from);
        if given.is_none() {
            let mut prepare = Command::new(workspace().join("e2e/kubernetes/prepare"));
            let output = prepare.stdin(Stdio::null()).output().await?;
            if !output.status.success() {
                report(name, String::from_utf8_lossy(&output.stdout).trim());
                return Ok(None);
            }
        }
        let Some(binaries) = Binaries::find_or_skip(name).await? else {
            return Ok(None);
        };
        let image = |variable, usual: &str| setting(variable).unwrap_or_else(|| usual.to_owned());
        let directory = tempfile::Builder::new().prefix("spice-node-").tempdir()?;
        let state = directory.path().join("state");
        let own = match given {
            Some(_) => None,
            None => Some(Own::start(directory.path(), &state).await?),
        };
        let folder = spice().await?.parent();
        let folder = folder.context("the binary is in no folder")?;
        let mut folders = vec![binaries.path(""), folder.to_owned()];
        folders.extend(env::split_paths(&setting("PATH").unwrap_or_default()));
        Ok(Some(Self {
            search: env::join_paths(folders)?,
            kubeconfig: given.unwrap_or_else(|| state.join("admin.kubeconfig")),
            image: image("SPICE_IMAGE", IMAGE),
            tools: image("SPICE_TOOLS_IMAGE", TOOLS),
            own: own.map(Mutex::new),
            directory,
        }))
    }

    /// The repository and the tag of the binary's image.
    pub fn image(&self) -> (&str, &str) {
        let split = self.image.rsplit_once(':');
        split.unwrap_or((&self.image, "latest"))
    }

    /// An image with `cp`, `tar` and `sleep`.
    pub fn tools(&self) -> &str {
        &self.tools
    }

    /// A shell that finds `kubectl`, `helm` and `spice`, in the checkout.
    pub fn shell(&self) -> Command {
        let mut shell = Command::new("bash");
        shell
            .current_dir(workspace())
            .env("PATH", &self.search)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self.directory.path());
        shell
    }

    /// Runs commands and returns what they printed; an error if one failed.
    pub async fn run(&self, commands: &str) -> anyhow::Result<String> {
        let mut shell = self.shell();
        shell.args(["-euo", "pipefail", "-c", commands]);
        run(shell).await
    }

    /// Kills the container of a pod, which starts again; in another cluster than an own one, deletes
    /// the pod without waiting.
    pub async fn kill(&self, namespace: &str, pod: &str) -> anyhow::Result<()> {
        if self.own.is_none() {
            let delete = "delete --grace-period=0 --force";
            self.run(&format!("kubectl -n {namespace} {delete} {pod}"))
                .await?;
            return Ok(());
        }
        let socket = self.directory.path().join("state/containerd.sock");
        let id = "jsonpath={.status.containerStatuses[0].containerID}";
        self.run(&format!(
            "id=$(kubectl -n {namespace} get {pod} -o '{id}')
            ctr --address {} --namespace k8s.io task kill --signal KILL ${{id#containerd://}}",
            socket.display()
        ))
        .await?;
        Ok(())
    }

    /// Kills the API server and starts it again; false if the cluster is not this machine's.
    pub async fn restart_api_server(&self) -> anyhow::Result<bool> {
        let Some(own) = &self.own else {
            return Ok(false);
        };
        own.lock().await.restart("apiserver").await?;
        Ok(true)
    }

    /// A file with this content, until the next call with its name.
    pub fn file(&self, name: &str, content: &str) -> anyhow::Result<String> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content)?;
        Ok(path.display().to_string())
    }

    /// Makes the gateway of a Service reachable from here.
    pub async fn forward(&self, namespace: &str, service: &str) -> anyhow::Result<Forward> {
        let mut command = self.shell();
        let forward = format!("exec kubectl -n {namespace} port-forward service/{service} :8002");
        command.args(["-c", &forward]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let output = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let line = timeout(Duration::from_secs(30), lines.next_line()).await??;
        let line = line.context("kubectl port-forward ends")?;
        // Forwarding from 127.0.0.1:40123 -> 8002
        let address = line.split_whitespace().nth(2);
        let address = address.with_context(|| format!("no address in {line:?}"))?;
        Ok(Forward {
            url: format!("http://{address}"),
            _child: child,
            _output: lines,
        })
    }
}

/// `e2e/kubernetes/up`. It ends the node when its input ends, so with this process too.
struct Own {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Own {
    /// Starts a node that knows the images, and waits until it is ready.
    async fn start(directory: &Path, state: &Path) -> anyhow::Result<Self> {
        let tools = ["cp", "tar", "sleep"].map(find_program);
        let spice = pack(directory, "spice", IMAGE, &[spice().await?]).await?;
        let tools = pack(directory, "tools", TOOLS, &tools).await?;
        let errors = directory.join("up.log");
        let mut up = Command::new(workspace().join("e2e/kubernetes/up"));
        up.arg(state).arg(spice).arg(tools);
        up.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&errors)?);
        let mut child = up.spawn().context("e2e/kubernetes/up does not start")?;
        let output = child.stdout.take().context("no output")?;
        let mut own = Self {
            child,
            lines: BufReader::new(output).lines(),
        };
        match timeout(PATIENCE, own.wait_for("ready")).await {
            Ok(Ok(())) => Ok(own),
            _ => bail!("e2e/kubernetes/up: {}", std::fs::read_to_string(errors)?),
        }
    }

    /// Kills a part of the node and starts it again.
    async fn restart(&mut self, part: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("no input")?;
        input
            .write_all(format!("restart {part}\n").as_bytes())
            .await?;
        timeout(PATIENCE, self.wait_for("restarted")).await?
    }

    /// Reads its output up to this line.
    async fn wait_for(&mut self, end: &str) -> anyhow::Result<()> {
        while let Some(line) = self.lines.next_line().await? {
            if line == end {
                return Ok(());
            }
        }
        bail!("the node ends")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        for _ in 0..PATIENCE.as_secs() * 20 {
            let Ok(None) = self.child.try_wait() else {
                return;
            };
            thread::sleep(Duration::from_millis(50));
        }
        // The kernel ends the node with it, but some of its folders remain.
        let _ = self.child.start_kill();
    }
}

/// Packs programs of this machine into an image.
async fn pack(
    directory: &Path,
    file: &str,
    name: &str,
    programs: &[impl AsRef<Path>],
) -> anyhow::Result<PathBuf> {
    let path = directory.join(file).with_extension("tar");
    let mut pack = Command::new(workspace().join("image/pack"));
    pack.arg(&path).arg(name);
    pack.args(programs.iter().map(AsRef::as_ref));
    run(pack).await?;
    Ok(path)
}

/// The path of a program of this machine.
fn find_program(name: &str) -> PathBuf {
    let folders = ["/usr/bin", "/bin"].map(Path::new);
    let found = folders.into_iter().map(|folder| folder.join(name));
    let mut existing = found.filter(|path| path.is_file());
    existing.next().unwrap_or_else(|| PathBuf::from(name))
}
