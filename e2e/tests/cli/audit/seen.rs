//! Graph and documents remember what they have seen of a log, even if the registry is lost or as
//! old as the log.

use super::*;

fn remove(data: &Path, store: &str) {
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(
            data.join(format!("{store}.sqlite{suffix}")),
        ));
    }
}

fn replace_log(data: &Path, other: &Path) {
    fs::remove_dir_all(data.join("log/shop")).unwrap();
    copy(other, &data.join("log/shop"));
}

impl Site {
    /// The log of a run that continued from the older copy and wrote something else.
    async fn fork_run(&mut self) -> TempDir {
        fs::remove_dir_all(&self.data).unwrap();
        copy(&self.older, &self.data);
        self.server.launch().await.unwrap();
        self.server.wait_ready().await.unwrap();
        for sku in ["x", "y"] {
            self.add("shop", sku).await;
        }
        self.end().await;
        let folder = tempfile::tempdir().unwrap();
        copy(&self.data.join("log/shop"), folder.path());
        folder
    }

    async fn spice(&self, line: &[&str]) -> (i32, String) {
        let data = self.data.display().to_string();
        let output = run([line, &["--data-dir", &data]].concat()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap(), text)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_registry_does_not_hide_a_cut_log() {
    let mut site = Site::start().await;
    let other = site.fork_run().await;

    site.with(|data| {
        cut_last(data);
        remove(data, "registry");
    });
    site.is_refused("log_truncated").await;

    site.with(|data| {
        cut_last(data);
        fs::write(data.join("registry.sqlite"), vec![0; 100_000]).unwrap();
    });
    let (_, text) = site.audit(&["verify"]).await;
    assert!(text.contains("registry: cannot be read"), "{text}");
    site.is_refused("log_truncated").await;

    site.with(|data| {
        cut_last(data);
        remove(data, "registry");
        remove(data, "graph");
    });
    site.is_refused("log_truncated").await;

    let older = site.older.clone();
    site.with(|data| {
        replace_log(data, &older.join("log/shop"));
        remove(data, "registry");
        for suffix in ["", "-wal", "-shm"] {
            let name = format!("registry.sqlite{suffix}");
            if older.join(&name).is_file() {
                fs::copy(older.join(&name), data.join(&name)).unwrap();
            }
        }
    });
    site.is_refused("log_truncated").await;

    site.with(|data| {
        replace_log(data, other.path());
        remove(data, "registry");
    });
    site.is_refused("log_diverged").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_gone_is_named_and_accepted_without_a_registry() {
    let mut site = Site::start().await;
    for directory_stays in [true, false] {
        site.with(|data| {
            fs::remove_dir_all(data.join("log/shop")).unwrap();
            if directory_stays {
                fs::create_dir(data.join("log/shop")).unwrap();
            }
        });
        for line in [&["verify"][..], &["verify", "--database", "shop"]] {
            let (code, text) = site.spice(line).await;
            assert_eq!(code, 1, "{text}");
            assert!(text.contains("shop: not compared"), "{text}");
            assert!(text.contains("log_truncated"), "{text}");
        }
    }

    site.with(|data| {
        cut_last(data);
        remove(data, "registry");
    });
    let accept = ["accept-truncation", "-d", "shop"];
    let (code, text) = site.audit(&accept).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("2 envelopes that were accepted"), "{text}");
    site.is_refused("log_truncated").await;
    let (code, text) = site.audit(&[&accept[..], &["--yes"]].concat()).await;
    assert_eq!(code, 0, "{text}");
    site.server.launch().await.unwrap();
    site.server.wait_ready().await.unwrap();
    site.add("shop", "d").await;
    for (sku, status) in [("b", 200), ("c", 404), ("d", 200)] {
        let path = format!("/api/v1/databases/shop/class/Item/instance/{sku}");
        let answer = site.get(&path).await;
        assert_eq!(answer.status, status, "{sku}: {}", answer.body);
    }
    site.end().await;
    let (code, text) = site.spice(&["verify"]).await;
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.audit(&["verify"]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the documents up to"), "{text}");
}

/// A change of the segments of a log.
type Cut = fn(Vec<PathBuf>);

/// Segments are removed or cut while the process runs: the next write is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_process_does_not_write_after_a_gap() {
    let mut site = Site::start().await;
    let kinds: [(&str, Cut); 4] = [
        ("the last segment", |segments| remove_last(&segments, 1)),
        ("three segments", |segments| remove_last(&segments, 3)),
        ("all segments", |segments| {
            remove_last(&segments, segments.len());
        }),
        ("a part of the last segment", |segments| {
            let last = segments.last().unwrap();
            let file = fs::OpenOptions::new().write(true).open(last).unwrap();
            file.set_len(100).unwrap();
        }),
    ];
    for (what, cut) in kinds {
        site.with(|_| ());
        site.server.launch().await.unwrap();
        site.server.wait_ready().await.unwrap();
        site.add("shop", "d").await;
        let paths = files(&site.data.join("log/shop")).into_iter();
        cut(paths.map(|(path, _)| path).collect());
        let before = files(&site.data.join("log/shop"));
        for sku in ["e", "f"] {
            let answer = site.create("shop", sku).await;
            assert_eq!(answer.status, 503, "{what}: {}", answer.body);
            let detail = &answer.body["detail"];
            let named = detail["reason"] == "log_truncated" || detail["damaged"] == "log";
            assert!(named, "{what}: {}", answer.body);
        }
        let read = site
            .get("/api/v1/databases/shop/class/Item/instances")
            .await;
        assert_eq!(read.status, 503, "{what}: {}", read.body);
        let printed = site.get("/health").await.ok().unwrap();
        assert_eq!(
            printed["data"]["damaged"][0]["database"], "shop",
            "{printed}"
        );
        site.add("other", what).await;
        site.end().await;
        assert_eq!(
            files(&site.data.join("log/shop")),
            before,
            "{what}: written to"
        );
        assert_eq!(site.audit(&["verify"]).await.0, 1, "{what}");
    }
}

fn remove_last(segments: &[PathBuf], count: usize) {
    for path in &segments[segments.len() - count..] {
        fs::remove_file(path).unwrap();
    }
}
