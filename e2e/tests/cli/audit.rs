//! `truncation_is_refused`, on the real binary and its files: a log that was cut, changed,
//! exchanged or restored from an older copy is named, and nothing is written to it.

#[path = "audit/seen.rs"]
mod seen;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use spice_core::{
    id::{LogPosition, StreamId},
    port::log::{Batch, Log},
};
use spice_e2e::embedded::{Answer, Embedded, Options, run};
use spice_store_directory::DirectoryLog;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

/// A data directory with two databases, a copy of it at rest, and an older copy.
struct Site {
    server: Embedded,
    _folder: TempDir,
    data: PathBuf,
    whole: PathBuf,
    older: PathBuf,
}

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let options = Options {
            data_dir: Some(data.clone()),
            ..Options::default()
        };
        let server = Embedded::start(options).await.unwrap();
        let mut site = Self {
            server,
            data,
            whole: folder.path().join("whole"),
            older: folder.path().join("older"),
            _folder: folder,
        };
        for database in ["shop", "other"] {
            let gateway = site.server.gateway().unwrap();
            gateway.create_database(database).await.unwrap();
            let class = json!({"id": "Item", "label": "Item", "properties": [
                {"name": "sku", "type": "string", "primaryKey": true},
            ]});
            gateway.create_class(database, &class).await.unwrap();
        }
        site.add("shop", "a").await;
        site.end().await;
        copy(&site.data, &site.older);
        site.server.restart().await.unwrap();
        site.add("shop", "b").await;
        site.add("shop", "c").await;
        site.end().await;
        copy(&site.data, &site.whole);
        site
    }

    async fn end(&mut self) {
        let (status, _) = self.server.terminate(LIMIT).await.unwrap();
        assert!(status.success());
    }

    async fn create(&self, database: &str, sku: &str) -> Answer {
        let path = format!("/api/v1/databases/{database}/instances/Item/create");
        let gateway = self.server.gateway().unwrap();
        let body = json!({"data": {"sku": sku}});
        let headers = [("Prefer", "wait=20")];
        gateway
            .send(Method::POST, &path, &headers, Some(&body))
            .await
            .unwrap()
    }

    async fn add(&self, database: &str, sku: &str) {
        self.create(database, sku).await.ok().unwrap();
    }

    async fn get(&self, path: &str) -> Answer {
        let gateway = self.server.gateway().unwrap();
        gateway
            .send::<Value>(Method::GET, path, &[], None)
            .await
            .unwrap()
    }

    /// The original data directory with a change.
    fn with(&self, change: impl FnOnce(&Path)) {
        fs::remove_dir_all(&self.data).unwrap();
        copy(&self.whole, &self.data);
        change(&self.data);
    }

    async fn audit(&self, arguments: &[&str]) -> (i32, String) {
        let mut line = vec!["audit"];
        line.extend(arguments);
        let data = self.data.display().to_string();
        line.extend(["--data-dir", &data]);
        let output = run(line).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = text(&output.stdout) + &text(&output.stderr);
        (output.status.code().unwrap(), all)
    }

    async fn heads(&self) -> Value {
        let (code, text) = self.audit(&["head", "-o", "json"]).await;
        assert_eq!(code, 0, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The server starts, refuses `shop` with a reason, serves `other`, and does not change the
    /// log.
    async fn is_refused(&mut self, reason: &str) {
        let (code, text) = self.audit(&["verify"]).await;
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(reason), "{reason}: {text}");
        let before = files(&self.data.join("log/shop"));
        self.server.launch().await.unwrap();
        self.server.wait_ready().await.unwrap();
        let creates = json!({"name": "shop"});
        let gateway = self.server.gateway().unwrap();
        for answer in [
            self.get("/api/v1/databases/shop").await,
            self.get("/api/v1/databases/shop/class/Item/instances")
                .await,
            self.create("shop", "new").await,
            gateway.post("/api/v1/databases", &creates).await.unwrap(),
        ] {
            assert_eq!(answer.status, 503, "{reason}: {}", answer.body);
            assert_eq!(answer.error(), "unavailable");
            assert_eq!(answer.body["detail"]["reason"], reason, "{}", answer.body);
        }
        for (probe, field) in [("/readyz", "damaged"), ("/health", "damaged")] {
            let told = self.get(probe).await.ok().unwrap();
            assert_eq!(told["data"][field][0]["database"], "shop", "{told}");
            assert_eq!(told["data"][field][0]["reason"], reason, "{told}");
        }
        let listed = self.get("/api/v1/databases").await.ok().unwrap();
        assert_eq!(
            listed["data"]["databases"][1]["status"], "damaged",
            "{listed}"
        );
        let server = self.server.url("gateway").unwrap();
        let line = ["get", "classes", "--database", "shop", "--server", &server];
        let refused = run(line).await.unwrap();
        let errors = String::from_utf8_lossy(&refused.stderr);
        assert!(errors.contains(reason), "{errors}");
        assert!(
            !errors.contains("try again"),
            "it is not temporary: {errors}"
        );
        self.add("other", reason).await;
        self.end().await;
        assert_eq!(
            files(&self.data.join("log/shop")),
            before,
            "{reason}: written to"
        );
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The segments of a log in order, with their content.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "zst"));
    files.sort();
    let read = |file: PathBuf| (file.clone(), fs::read(file).unwrap());
    files.into_iter().map(read).collect()
}

fn cut_last(data: &Path) {
    let (last, _) = files(&data.join("log/shop")).pop().unwrap();
    fs::remove_file(last).unwrap();
}

/// Rewrites a log with valid segments around changed lines.
async fn rewrite(data: &Path, change: impl Fn(usize, usize, &str) -> String) {
    let root = data.join("log");
    let shop: StreamId = "shop".parse().unwrap();
    let read = DirectoryLog::open_read_only(&root).unwrap();
    let records = read.read(&shop, LogPosition::ZERO, 10_000).await.unwrap();
    fs::remove_dir_all(root.join("shop")).unwrap();
    let log = DirectoryLog::open(&root).unwrap();
    let count = records.len();
    let changed = records.iter().enumerate().map(|(index, record)| {
        let line = std::str::from_utf8(&record.line).unwrap();
        Bytes::from(change(index, count, line))
    });
    let batch = Batch {
        first: LogPosition::ZERO,
        lines: changed.collect(),
    };
    log.append(&shop, batch).await.unwrap();
}

fn with_other_actor(line: &str) -> String {
    line.replacen("\"service\":\"gateway\"", "\"service\":\"gatewaY\"", 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncation_is_refused() {
    let mut site = Site::start().await;
    let (code, text) = site.audit(&["verify"]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("as the registry saw it"), "{text}");

    site.with(cut_last);
    site.is_refused("log_truncated").await;
    site.with(|data| fs::remove_dir_all(data.join("log/shop")).unwrap());
    site.is_refused("log_truncated").await;
    let older = site.older.clone();
    site.with(|data| {
        fs::remove_dir_all(data.join("log/shop")).unwrap();
        copy(&older.join("log/shop"), &data.join("log/shop"));
    });
    site.is_refused("log_truncated").await;

    site.with(|_| ());
    rewrite(&site.data, |index, count, line| {
        if index + 1 == count {
            with_other_actor(line)
        } else {
            line.to_owned()
        }
    })
    .await;
    site.is_refused("log_diverged").await;

    // Every reader of the log finds a changed line in the middle: here for a missing registry.
    site.with(|data| {
        for suffix in ["", "-wal", "-shm"] {
            drop(fs::remove_file(
                data.join(format!("registry.sqlite{suffix}")),
            ));
        }
    });
    rewrite(&site.data, |index, _, line| {
        if index == 3 {
            with_other_actor(line)
        } else {
            line.to_owned()
        }
    })
    .await;
    site.is_refused("chain_broken").await;
    let data = site.data.display().to_string();
    let verified = run(["log", "verify", "--data-dir", &data]).await.unwrap();
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(1), "{text}");
    assert!(text.contains("chain_broken"), "{text}");
    let of_shop = text.lines().find(|line| line.starts_with("shop: "));
    assert!(of_shop.unwrap().ends_with(", damaged"), "{text}");
    let (code, text) = site.audit(&["head"]).await;
    assert!(code == 6 && text.contains("chain_broken"), "{code}: {text}");

    for command in [vec!["replay"], vec!["verify", "--repair"]] {
        let line = [&command[..], &["--database", "shop", "--data-dir", &data]].concat();
        let ended = run(line).await.unwrap();
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{text}");
        assert!(text.contains("chain_broken"), "{text}");
    }

    // After the original is restored, everything is served again.
    site.with(|_| ());
    site.server.launch().await.unwrap();
    site.server.wait_ready().await.unwrap();
    site.add("shop", "d").await;
    site.end().await;
    assert_eq!(site.audit(&["verify"]).await.0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_directory_that_was_emptied_and_a_segment_of_another_log_are_refused() {
    let mut site = Site::start().await;
    site.with(|data| {
        for log in ["shop", "other"] {
            fs::remove_dir_all(data.join("log").join(log)).unwrap();
        }
    });
    let (code, text) = site.audit(&["verify"]).await;
    assert_eq!(
        (code, text.matches("log_truncated").count()),
        (1, 2),
        "{text}"
    );
    site.server.launch().await.unwrap();
    site.server.wait_ready().await.unwrap();
    for database in ["shop", "other"] {
        let path = format!("/api/v1/databases/{database}");
        let answer = site.get(&path).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        let made = site.create(database, "x").await;
        assert_eq!(
            made.body["detail"]["reason"], "log_truncated",
            "{}",
            made.body
        );
    }
    site.end().await;
    assert!(!site.data.join("log/shop").exists(), "nothing was made");

    site.with(|data| {
        let (last, _) = files(&data.join("log/shop")).pop().unwrap();
        let (foreign, _) = files(&data.join("log/other")).pop().unwrap();
        fs::copy(foreign, last).unwrap();
    });
    let (code, text) = site.audit(&["verify"]).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("belongs to the log of"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_accepts_a_truncation_and_a_kept_head_still_shows_it() {
    let mut site = Site::start().await;
    let heads = site.heads().await;
    let shop = &heads[1];
    assert_eq!(
        (&shop["log"], &shop["chained_from"]),
        (&json!("shop"), &json!(0))
    );
    let end = shop["position"].as_u64().unwrap();
    let kept = format!("{end}:{}", shop["chain"].as_str().unwrap());
    let verify = ["verify", "-d", "shop", "--head", kept.as_str()];
    assert_eq!(site.audit(&verify).await.0, 0);
    let chain = heads[0]["chain"].as_str().unwrap();
    for (position, reason) in [(end, "log_diverged"), (end + 9, "log_truncated")] {
        let other = format!("{position}:{chain}");
        let (code, text) = site
            .audit(&["verify", "-d", "shop", "--head", &other])
            .await;
        assert_eq!(code, 1, "{text}");
        assert!(
            text.contains(reason) && text.contains("is of this log"),
            "{text}"
        );
        assert!(
            !text.contains("accept-truncation"),
            "nothing is lost: {text}"
        );
    }
    let (code, text) = site
        .audit(&["accept-truncation", "-d", "shop", "--yes"])
        .await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("nothing to accept"), "{text}");

    site.with(cut_last);
    // What the stores have seen counts before what a person kept.
    let (_, text) = site.audit(&verify).await;
    assert!(text.contains("accept-truncation"), "{text}");
    let lost = format!("positions {} to {} are lost", end - 2, end - 1);
    let accept = ["accept-truncation", "-d", "shop"];
    let (code, text) = site.audit(&accept).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&lost) && text.contains("--yes"), "{text}");
    site.is_refused("log_truncated").await;
    let (code, text) = site.audit(&[&accept[..], &["--yes"]].concat()).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&lost) && text.contains("accepted"), "{text}");

    site.server.launch().await.unwrap();
    site.server.wait_ready().await.unwrap();
    site.add("shop", "d").await;
    let gone = site
        .get("/api/v1/databases/shop/class/Item/instance/c")
        .await;
    assert_eq!(gone.status, 404, "{}", gone.body);
    site.get("/api/v1/databases/shop/class/Item/instance/b")
        .await
        .ok()
        .unwrap();
    let (code, text) = site.audit(&["verify"]).await;
    assert_eq!(code, 0, "beside a server: {text}");
    site.end().await;
    let (code, text) = site.audit(&verify).await;
    assert_eq!(code, 1, "the kept head is of another log now: {text}");
    assert!(text.contains("log_diverged"), "{text}");
    let data = site.data.display().to_string();
    let verified = run(["verify", "--data-dir", &data]).await.unwrap();
    assert!(
        verified.status.success(),
        "graph and documents are what the log says"
    );
}
