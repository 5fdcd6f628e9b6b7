//! `ReplayJob`s: each runs once, waits for its approval, is cancelled with its object, fails if the
//! result differs from the log, and survives the end of the api.

use std::{collections::BTreeSet, time::Duration};

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};
use spice_core::{
    guard::Guards,
    id::BranchGeneration,
    port::{
        documents::Documents,
        graph::Entity,
        sink::{SinkRole, Sinks},
    },
};
use spice_e2e::embedded::Client;
use spice_store_sqlite::{Location, Mode, SqliteDocuments};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use crate::cluster::{Cluster, wait_until};

/// Enough to see a replay at work.
const ROWS: u64 = 3_000;
const DATABASES: &str = "/api/v1/databases";

fn job(database: &str, name: &str, more: &str) -> String {
    format!(
        "apiVersion: spiceharvester.dev/v1alpha1\nkind: ReplayJob\nmetadata: {{name: {name}}}\n\
         spec: {{databaseRef: {{name: {database}}}, targets: [Graph, Documents]{more}}}\n"
    )
}

async fn get(cluster: &Cluster, name: &str) -> anyhow::Result<Value> {
    let get = ["get", "replayjob", name, "-o", "json"];
    Ok(serde_json::from_str(&cluster.kubectl(&get).await?)?)
}

fn condition(object: &Value, kind: &str) -> Value {
    let mut conditions = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    let found = conditions.find(|condition| condition["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// Waits until `Ready` has a reason at the newest generation; returns the object.
async fn until_reason(cluster: &Cluster, name: &str, reason: &str) -> Value {
    wait_until(reason, async || {
        let job = get(cluster, name).await?;
        let ready = condition(&job, "Ready");
        let is_current = ready["observedGeneration"] == job["metadata"]["generation"];
        ensure!(is_current && ready["reason"] == reason, "{ready}");
        Ok(())
    })
    .await;
    get(cluster, name).await.unwrap()
}

fn replay_of(job: &Value) -> String {
    job["status"]["externalId"].as_str().unwrap().to_owned()
}

async fn approve(cluster: &Cluster, job: &Value) {
    let name = job["metadata"]["name"].as_str().unwrap();
    let approval = format!("spiceharvester.dev/approve={}", replay_of(job));
    let annotate = ["annotate", "replayjob", name, &approval];
    cluster.kubectl(&annotate).await.unwrap();
}

async fn replays(cluster: &Cluster, database: &str) -> Vec<Value> {
    let path = format!("{DATABASES}/{database}/replays");
    let listed = cluster.gateway.get(&path).await.unwrap();
    listed["data"]["replays"].as_array().unwrap().clone()
}

async fn delete_all(cluster: &Cluster) {
    let delete = ["delete", "replayjobs", "--all", "--timeout=60s"];
    cluster.kubectl(&delete).await.unwrap();
}

pub(crate) async fn a_replay_job_runs_once(cluster: &Cluster) {
    let rebuild = job("demo-db", "rebuild", "");
    cluster.apply(&rebuild).await.unwrap();
    let done = until_reason(cluster, "rebuild", "Complete").await;
    for kind in ["Ready", "Complete"] {
        assert_eq!(condition(&done, kind)["status"], "True", "{done}");
    }
    let status = &done["status"];
    assert_eq!(status["digestsMatch"], true, "{status}");
    assert_eq!(status["eventsReplayed"], status["eventsTotal"]);
    assert!(status["startTime"].is_string() && status["completionTime"].is_string());
    wait_until("the finalizer is gone", async || {
        let finalizers = get(cluster, "rebuild").await?["metadata"]["finalizers"].clone();
        ensure!(finalizers.is_null(), "{finalizers}");
        Ok(())
    })
    .await;
    for (field, changed) in [("verify", ", verify: false"), ("branch", ", branch: main")] {
        let refused = cluster.apply(&job("demo-db", "rebuild", changed)).await;
        let refused = format!("{:#}", refused.unwrap_err());
        assert!(
            refused.contains(&format!("{field} is immutable")),
            "{refused}"
        );
    }
    let settled = get(cluster, "rebuild").await.unwrap();
    cluster.apply(&rebuild).await.unwrap();

    // Not started before it is resumed.
    cluster
        .apply(&job(
            "demo-db",
            "careful",
            ", approval: Manual, suspend: true",
        ))
        .await
        .unwrap();
    let paused = until_reason(cluster, "careful", "Suspended").await;
    assert_eq!(condition(&paused, "Suspended")["status"], "True");
    assert_eq!(replays(cluster, "demo_db").await.len(), 1);
    cluster
        .apply(&job("demo-db", "careful", ", approval: Manual"))
        .await
        .unwrap();
    let waits = until_reason(cluster, "careful", "AwaitingApproval").await;
    // Another one waits for it.
    cluster.apply(&job("demo-db", "next", "")).await.unwrap();
    until_reason(cluster, "next", "Conflict").await;
    cluster
        .apply(&job(
            "demo-db",
            "careful",
            ", approval: Manual, suspend: true",
        ))
        .await
        .unwrap();
    until_reason(cluster, "careful", "Suspended").await;
    approve(cluster, &waits).await;
    cluster
        .apply(&job(
            "demo-db",
            "careful",
            ", approval: Manual, suspend: false",
        ))
        .await
        .unwrap();
    until_reason(cluster, "careful", "Complete").await;
    until_reason(cluster, "next", "Complete").await;

    // Deleted before the swap, it is cancelled.
    let doomed = job("demo-db", "doomed", ", approval: Manual");
    cluster.apply(&doomed).await.unwrap();
    let waits = until_reason(cluster, "doomed", "AwaitingApproval").await;
    cluster.delete(&doomed).await.unwrap();
    wait_until("cancelled", async || {
        let path = format!("{DATABASES}/demo_db/replays/{}", replay_of(&waits));
        let state = cluster.gateway.get(&path).await?["data"]["state"].clone();
        ensure!(state == "cancelled", "{state}");
        Ok(())
    })
    .await;
    assert_eq!(
        replays(cluster, "demo_db").await.len(),
        4,
        "each object is one replay"
    );
    let unchanged = get(cluster, "rebuild").await.unwrap();
    let version = |job: &Value| job["metadata"]["resourceVersion"].clone();
    assert_eq!(
        version(&unchanged),
        version(&settled),
        "an ended job is left alone"
    );

    // Time to live.
    cluster
        .apply(&job("demo-db", "brief", ", ttlSecondsAfterFinished: 1"))
        .await
        .unwrap();
    let gone = ["wait", "--for=delete", "replayjob/brief", "--timeout=60s"];
    cluster.kubectl(&gone).await.unwrap();
    assert_eq!(replays(cluster, "demo_db").await.len(), 5);
    delete_all(cluster).await;
    the_kinds_are_explained(cluster).await;
}

async fn the_kinds_are_explained(cluster: &Cluster) {
    for (field, words) in [
        ("spec.strategy", "BlueGreen (default)"),
        ("spec.verify", "default: true"),
        ("spec.approval", "spiceharvester.dev/approve"),
        ("status.digestsMatch", "equals the log"),
    ] {
        let path = format!("replayjobs.{field}");
        let shown = cluster.kubectl(&["explain", &path]).await.unwrap();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.replace('`', "").contains(words), "{field}: {shown}");
    }
}

/// A namespace needs the Database's consent, and ends although its job cannot be cancelled.
pub(crate) async fn a_namespace_with_a_job_ends(cluster: &Cluster) {
    cluster
        .kubectl(&["create", "namespace", "jobs"])
        .await
        .unwrap();
    let elsewhere = job(
        "demo-db, namespace: default",
        "foreign, namespace: jobs",
        "",
    );
    cluster.apply(&elsewhere).await.unwrap();
    let in_jobs = async |name: &str, reason: &str| {
        wait_until(reason, async || {
            let get = ["-n", "jobs", "get", "replayjob", name, "-o", "json"];
            let job: Value = serde_json::from_str(&cluster.kubectl(&get).await?)?;
            let ready = condition(&job, "Ready");
            ensure!(ready["reason"] == reason, "{ready}");
            Ok(())
        })
        .await;
    };
    in_jobs("foreign", "RefNotAllowed").await;
    let own = "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\n\
               metadata: {name: jobs-db, namespace: jobs}\nspec: {}\n---\n";
    let waits = job("jobs-db", "waits, namespace: jobs", ", approval: Manual");
    cluster.apply(&format!("{own}{waits}")).await.unwrap();
    in_jobs("waits", "AwaitingApproval").await;
    cluster.api_path.set_open(false);
    let delete = ["delete", "namespace", "jobs", "--timeout=60s"];
    let deleted = cluster.kubectl(&delete).await;
    cluster.api_path.set_open(true);
    deleted.unwrap();
    // It goes on, and somebody can still cancel it.
    let replay = &replays(cluster, "jobs_db").await[0];
    assert_eq!(replay["state"], "awaiting_approval", "{replay}");
}

/// A database with so many items that a replay takes a moment.
async fn fill(cluster: &Cluster) {
    let heavy = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: heavy}
spec: {}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: heavy}
spec:
  databaseRef: {name: heavy}
  classes: [{name: Item, properties: [{name: sku, type: string, primaryKey: true}, {name: price, type: integer}]}]
";
    cluster.apply(heavy).await.unwrap();
    cluster.wait_all_ready().await.unwrap();
    let rows: Vec<Value> = (0..ROWS)
        .map(|row| json!({"sku": format!("i{row}"), "price": row}))
        .collect();
    for part in rows.chunks(1_000) {
        let body = json!({"instances": part});
        let path = format!("{DATABASES}/heavy/instances/Item/bulk-create");
        let waits = [("Prefer", "wait=60")];
        let answer = cluster
            .gateway
            .send(Method::POST, &path, &waits, Some(&body));
        answer.await.unwrap().ok().unwrap();
    }
}

/// Loses an item of the copy while it is filled. Returns whether that was in time.
async fn lose_an_item(cluster: &Cluster) -> bool {
    let path = cluster.data_dir().join("documents.sqlite");
    let documents = SqliteDocuments::open(&Location::Kept(path), Mode::Threads, Guards::default());
    let (documents, stream) = (documents.unwrap(), "heavy".parse().unwrap());
    let item = [Entity::Instance("Item/i0".parse().unwrap())];
    for _ in 0..5_000 {
        let sinks = documents.sinks(&stream).await.unwrap();
        let copy = sinks.iter().find(|sink| sink.role == SinkRole::Shadow);
        // The first of the items is at position 3.
        if let Some(copy) = copy.filter(|copy| copy.position.0 > 3) {
            let is_filling = copy.position.0 < ROWS;
            let (sink, main) = (&copy.generation, BranchGeneration::MAIN);
            let lost = documents.remove(&stream, sink, main, &item).await;
            return is_filling && lost.is_ok();
        }
        sleep(Duration::from_millis(2)).await;
    }
    panic!("there is no copy");
}

/// A copy that differs from the log never becomes what reads see.
pub(crate) async fn a_mismatch_fails_the_job(cluster: &Cluster) {
    fill(cluster).await;
    for attempt in 0..10 {
        let name = format!("wrong-{attempt}");
        cluster.apply(&job("heavy", &name, "")).await.unwrap();
        let is_lost = lose_an_item(cluster).await;
        wait_until("the end", async || {
            let job = get(cluster, &name).await?;
            ensure!(
                job["status"]["completionTime"].is_string(),
                "{}",
                job["status"]
            );
            Ok(())
        })
        .await;
        if !is_lost {
            continue;
        }
        let failed = get(cluster, &name).await.unwrap();
        assert_eq!(
            condition(&failed, "Failed")["reason"],
            "ProjectionDiffers",
            "{failed}"
        );
        assert_eq!(condition(&failed, "Stalled")["status"], "True");
        assert_eq!(failed["status"]["digestsMatch"], false);
        let item = format!("{DATABASES}/heavy/class/Item/instance/i0");
        cluster.gateway.get(&item).await.unwrap();
        let which = format!("involvedObject.name={name},type=Warning,reason=ProjectionDiffers");
        wait_until("the failure is an event", async || {
            let events = ["get", "events", "--field-selector", &which, "-o", "name"];
            let events = cluster.kubectl(&events).await?;
            ensure!(events.lines().count() == 1, "{events}");
            Ok(())
        })
        .await;
        delete_all(cluster).await;
        return;
    }
    panic!("every copy was compared before the item was lost");
}

/// Reads without end from whatever process serves, until it is stopped. Returns how often it got an
/// answer.
fn read_without_end(clients: watch::Receiver<Option<Client>>) -> JoinHandle<u64> {
    tokio::spawn(async move {
        let mut answered = 0;
        loop {
            let client = clients.borrow().clone();
            let Some(client) = client else {
                return answered;
            };
            let path = format!("{DATABASES}/heavy/class/Item/instances?limit=1&order_by=sku");
            // The process may be killed before it answers.
            let answer = client.send::<Value>(Method::GET, &path, &[], None).await;
            match answer {
                Ok(answer) if answer.status != 503 => {
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    assert_eq!(answer.body["total"], ROWS);
                    assert_eq!(answer.body["instances"][0]["instance_id"], "i0");
                    answered += 1;
                }
                _ => sleep(Duration::from_millis(5)).await,
            }
        }
    })
}

/// Waits until the newest replay is at a step or past it; returns the step that was seen.
async fn catch(cluster: &Cluster, before: usize, step: &str) -> String {
    let ended = ["complete", "failed", "cancelled"];
    loop {
        let all = replays(cluster, "heavy").await;
        let state = all[0]["state"].as_str().unwrap().to_owned();
        if all.len() > before && (state == step || ended.contains(&&*state)) {
            return state;
        }
    }
}

/// The api is killed in each step of a job, under a reader: the same answers, and the job completes.
pub(crate) async fn a_job_survives_the_end_of_the_api(cluster: &mut Cluster) {
    let (sender, clients) = watch::channel(Some(cluster.gateway.clone()));
    let reader = read_without_end(clients);
    let mut caught = BTreeSet::new();
    for (number, (step, more)) in [
        ("pending", ""),
        ("filling", ""),
        ("comparing", ""),
        ("awaiting_approval", ", approval: Manual"),
        ("swapping", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let before = replays(cluster, "heavy").await.len();
        let name = format!("killed-{number}");
        cluster.apply(&job("heavy", &name, more)).await.unwrap();
        let at = catch(cluster, before, step).await;
        cluster.restart_api().await.unwrap();
        sender.send_replace(Some(cluster.gateway.clone()));
        println!("killed at {at}, wanted {step}");
        caught.insert(at);
        if !more.is_empty() {
            let waits = until_reason(cluster, &name, "AwaitingApproval").await;
            approve(cluster, &waits).await;
        }
        let done = until_reason(cluster, &name, "Complete").await;
        assert_eq!(done["status"]["digestsMatch"], true, "{done}");
        let after = replays(cluster, "heavy").await.len();
        assert_eq!(after, before + 1, "each object is one replay");
    }
    for step in ["filling", "awaiting_approval"] {
        assert!(caught.contains(step), "{caught:?}");
    }
    sender.send_replace(None);
    assert!(reader.await.unwrap() > 20);
    delete_all(cluster).await;
}
