//! `kill -9` on the real binary in each step of a replay, under a reader that never stops. The
//! replay goes on after the restart, and the reader never sees a wrong or an empty answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use spice_e2e::embedded::{Client, Embedded, Options, run};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

const ROWS: u64 = 4_000;
const REPLAYS: &str = "/api/v1/databases/shop/replays";

/// A shop with many items.
async fn fill(spice: &Embedded) {
    let client = spice.gateway().unwrap();
    client.create_database("shop").await.unwrap();
    let class = json!({"id": "Item", "label": "Item", "properties": [
        {"name": "sku", "type": "string", "primaryKey": true},
        {"name": "price", "type": "integer"},
    ]});
    client.create_class("shop", &class).await.unwrap();
    let rows: Vec<Value> = (0..ROWS)
        .map(|row| json!({"sku": format!("i{row}"), "price": row}))
        .collect();
    for part in rows.chunks(1_000) {
        let body = json!({"instances": part});
        let path = "/api/v1/databases/shop/instances/Item/bulk-create";
        let waits = [("Prefer", "wait=60")];
        let answer = client.send(Method::POST, path, &waits, Some(&body)).await;
        answer.unwrap().ok().unwrap();
    }
}

/// Reads without end from whatever process serves, until it is stopped. Returns how often it got an
/// answer.
fn read_without_end(clients: watch::Receiver<Option<Client>>) -> JoinHandle<u64> {
    tokio::spawn(async move {
        let mut answered = 0;
        let front = "/api/v1/databases/shop/class/Item";
        loop {
            let client = clients.borrow().clone();
            let Some(client) = client else {
                return answered;
            };
            for path in [
                format!("{front}/instances?limit=3&order_by=sku"),
                format!("{front}/instance/i7"),
            ] {
                // The process may be killed before it answers.
                let Ok(answer) = client.send::<Value>(Method::GET, &path, &[], None).await else {
                    sleep(Duration::from_millis(5)).await;
                    continue;
                };
                if answer.status == 503 {
                    continue;
                }
                assert_eq!(answer.status, 200, "{path}: {}", answer.body);
                if let Some(total) = answer.body["total"].as_u64() {
                    assert_eq!(total, ROWS);
                    assert_eq!(
                        answer.body["instances"][0]["instance_id"], "i0",
                        "{}",
                        answer.body
                    );
                } else {
                    assert_eq!(answer.body["data"]["data"]["price"], 7, "{}", answer.body);
                }
                answered += 1;
            }
        }
    })
}

async fn show(client: &Client, id: &str) -> Value {
    client.get(&format!("{REPLAYS}/{id}")).await.unwrap()["data"].clone()
}

async fn ask(client: &Client, id: &str, verb: &str) {
    let path = format!("{REPLAYS}/{id}/{verb}");
    client.post_ok(&path, &json!({})).await.unwrap();
}

fn is_finished(replay: &Value) -> bool {
    ["complete", "failed", "cancelled"].contains(&replay["state"].as_str().unwrap())
}

/// Waits until a replay is at a step or past it; returns the step that was seen.
async fn catch(client: &Client, id: &str, step: &str) -> String {
    loop {
        let replay = show(client, id).await;
        if replay["state"] == step || is_finished(&replay) {
            return replay["state"].as_str().unwrap().to_owned();
        }
    }
}

async fn finish(client: &Client, id: &str) {
    for _ in 0..3_000 {
        let replay = show(client, id).await;
        if is_finished(&replay) {
            assert_eq!(replay["state"], "complete", "{replay}");
            assert_eq!(replay["digests_match"], true, "{replay}");
            assert_eq!(replay["events_replayed"], replay["events_total"]);
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{}", show(client, id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_survives_kill_9_in_each_step_under_a_reader() {
    let mut spice = Embedded::start(Options::default()).await.unwrap();
    fill(&spice).await;
    let (sender, clients) = watch::channel(Some(spice.gateway().unwrap()));
    let reader = read_without_end(clients);
    let mut caught = BTreeSet::new();
    for (step, body) in [
        ("pending", json!({"suspend": true})),
        ("filling", json!({})),
        ("filling", json!({"targets": ["documents"]})),
        ("comparing", json!({})),
        ("comparing", json!({"targets": ["graph"]})),
        ("awaiting_approval", json!({"approval": "Manual"})),
        ("swapping", json!({})),
        ("swapping", json!({"keep_old": true})),
        ("complete", json!({})),
    ] {
        let client = spice.gateway().unwrap();
        let started = client.post_ok(REPLAYS, &body).await.unwrap();
        let id = started["data"]["task_id"].as_str().unwrap().to_owned();
        let at = catch(&client, &id, step).await;
        spice.kill().await.unwrap();
        spice.restart().await.unwrap();
        let client = spice.gateway().unwrap();
        sender.send_replace(Some(client.clone()));
        println!("killed at {at}, wanted {step}");
        caught.insert(at);
        if body["suspend"] == true {
            assert_eq!(show(&client, &id).await["state"], "pending");
            ask(&client, &id, "resume").await;
        }
        if body["approval"] == "Manual" {
            catch(&client, &id, "awaiting_approval").await;
            ask(&client, &id, "approve").await;
        }
        finish(&client, &id).await;
    }
    for step in ["pending", "filling", "awaiting_approval"] {
        assert!(caught.contains(step), "{caught:?}");
    }
    sleep(Duration::from_millis(200)).await;
    sender.send_replace(None);
    assert!(reader.await.unwrap() > 50);
    let (status, _) = spice.terminate(Duration::from_secs(30)).await.unwrap();
    assert!(status.success());
    let data = spice.directory().display().to_string();
    let verified = run(["verify", "--data-dir", &data]).await.unwrap();
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{text}");
}
