//! The real binary as a separate process: started on a free port, killed, stopped, restarted on the
//! same data directory. It observes the process only from outside: its output, its exit code, its
//! HTTP.

mod binary;

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    sync::watch,
    time::{Instant, timeout},
};

pub use self::binary::{run, setting, spice, workspace};

/// Environment variables that would change what is tested.
const NOT_INHERITED: [&str; 20] = [
    "SPICE_DATA_DIR",
    "SPICE_LOG",
    "SPICE_BUS",
    "SPICE_REGISTRY",
    "SPICE_GRAPH",
    "SPICE_DOCUMENTS",
    "SPICE_HINTS",
    "SPICE_GATEWAY_LISTEN",
    "SPICE_OMS_LISTEN",
    "SPICE_FUNNEL_LISTEN",
    "SPICE_METRICS_LISTEN",
    "SPICE_TOKENS",
    "SPICE_ALLOW_ANONYMOUS",
    "SPICE_TOKEN_FILE",
    "SPICE_CA_FILE",
    "SPICE_TLS_CERT",
    "SPICE_TLS_KEY",
    "SPICE_METRICS_PLAIN",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "ENABLE_EVENT_SOURCING",
];

/// How to start the process.
#[derive(Debug, Clone)]
pub struct Options {
    /// The binary; by default the one that [`spice`] finds.
    pub binary: Option<PathBuf>,
    /// The command: `dev`, or `demo`, which runs the demo before it is ready.
    pub command: &'static str,
    /// The data directory; by default a temporary one.
    pub data_dir: Option<PathBuf>,
    /// More arguments.
    pub arguments: Vec<String>,
    /// More environment.
    pub environment: Vec<(String, String)>,
    /// The maximum time until `ready`.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            binary: None,
            command: "dev",
            data_dir: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            ready_within: Duration::from_mins(1),
        }
    }
}

/// `spice dev` on a data directory. The process is killed when this is dropped.
pub struct Process {
    options: Options,
    directory: PathBuf,
    _owned: Option<TempDir>,
    running: Option<Running>,
}

/// The output of the process so far.
#[derive(Debug, Clone, Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

struct Running {
    child: Child,
    said: watch::Receiver<Said>,
    errors: PathBuf,
    started: Instant,
}

impl Process {
    /// Starts the process and waits until it is ready.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let mut process = Self::spawn(options).await?;
        process.wait_ready().await?;
        Ok(process)
    }

    /// Starts the process and does not wait.
    pub async fn spawn(options: Options) -> anyhow::Result<Self> {
        let owned = match &options.data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("spice-e2e-").tempdir()?),
        };
        let directory = match (&options.data_dir, &owned) {
            (Some(directory), _) => directory.clone(),
            (None, Some(owned)) => owned.path().join("data"),
            (None, None) => bail!("a data directory is needed"),
        };
        let mut process = Self {
            options,
            directory,
            _owned: owned,
            running: None,
        };
        process.launch().await?;
        Ok(process)
    }

    /// Starts the process on the same directory, and does not wait: it may be killed while it
    /// starts.
    pub async fn launch(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() {
            bail!("the process was already started");
        }
        let errors_path = self.errors_path();
        if let Some(parent) = errors_path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&errors_path)?;
        let binary = match &self.options.binary {
            Some(binary) => binary,
            None => spice().await?,
        };
        let mut command = Command::new(binary);
        command
            .arg(self.options.command)
            .arg("--data-dir")
            .arg(&self.directory);
        for listener in ["--gateway-listen", "--oms-listen", "--funnel-listen"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command.args(&self.options.arguments);
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command.envs(self.options.environment.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true);
        let mut child = command.spawn().context("spice does not start")?;
        let stdout = child
            .stdout
            .take()
            .context("spice has no standard output")?;
        let (sender, said) = watch::channel(Said::default());
        tokio::spawn(collect_lines(stdout, sender));
        let started = Instant::now();
        self.running = Some(Running {
            child,
            said,
            errors: errors_path,
            started,
        });
        Ok(())
    }

    /// Waits until the process prints `ready`; returns the time since its start.
    pub async fn wait_ready(&mut self) -> anyhow::Result<Duration> {
        let limit = self.options.ready_within;
        let running = self.running()?;
        let is_over = |said: &Said| said.ended || said.lines.iter().any(|line| line == "ready");
        let late = timeout(limit, running.said.wait_for(is_over))
            .await
            .is_err();
        let took = running.started.elapsed();
        let said = running.said.borrow().clone();
        if said.lines.iter().any(|line| line == "ready") {
            return Ok(took);
        }
        let why = if late {
            "is not ready in time"
        } else {
            "ended before it was ready"
        };
        bail!(
            "spice {why}, after {took:?}: {}",
            running.describe_output(&said)
        )
    }

    /// Kills the process at any point (`kill -9`), and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("no process to kill")?;
        running.child.kill().await.context("kill -9")
    }

    /// Asks the process to stop (SIGTERM) and waits; returns its exit status and how long that
    /// took.
    pub async fn terminate(&mut self, limit: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
        let mut running = self.running.take().context("no process to end")?;
        let pid = running
            .child
            .id()
            .context("the process has ended already")?;
        let asked = Instant::now();
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -TERM {pid}"))
            .status()
            .await?;
        if !sent.success() {
            bail!("SIGTERM could not be sent to {pid}");
        }
        let Ok(status) = timeout(limit, running.child.wait()).await else {
            running.child.kill().await?;
            let told = running.said.borrow().clone();
            bail!(
                "spice still runs {limit:?} after SIGTERM: {}",
                running.describe_output(&told)
            );
        };
        Ok((status?, asked.elapsed()))
    }

    /// Starts again on the same directory, after a kill or a stop, and waits until ready.
    pub async fn restart(&mut self) -> anyhow::Result<Duration> {
        if self.running.is_some() {
            self.kill().await?;
        }
        self.launch().await?;
        self.wait_ready().await
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.running
            .as_mut()
            .is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    /// The process id.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().and_then(|running| running.child.id())
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The URL that the process printed for a listener.
    pub fn url(&self, listener: &str) -> anyhow::Result<String> {
        let running = self.running.as_ref().context("no process runs")?;
        let said = running.said.borrow();
        said.lines
            .iter()
            .filter_map(|line| line.split_once(char::is_whitespace))
            .find(|(name, _)| *name == listener)
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .map(str::to_owned)
            .with_context(|| format!("no line about {listener} in {:?}", said.lines))
    }

    /// The lines on standard output so far.
    pub fn stdout_lines(&self) -> Vec<String> {
        self.running
            .as_ref()
            .map(|running| running.said.borrow().lines.clone())
            .unwrap_or_default()
    }

    /// The standard error of all processes on this directory so far.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.errors_path()).unwrap_or_default()
    }

    fn errors_path(&self) -> PathBuf {
        let mut name = self.directory.file_name().unwrap_or_default().to_owned();
        name.push(".stderr");
        self.directory.with_file_name(name)
    }

    fn running(&mut self) -> anyhow::Result<&mut Running> {
        self.running.as_mut().context("no process runs")
    }
}

impl Running {
    fn describe_output(&self, said: &Said) -> String {
        format!("it said {:?} and wrote\n{}", said.lines, tail(&self.errors))
    }
}

/// Collects lines until the output ends; the pipe must be read, or the process would block.
async fn collect_lines(stdout: ChildStdout, sender: watch::Sender<Said>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        sender.send_modify(|said| said.lines.push(line.trim().to_owned()));
    }
    sender.send_modify(|said| said.ended = true);
}

fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
