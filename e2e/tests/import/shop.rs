//! A server with the classes, and `spice import` as a process that uses it.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use spice_e2e::embedded::{Client, Embedded, Options, spice};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::watch,
};

use super::rows::{Items, classes, expected_values};

pub(crate) const DATABASE: &str = "shop";

pub(crate) struct Shop {
    pub(crate) server: Embedded,
    pub(crate) folder: TempDir,
    /// The server's address for imports.
    address: watch::Sender<String>,
    front: String,
}

/// The result of an import.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) summary: Value,
    pub(crate) errors: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            summary: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn counts(&self) -> [u64; 4] {
        ["rows", "created", "unchanged", "rejected"].map(|key| {
            self.summary[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{}", self.errors))
        })
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let server = Embedded::start(Options::default()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = format!("http://{}", listener.local_addr().unwrap());
        let address = watch::Sender::new(address_of(&server));
        tokio::spawn(forward(listener, address.subscribe()));
        let shop = Self {
            server,
            folder: tempfile::tempdir().unwrap(),
            address,
            front,
        };
        let client = shop.client();
        client.create_database(DATABASE).await.unwrap();
        for class in classes() {
            client.create_class(DATABASE, &class).await.unwrap();
        }
        let owners: Vec<Value> = (0..3).map(|n| json!({"code": format!("o{n}")})).collect();
        client
            .bulk_create(DATABASE, "Owner", &owners)
            .await
            .unwrap();
        shop
    }

    pub(crate) fn client(&self) -> Client {
        self.server.gateway().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts an import of items.
    pub(crate) async fn start(&self, file: &Path, arguments: &[&str]) -> Child {
        self.start_class("Item", file, arguments).await
    }

    pub(crate) async fn start_class(&self, class: &str, file: &Path, arguments: &[&str]) -> Child {
        let arguments = [&["--class", class], arguments].concat();
        self.start_any(file, &arguments, Stdio::piped()).await
    }

    /// Starts an import in the file's own format.
    pub(crate) async fn start_any(&self, file: &Path, arguments: &[&str], stdin: Stdio) -> Child {
        Command::new(spice().await.unwrap())
            .arg("import")
            .arg(file)
            .args(["--database", DATABASE, "-o", "json"])
            .args(["--server", &self.front])
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    pub(crate) async fn import(&self, file: &Path, arguments: &[&str]) -> Ended {
        let child = self.start(file, arguments).await;
        Ended::of(&child.wait_with_output().await.unwrap())
    }

    /// The end of the log.
    pub(crate) async fn position(&self) -> u64 {
        let path = format!("/api/v1/databases/{DATABASE}");
        let answer = self.client().get(&path).await.unwrap();
        answer["data"]["position"].as_u64().unwrap()
    }

    /// Every expected row exists once with the expected values, and nothing else does.
    pub(crate) async fn assert_holds(&self, numbers: impl Iterator<Item = usize>) {
        let wanted: std::collections::HashSet<String> =
            numbers.map(|number| format!("s-{number}")).collect();
        let client = self.client();
        let mut seen = 0;
        let mut cursor = String::new();
        loop {
            let path =
                format!("/api/v1/databases/{DATABASE}/class/Item/instances?limit=1000{cursor}");
            let page = client.get(&path).await.unwrap();
            assert_eq!(page["total"], wanted.len(), "{path}");
            for instance in page["instances"].as_array().unwrap() {
                let id = instance["instance_id"].as_str().unwrap();
                let number = id.strip_prefix("s-").unwrap().parse().unwrap();
                assert!(wanted.contains(id), "{id}");
                assert_eq!(instance["data"], expected_values(number).1, "{id}");
                assert_eq!(instance["event_sequence"], 1, "{id} was made once");
                seen += 1;
            }
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, wanted.len());
    }

    pub(crate) async fn assert_good(&self, items: &Items) {
        self.assert_holds(items.good_rows().map(|row| row.number))
            .await;
    }

    pub(crate) async fn restart(&mut self) {
        self.server.restart().await.unwrap();
        self.address.send_replace(address_of(&self.server));
    }
}

fn address_of(server: &Embedded) -> String {
    let url = server.url("gateway").unwrap();
    url.trim_start_matches("http://").to_owned()
}

/// One address for a server that gets a new one after each start. While no server listens, the
/// connection is closed.
async fn forward(listener: TcpListener, address: watch::Receiver<String>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let address = address.borrow().clone();
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect(address).await {
                // In any case, both ends are closed.
                drop(copy_bidirectional(&mut client, &mut server).await);
            }
        });
    }
}

/// Sends a signal to an import.
pub(crate) async fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill")
        .args([name, &id])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
}

pub(crate) const MOMENT: Duration = Duration::from_millis(5);
