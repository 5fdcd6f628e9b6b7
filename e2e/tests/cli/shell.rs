//! A server, with a shell that uses it.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use spice_client::{Change, Client, Write};
use spice_e2e::embedded::{Embedded, Options, spice};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// A database with a class that refers to another.
pub(crate) const SHOP: &str = "\
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: shop}
spec: {description: what is for sale}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: client}
spec:
  databaseRef: {name: shop}
  classes:
    - name: Client
      properties:
        - {name: client_id, type: string, primaryKey: true, required: true}
        - {name: name, type: string}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: product}
spec:
  databaseRef: {name: shop}
  classes:
    - name: Product
      properties:
        - {name: product_id, type: string, primaryKey: true, required: true}
        - {name: name, type: string}
        - {name: price, type: decimal, constraints: {min: 0}}
      relationships:
        - {predicate: owned_by, target: Client, label: owned by, cardinality: 'n:1'}
";

/// The result of a command.
pub(crate) struct CommandResult {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandResult {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The output of a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The rows of a table without its header; none may control a terminal.
    #[track_caller]
    pub(crate) fn rows(self) -> Vec<Vec<String>> {
        let out = self.ok();
        assert!(
            !out.contains('\u{1b}'),
            "colour where no terminal is: {out:?}"
        );
        let words = |line: &str| {
            let cells = line.split("  ").map(str::trim);
            let cells = cells.filter(|cell| !cell.is_empty());
            cells.map(str::to_owned).collect()
        };
        out.lines().skip(1).map(words).collect()
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        self.err
    }
}

/// A server and a folder to work in.
pub(crate) struct Shell {
    pub(crate) server: Embedded,
    pub(crate) folder: TempDir,
}

impl Shell {
    pub(crate) async fn start() -> Self {
        Self {
            server: Embedded::start(Options::default()).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With the shop declared, and three products of two clients in it.
    pub(crate) async fn with_shop() -> Self {
        let shell = Self::start().await;
        shell.feed("apply -f -", SHOP).await.ok();
        let client = shell.client();
        let create = |class: &str, data: Value| Change::CreateInstance {
            class: class.to_owned(),
            id: None,
            data: data.as_object().unwrap().clone(),
        };
        let commands = [
            create("Client", json!({"client_id": "c1", "name": "김"})),
            create("Client", json!({"client_id": "c2", "name": "Bo"})),
            create(
                "Product",
                json!({"product_id": "p1", "name": "Desk", "price": 12.5, "owned_by": "Client/c1"}),
            ),
            create(
                "Product",
                json!({"product_id": "p2", "name": "Chair", "price": 3, "owned_by": "Client/c1"}),
            ),
            create(
                "Product",
                json!({"product_id": "p3", "name": "Lamp\u{1b}[31m", "price": 7, "owned_by": "Client/c2"}),
            ),
        ];
        let done = client
            .transaction("shop", &commands, &Write::on("main"))
            .await
            .unwrap();
        let limit = std::time::Duration::from_secs(30);
        client.wait_command(&done.command_id, limit).await.unwrap();
        shell
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("gateway").unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        self.server.gateway().unwrap().typed_client().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command, with its own environment.
    pub(crate) async fn command(&self, line: &str) -> Command {
        let mut command = Command::new(spice().await.unwrap());
        command
            .args(line.split(' ').filter(|word| !word.is_empty()))
            .current_dir(self.folder.path())
            .env_clear()
            .env("SPICE_SERVER", self.url())
            .env("SPICE_DATABASE", "shop")
            .env("XDG_CONFIG_HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end; its arguments are separated by blanks.
    pub(crate) async fn run(&self, line: &str) -> CommandResult {
        let output = self.command(line).await.output().await.unwrap();
        CommandResult::of(&output)
    }

    /// Runs a command that reads a text.
    pub(crate) async fn feed(&self, line: &str, text: &str) -> CommandResult {
        let mut child = self.spawn(line, Stdio::piped()).await;
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).await.unwrap();
        drop(stdin);
        CommandResult::of(&child.wait_with_output().await.unwrap())
    }

    /// Starts a command.
    pub(crate) async fn spawn(&self, line: &str, stdin: Stdio) -> Child {
        self.command(line).await.stdin(stdin).spawn().unwrap()
    }
}
