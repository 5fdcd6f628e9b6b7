//! ReplayJobs: each runs once, waits for its approval, and is cancelled with its object.

use serde_json::Value;

use crate::cluster::{Cluster, wait_until};

const REPLAYS: &str = "/api/v1/databases/demo_db/replays";

fn job(name: &str, more: &str) -> String {
    format!(
        "apiVersion: spiceharvester.dev/v1alpha1\nkind: ReplayJob\nmetadata: {{name: {name}}}\n\
         spec: {{databaseRef: {{name: demo-db}}, targets: [Graph, Documents]{more}}}\n"
    )
}

async fn get(cluster: &Cluster, name: &str) -> Value {
    let shown = cluster.kubectl(&["get", "replayjob", name, "-o", "json"]).await;
    serde_json::from_str(&shown.unwrap()).unwrap()
}

/// Waits until `Ready` has a reason; returns the object.
async fn until_reason(cluster: &Cluster, name: &str, reason: &str) -> Value {
    wait_until(reason, async || {
        let job = get(cluster, name).await;
        let conditions = job["status"]["conditions"].as_array().cloned();
        let mut conditions = conditions.unwrap_or_default().into_iter();
        let ready = conditions.find(|it| it["type"] == "Ready");
        let found = ready.map_or(Value::Null, |it| it["reason"].clone());
        anyhow::ensure!(found == reason, "{found}");
        Ok(())
    })
    .await;
    get(cluster, name).await
}

pub(crate) async fn a_replay_job_runs_once(cluster: &Cluster) {
    cluster.apply(&job("rebuild", "")).await.unwrap();
    let wait = ["wait", "--for=condition=Complete", "replayjob/rebuild", "--timeout=60s"];
    cluster.kubectl(&wait).await.unwrap();
    let status = get(cluster, "rebuild").await["status"].clone();
    assert_eq!(status["digestsMatch"], true, "{status}");
    assert_eq!(status["eventsReplayed"], status["eventsTotal"]);
    assert!(status["completionTime"].is_string() && status["startTime"].is_string());
    let refused = cluster.apply(&job("rebuild", ", verify: false")).await;
    assert!(format!("{:#}", refused.unwrap_err()).contains("verify is immutable"));

    let manual = job("careful", ", approval: Manual");
    cluster.apply(&manual).await.unwrap();
    let waits = until_reason(cluster, "careful", "AwaitingApproval").await;
    let task = waits["status"]["externalId"].as_str().unwrap().to_owned();
    let approve = format!("spiceharvester.dev/approve={task}");
    cluster
        .kubectl(&["annotate", "replayjob", "careful", &approve])
        .await
        .unwrap();
    until_reason(cluster, "careful", "Complete").await;

    // Deleted before the swap, it is cancelled; the object is gone at once.
    let doomed = job("doomed", ", approval: Manual");
    cluster.apply(&doomed).await.unwrap();
    let waits = until_reason(cluster, "doomed", "AwaitingApproval").await;
    let task = waits["status"]["externalId"].as_str().unwrap().to_owned();
    cluster.delete(&doomed).await.unwrap();
    wait_until("cancelled", async || {
        let replay = cluster.gateway.get(&format!("{REPLAYS}/{task}")).await?;
        let state = &replay["data"]["state"];
        anyhow::ensure!(state == "cancelled", "{state}");
        Ok(())
    })
    .await;
    let listed = cluster.gateway.get(REPLAYS).await.unwrap();
    assert_eq!(listed["data"]["count"], 3, "each object is one replay");
    cluster.kubectl(&["delete", "replayjobs", "--all", "--timeout=60s"]).await.unwrap();
}
