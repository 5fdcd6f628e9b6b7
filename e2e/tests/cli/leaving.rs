//! Exports, complete and resumed; events as they happen.

use std::{fs, process::Stdio, time::Duration};

use serde_json::{Value, json};
use spice_client::{OnError, Write};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{gate::Gate, shell::Shell};

/// Enough for several pages.
const MANY: usize = 2_500;
/// Pages of clients, then one of products.
const PAGES: usize = 3 + 1;

async fn fill(shell: &Shell) {
    let rows: Vec<Value> = (0..MANY)
        .map(|n| json!({"client_id": format!("n{n:05}"), "name": format!("a \"{n}\", b")}))
        .collect();
    let write = Write::on("main").wait(Duration::from_mins(1));
    let text = serde_json::to_string(&rows).unwrap();
    let client = shell.client();
    let done = client
        .bulk_create_with("shop", "Client", &text, OnError::Abort, &write)
        .await
        .unwrap();
    assert_eq!(done.created, MANY as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_complete_and_resumes_after_a_kill() {
    let shell = Shell::with_shop().await;
    fill(&shell).await;
    let whole = shell.run("export").await;
    assert!(
        whole.err.contains(&format!("{} instances", MANY + 5)),
        "{}",
        whole.err
    );
    let whole = whole.ok();
    let lines: Vec<Value> = whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), MANY + 5);
    assert_eq!(lines[2]["data"]["name"], "a \"0\", b");

    // Killed while each page is on its way: everything before it is written and noted.
    let mut gate = Gate::start(&shell.url()).await;
    let url = gate.url.clone();
    let export = async |line: &str| {
        let mut command = shell.command(line).await;
        command.env("SPICE_SERVER", &url).spawn().unwrap()
    };
    for pages in 0..PAGES {
        gate.allow(pages);
        let mut child = export("export --to all.ndjson").await;
        gate.wait_held().await;
        child.kill().await.unwrap();
        assert!(shell.path("all.ndjson.state").exists());
        gate.allow(PAGES);
        let ended = export("export --to all.ndjson --resume").await;
        let ended = ended.wait_with_output().await.unwrap();
        assert!(ended.status.success(), "{ended:?}");
        let text = fs::read_to_string(shell.path("all.ndjson")).unwrap();
        assert_eq!(text.lines().count(), MANY + 5, "killed after {pages} pages");
        assert_eq!(text, whole, "killed after {pages} pages");
        assert!(!shell.path("all.ndjson.state").exists());
    }
    let error = shell.run("export --to all.ndjson --resume").await.fails(2);
    assert!(
        error.contains("no export to this file can be resumed"),
        "{error}"
    );

    let csv = shell.run("export -c Product --format csv").await.ok();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(
        reader.headers().unwrap(),
        vec!["product_id", "name", "price", "owned_by"]
    );
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows[0], vec!["p1", "Desk", "12.5", "Client/c1"]);
    assert_eq!(rows.len(), 3);
    let ontology = shell.run("export --ontology").await.json();
    assert_eq!(ontology["classes"][1]["id"], "Product");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_shows_events_as_they_happen_and_a_command_until_it_is_final() {
    let shell = Shell::with_shop().await;
    let mut child = shell.spawn("watch -o json --from 0", Stdio::null()).await;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || -> Value {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        serde_json::from_str(&line.unwrap().unwrap().unwrap()).unwrap()
    };
    let mut seen = Vec::new();
    while seen
        .last()
        .is_none_or(|last: &Value| last["aggregate_id"] != "shop:main:Product:p3")
    {
        seen.push(next().await);
    }
    assert_eq!(seen[0]["event_type"], "DATABASE_CREATED");
    let client = shell.client();
    let done = client
        .create_instance(
            "shop",
            "Client",
            &json!({"client_id": "new"}),
            &Write::on("main"),
        )
        .await
        .unwrap();
    let event = next().await;
    assert_eq!(event["aggregate_id"], "shop:main:Client:new");
    assert_eq!(event["metadata"]["command_id"], done.command_id);

    // A reader that closes the pipe ends it; Ctrl-C ends a wait.
    let ended = shell.run(&format!("watch {}", done.command_id)).await.ok();
    assert_eq!(ended.lines().last(), Some("COMPLETED"));
    let pid = child.id().unwrap().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    assert!(sent.success());
    let ended = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;
    assert!(!ended.unwrap().unwrap().success());
    let error = shell
        .run("watch 11111111-2222-4333-8444-555555555555")
        .await
        .fails(3);
    assert!(error.contains("11111111"), "{error}");
}
