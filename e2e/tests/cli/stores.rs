//! Each store is where its URL says, for every command, and a wrong URL is explained without its secrets.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::json;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, StreamId},
    port::{
        Store,
        graph::{Entity, Graph},
        sink::Sinks,
    },
};
use spice_e2e::embedded::{Embedded, Options, spice};
use spice_store_sqlite::{Claim, Location, Mode, SqliteGraph};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{ChildStdout, Command},
    time::timeout,
};

use crate::shell::CommandResult;

/// The longest time that a command may take.
const PATIENCE: Duration = Duration::from_mins(1);
const FREE_PORTS: &str =
    "--gateway-listen 127.0.0.1:0 --oms-listen 127.0.0.1:0 --funnel-listen 127.0.0.1:0";

/// A folder with a config file that names some stores; the environment and flags name others.
struct Places {
    _folder: TempDir,
    root: PathBuf,
}

impl Places {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let places = Self {
            _folder: folder,
            root,
        };
        let text = format!(
            "[stores]\nlog = 'dir://{0}/logs'\nbus = 'local:'\nregistry = 'sqlite://{0}/r/registry.sqlite'\n\
             graph = 'sqlite://{0}/graph-of-the-file.sqlite'\n",
            places.root.display()
        );
        fs::write(places.root.join("spice.toml"), text).unwrap();
        places
    }

    fn sqlite(&self, name: &str) -> String {
        format!("sqlite://{}/{name}.sqlite", self.root.display())
    }

    fn environment(&self) -> Vec<(String, String)> {
        [
            ("SPICE_GRAPH", self.sqlite("graph")),
            (
                "SPICE_DOCUMENTS",
                self.sqlite("documents-of-the-environment"),
            ),
        ]
        .map(|(name, url)| (name.to_owned(), url))
        .to_vec()
    }

    fn flags(&self) -> Vec<String> {
        let config = self.root.join("spice.toml").display().to_string();
        vec!["--config".to_owned(), config]
    }

    async fn run(&self, line: &str) -> CommandResult {
        let mut command = Command::new(spice().await.unwrap());
        command.args(line.split(' ')).args(self.flags());
        command.envs(self.environment());
        run(command).await
    }
}

async fn run(mut command: Command) -> CommandResult {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, output).await.unwrap();
    CommandResult::of(&output.unwrap())
}

/// A command on the stores of a data directory.
async fn on_directory(directory: &Path, line: &str) -> Command {
    let mut command = Command::new(spice().await.unwrap());
    command.args(line.split(' '));
    command.arg("--data-dir").arg(directory);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works_on_the_stores_that_are_named() {
    let places = Places::new();
    let documents = places.sqlite("documents");
    let mut arguments = places.flags();
    arguments.extend(["--documents".to_owned(), documents.clone()]);
    let mut server = Embedded::start(Options {
        data_dir: Some(places.root.join("data")),
        arguments,
        environment: places.environment(),
        ..Options::default()
    })
    .await
    .unwrap();
    let gateway = server.gateway().unwrap();
    gateway.create_database("shop").await.unwrap();
    let class = json!({"id": "Item", "label": "Item", "properties": [
        {"name": "sku", "type": "string", "primaryKey": true},
    ]});
    gateway.create_class("shop", &class).await.unwrap();
    for path in [
        "logs/shop",
        "r/registry.sqlite",
        "graph.sqlite",
        "documents.sqlite",
    ] {
        assert!(places.root.join(path).exists(), "{path}");
    }
    for path in [
        "data/log",
        "data/registry.sqlite",
        "graph-of-the-file.sqlite",
        "documents-of-the-environment.sqlite",
    ] {
        assert!(!places.root.join(path).exists(), "{path}");
    }

    let all = |line: &str| format!("{line} --documents {documents}");
    // Beside the server, then without it.
    for owned in [false, true] {
        let verified = places.run(&all("verify")).await.ok();
        assert!(
            verified.contains("shop: 1 graph entities, 1 documents"),
            "{verified}"
        );
        let lines = places.run("log cat shop").await.ok();
        assert!(lines.contains("CLASS_CREATED"), "{lines}");
        let checked = places.run("log verify").await.ok();
        assert!(checked.contains("shop: "), "{checked}");
        let audited = places.run(&all("audit verify")).await.ok();
        assert!(audited.contains("the documents up to"), "{audited}");
        assert!(places.run(&all("audit head")).await.ok().contains("shop"));
        let replayed = places.run(&all("replay --database shop")).await.ok();
        assert_eq!(
            replayed.contains("another process owns the log"),
            !owned,
            "{replayed}"
        );
        assert!(replayed.contains("is live"), "{replayed}");
        if !owned {
            let (status, _) = server.terminate(Duration::from_secs(30)).await.unwrap();
            assert!(status.success());
        }
    }
    places.run(&all("verify --repair")).await.ok();
    let accepted = places
        .run(&all("audit accept-truncation -d shop"))
        .await
        .ok();
    assert!(accepted.contains("nothing is lost"), "{accepted}");
    fs::write(places.root.join("logs/shop/.tmp-notes"), "mine").unwrap();
    let checked = places.run("log verify").await.ok();
    assert!(
        checked.contains("foreign: ") && checked.contains(".tmp-notes: does not"),
        "{checked}"
    );
}

/// Stops a process, or has it go on.
async fn signal(signal: &str, pid: u32) {
    let mut kill = Command::new("kill");
    kill.args([signal, &pid.to_string()]);
    assert!(kill.status().await.unwrap().success());
}

/// Reads what a command prints until a line contains a text.
async fn read_until(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) {
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap();
            assert!(line.is_some(), "it has ended without {text:?}");
            if line.is_some_and(|line| line.contains(text)) {
                return;
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_goes_on_when_the_process_that_rebuilds_is_killed() {
    let mut server = Embedded::start(Options::default()).await.unwrap();
    let gateway = server.gateway().unwrap();
    gateway.create_database("shop").await.unwrap();
    // It holds the lock and does nothing.
    signal("-STOP", server.pid().unwrap()).await;
    let mut command = on_directory(server.directory(), "replay").await;
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut replay = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(replay.stdout.take().unwrap()).lines();
    read_until(&mut lines, "another process owns the log").await;

    // One store is free a moment later than the log.
    signal("-STOP", replay.id().unwrap()).await;
    server.kill().await.unwrap();
    let registry = server.directory().join("registry.sqlite");
    let claim = Claim::take(Store::Registry, &registry).unwrap();
    signal("-CONT", replay.id().unwrap()).await;
    read_until(&mut lines, "that process has ended; this one goes on").await;
    // It opens the stores for the first time after half a second, and prints nothing.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    drop(claim);
    read_until(&mut lines, "graph matches the log and is live now").await;
    read_until(&mut lines, "documents matches the log and is live now").await;
    let status = timeout(PATIENCE, replay.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_appends_is_refused_beside_a_process_that_does() {
    let server = Embedded::start(Options::default()).await.unwrap();
    let gateway = server.gateway().unwrap();
    gateway.create_database("shop").await.unwrap();
    let pid = server.pid().unwrap();
    for line in [
        "audit accept-truncation -d shop".to_owned(),
        format!("dev {FREE_PORTS}"),
        format!("demo {FREE_PORTS}"),
    ] {
        let refused = run(on_directory(server.directory(), &line).await).await;
        let error = refused.fails(1);
        let owner = format!("another process (pid {pid}) has this directory open");
        assert!(error.contains(&owner), "{line}: {error}");
    }
    let repaired = on_directory(server.directory(), "verify --repair").await;
    run(repaired).await.ok();
    gateway.create_database("still-served").await.unwrap();
}

#[tokio::test]
async fn a_difference_names_its_branch_and_is_repaired() {
    let mut server = Embedded::start(Options::default()).await.unwrap();
    let gateway = server.gateway().unwrap();
    gateway.create_database("shop").await.unwrap();
    let class = json!({"id": "Item", "label": "Item", "properties": [
        {"name": "sku", "type": "string", "primaryKey": true},
    ]});
    gateway.create_class("shop", &class).await.unwrap();
    let verify = |line: &'static str| on_directory(server.directory(), line);
    run(verify("verify").await).await.ok();
    server.terminate(Duration::from_secs(30)).await.unwrap();
    let file = Location::Kept(server.directory().join("graph.sqlite"));
    let graph = SqliteGraph::open(&file, Mode::Threads, Guards::default()).unwrap();
    let shop: StreamId = "shop".parse().unwrap();
    let live = graph.sink(&shop).await.unwrap().generation;
    let lost = [Entity::Class("Item".parse().unwrap())];
    let removed = graph.remove(&shop, &live, BranchGeneration::MAIN, &lost);
    removed.await.unwrap();
    drop(graph);

    let verify = |line: &'static str| on_directory(server.directory(), line);
    let shown = run(verify("verify").await).await;
    assert_eq!(shown.code, 1, "{}{}", shown.out, shown.err);
    let row = shown.out.lines().find(|line| line.starts_with("graph "));
    let words: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
    let expected = ["graph", "main", "class", "Item", "missing", "1", "-", "-"];
    assert_eq!(words, expected, "{}", shown.out);
    let repaired = run(verify("verify --repair").await).await.ok();
    assert!(repaired.contains("repaired: 1 entities"), "{repaired}");
    run(verify("verify").await).await.ok();
    let graph = server.directory().join("graph.sqlite");
    fs::remove_file(&graph).unwrap();
    let error = run(verify("verify").await).await.fails(6);
    assert!(error.contains("graph.sqlite does not exist"), "{error}");
    assert!(!graph.exists(), "a comparison creates nothing");
}

#[tokio::test]
async fn a_replay_or_a_comparison_of_no_database_has_the_exit_code_of_what_is_not_found() {
    let mut server = Embedded::start(Options::default()).await.unwrap();
    let gateway = server.gateway().unwrap();
    gateway.create_database("shop").await.unwrap();
    server.terminate(Duration::from_secs(30)).await.unwrap();
    for line in ["replay --database nope", "verify --database nope"] {
        let command = on_directory(server.directory(), line).await;
        let error = run(command).await.fails(3);
        assert!(error.contains("\"nope\""), "{error}");
    }
}

#[tokio::test]
async fn a_log_that_is_not_there_has_one_exit_code_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    for line in [
        "log cat shop",
        "log verify",
        "audit head",
        "audit verify",
        "audit accept-truncation -d shop",
        "verify",
        "verify --repair",
        "replay",
    ] {
        let error = run(on_directory(&elsewhere, line).await).await.fails(3);
        assert!(error.contains("there is no log at"), "{line}: {error}");
        assert!(!elsewhere.exists(), "{line}: a wrong place is not created");
    }
}

#[tokio::test]
async fn a_wrong_url_is_named_with_its_rule_and_without_its_secrets() {
    let spice = spice().await.unwrap();
    let cases = [
        (
            "dev",
            "--log",
            "ftp://host/log",
            "unknown scheme `ftp`; this build supports dir (",
        ),
        (
            "verify",
            "--registry",
            "postgres://u:hunter2@db/x",
            "the cargo feature `cluster`",
        ),
        (
            "replay",
            "--graph",
            "sqlite:graph.sqlite",
            "the path must be absolute",
        ),
        (
            "log verify",
            "--log",
            "dir:///tmp/log?sync=no",
            "unknown parameter",
        ),
        ("audit head", "--documents", "sqlite:///tmp/a#b", "%23"),
    ];
    for (line, flag, url, rule) in cases {
        let mut command = Command::new(spice);
        command.args(line.split(' ')).args([flag, url]);
        let error = run(command).await.fails(2);
        let setting = flag.trim_start_matches('-');
        assert!(error.contains(&format!("{setting} = \"")), "{error}");
        assert!(error.contains(rule), "{error}");
        assert!(error.contains("`spice config` shows"), "{error}");
        assert!(!error.contains("u:hunter2"), "{error}");
    }
    let url = "sqlite:///tmp/one.sqlite";
    let mut command = Command::new(spice);
    command.args(["verify", "--graph", url, "--documents", url]);
    let error = run(command).await.fails(2);
    assert!(
        error.contains("graph and documents both name /tmp/one.sqlite"),
        "{error}"
    );

    // Neither the settings nor the help show a password.
    for (line, shown) in [
        ("config", "postgres://u:***@db/x"),
        ("dev --help", "SPICE_REGISTRY"),
    ] {
        let mut command = Command::new(spice);
        command
            .args(line.split(' '))
            .env("SPICE_REGISTRY", "postgres://u:hunter2@db/x");
        let text = run(command).await.ok();
        assert!(text.contains(shown) && !text.contains("hunter2"), "{text}");
    }
}
