//! The whole path: `kubectl apply` on a real API server → the real operator → the real api, all as
//! processes, observed from outside.

// The steps of the single test are separate functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "operator_front_door/changes.rs"]
mod changes;
#[path = "operator_front_door/cluster.rs"]
mod cluster;
#[path = "operator_front_door/ownership.rs"]
mod ownership;
#[path = "operator_front_door/plugin.rs"]
mod plugin;
#[path = "operator_front_door/proxy.rs"]
mod proxy;
#[path = "operator_front_door/refusals.rs"]
mod refusals;
#[path = "operator_front_door/replays.rs"]
mod replays;
#[path = "operator_front_door/secure.rs"]
mod secure;

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use spice_crds::{Branch, Database, Ontology};
use spice_e2e::control_plane::{ControlPlane, Options};
use spice_telemetry::table;

use cluster::{Cluster, wait_until};

const DEMO: &str = include_str!("operator_front_door/demo.yaml");

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines)] // one call for each step
async fn declarations_are_applied() {
    let options = Options {
        controller_manager: true,
    };
    let plane = ControlPlane::start_or_skip("declarations_are_applied", options)
        .await
        .unwrap();
    let Some(plane) = plane else {
        return;
    };
    // The operator starts first: it waits for its kinds.
    let mut cluster = Cluster::start(plane).await.unwrap();
    cluster.install_definitions().await.unwrap();
    step(
        "bad_objects_are_refused_at_apply",
        refusals::bad_objects_are_refused_at_apply(&cluster),
    )
    .await;
    step(
        "an_object_that_cannot_be_read_stops_no_other",
        refusals::an_object_that_cannot_be_read_stops_no_other(&cluster),
    )
    .await;
    step(
        "declarations_become_ready_and_are_in_the_api",
        declarations_become_ready_and_are_in_the_api(&cluster),
    )
    .await;
    step(
        "applying_again_changes_nothing",
        applying_again_changes_nothing(&cluster),
    )
    .await;
    step(
        "a_replay_job_runs_once",
        replays::a_replay_job_runs_once(&cluster),
    )
    .await;
    step(
        "a_namespace_with_a_job_ends",
        replays::a_namespace_with_a_job_ends(&cluster),
    )
    .await;
    step(
        "a_mismatch_fails_the_job",
        replays::a_mismatch_fails_the_job(&cluster),
    )
    .await;
    let survival = replays::a_job_survives_the_end_of_the_api(&mut cluster);
    step("a_job_survives_the_end_of_the_api", survival).await;
    step(
        "a_change_is_synced_at_its_generation",
        a_change_is_synced_at_its_generation(&cluster),
    )
    .await;
    step(
        "drift_is_corrected_or_reported",
        drift_is_corrected_or_reported(&cluster),
    )
    .await;
    step(
        "a_refused_spec_is_reported_and_others_are_unaffected",
        a_refused_spec_is_reported_and_others_are_unaffected(&cluster),
    )
    .await;
    step(
        "the_operator_does_not_touch_a_suspended_object",
        the_operator_does_not_touch_a_suspended_object(&cluster),
    )
    .await;
    step(
        "a_branch_shows_what_its_merge_would_do",
        a_branch_shows_what_its_merge_would_do(&cluster),
    )
    .await;
    step(
        "the_operator_reports_its_metrics",
        the_operator_reports_its_metrics(&cluster),
    )
    .await;
    step(
        "a_breaking_change_is_refused_reverted_and_approved",
        changes::a_breaking_change_is_refused_reverted_and_approved(&cluster),
    )
    .await;
    step(
        "a_database_has_one_owner",
        ownership::a_database_has_one_owner(&cluster),
    )
    .await;
    step(
        "a_set_can_be_split",
        ownership::a_set_can_be_split(&cluster),
    )
    .await;
    step(
        "an_operator_that_was_frozen_undoes_nothing",
        ownership::an_operator_that_was_frozen_undoes_nothing(&mut cluster),
    )
    .await;
    step(
        "ready_holds_while_the_api_is_away",
        ready_holds_while_the_api_is_away(&cluster),
    )
    .await;
    let restarts = restarts_lose_nothing_and_repeat_nothing(&mut cluster);
    step("restarts_lose_nothing_and_repeat_nothing", restarts).await;
    step(
        "deletion_follows_the_policy",
        deletion_follows_the_policy(&cluster),
    )
    .await;
    step(
        "deleting_a_namespace_finishes",
        deleting_a_namespace_finishes(&cluster),
    )
    .await;
}

async fn step(name: &str, work: impl Future<Output = ()>) {
    let started = tokio::time::Instant::now();
    work.await;
    println!("{name}: {:?}", started.elapsed());
}

async fn declarations_become_ready_and_are_in_the_api(cluster: &Cluster) {
    let started = tokio::time::Instant::now();
    cluster.apply(DEMO).await.unwrap();
    cluster.wait_all_ready().await.unwrap();
    println!("apply to all Ready: {:?}", started.elapsed());
    let database: Database = cluster.get("demo-db").await.unwrap();
    let status = database.status.unwrap();
    assert_eq!(status.external_id.as_deref(), Some("demo_db"));
    assert_eq!(status.observed_generation, database.metadata.generation);
    assert_eq!(status.synced_generation, database.metadata.generation);
    assert!(database.metadata.finalizers.is_none());
    let output = cluster.kubectl(&["get", "spice"]).await.unwrap();
    for wanted in [
        "demo-db",
        "True",
        "Available",
        "demo_db",
        "product",
        "what/if",
    ] {
        assert!(output.contains(wanted), "{wanted} in {output}");
    }
    let gateway = &cluster.gateway;
    let known = gateway.get("/api/v1/databases/demo_db").await.unwrap();
    assert_eq!(known["data"]["data"]["exists"], true);
    assert_eq!(known["data"]["data"]["description"], "What the shop sells");
    let class = cluster.class("Product", "main").await.unwrap();
    assert_eq!(class["label"], json!({"ko": "상품", "en": "Product"}));
    assert_eq!(class["properties"][0]["primaryKey"], true);
    assert_eq!(
        class["properties"][1]["constraints"],
        json!({"minLength": 1, "maxLength": 80})
    );
    assert_eq!(class["properties"][2]["default"], 1);
    assert_eq!(class["relationships"][0]["inverse_predicate"], "owns");
    assert_eq!(class["metadata"], json!({"team": "catalogue"}));
    let branch = gateway
        .get("/api/v1/databases/demo_db/branches/what%2Fif")
        .await
        .unwrap();
    assert_eq!(branch["data"]["from_branch"], "main");
    assert_eq!(
        cluster.class("Experiment", "what/if").await.unwrap()["label"],
        "Experiment"
    );
    assert!(cluster.class("Experiment", "main").await.is_err());
    let data = json!({"data": {"product_id": "p1", "name": "Pen"}});
    let path = "/api/v1/databases/demo_db/instances/Product/create?branch=main";
    gateway.post_ok(path, &data).await.unwrap();
}

async fn applying_again_changes_nothing(cluster: &Cluster) {
    // The class that another object declares on the branch is a change of the branch.
    wait_until("the branch is compared with its parent", async || {
        let branch: Branch = cluster.get("what-if").await?;
        let status = branch.status.unwrap_or_default();
        let compared = (status.changes, status.conflicts, status.mergeable);
        anyhow::ensure!(compared == (Some(1), Some(0), Some(true)), "{status:?}");
        Ok(())
    })
    .await;
    let before = cluster.versions().await.unwrap();
    let log = cluster.positions().await.unwrap();
    cluster.apply(DEMO).await.unwrap();
    // Longer than a resync: passes in between write nothing either.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(cluster.versions().await.unwrap(), before);
    assert_eq!(cluster.positions().await.unwrap(), log);

    let ontologies: Api<Ontology> = cluster.api();
    let body = json!({"apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Ontology",
        "metadata": {"name": "client"},
        "spec": {"databaseRef": {"name": "demo-db"}, "classes": [{"name": "Client",
            "properties": [{"name": "client_id", "type": "string", "primaryKey": true}]}]}});
    let parameters = PatchParams::apply("gitops").force();
    let patch = Patch::Apply(&body);
    let first = ontologies
        .patch("client", &parameters, &patch)
        .await
        .unwrap();
    let second = ontologies
        .patch("client", &parameters, &patch)
        .await
        .unwrap();
    assert_eq!(
        first.metadata.resource_version,
        second.metadata.resource_version
    );
    assert_eq!(first.metadata.generation, second.metadata.generation);
    assert_eq!(cluster.positions().await.unwrap(), log);
}

async fn a_change_is_synced_at_its_generation(cluster: &Cluster) {
    let before: Ontology = cluster.get("product").await.unwrap();
    let changed = DEMO.replace("description: A thing that is sold", "description: A ware");
    let started = tokio::time::Instant::now();
    cluster.apply(&changed).await.unwrap();
    let after: Ontology = cluster.wait_ready("product").await.unwrap();
    println!("change to Ready: {:?}", started.elapsed());
    assert!(after.metadata.generation > before.metadata.generation);
    let status = after.status.unwrap();
    assert_eq!(status.synced_generation, after.metadata.generation);
    assert!(status.position > before.status.unwrap().position);
    let class = cluster.class("Product", "main").await.unwrap();
    assert_eq!(class["description"], "A ware");
    assert_eq!(class["properties"].as_array().unwrap().len(), 3);

    let without = changed.replace("      description: A ware\n", "");
    cluster.apply(&without).await.unwrap();
    let _: Ontology = cluster.wait_ready("product").await.unwrap();
    let class = cluster.class("Product", "main").await.unwrap();
    assert!(
        class.get("description").is_none_or(Value::is_null),
        "{class}"
    );
    cluster.apply(DEMO).await.unwrap();
    let _: Ontology = cluster.wait_ready("product").await.unwrap();
}

async fn drift_is_corrected_or_reported(cluster: &Cluster) {
    for round in 0..2 {
        cluster
            .change_class("Product", &json!({"label": "Meddled", "abstract": true}))
            .await
            .unwrap();
        wait_until("the class is corrected", async || {
            let class = cluster.class("Product", "main").await?;
            anyhow::ensure!(class["label"]["en"] == "Product", "round {round}: {class}");
            Ok(())
        })
        .await;
    }
    let _: Ontology = cluster.wait_ready("product").await.unwrap();
    cluster
        .change_class("Watched", &json!({"label": "Meddled"}))
        .await
        .unwrap();
    let ready = cluster
        .condition::<Ontology>("watched", "Drifted", "True")
        .await
        .unwrap();
    assert_eq!(
        ready.message,
        "the set of classes on branch main differs from the declaration: class Watched"
    );
    assert_eq!(
        cluster.class("Watched", "main").await.unwrap()["label"],
        "Meddled"
    );
    cluster
        .apply(&DEMO.replace(
            "name: Watched\n",
            "name: Watched\n      label: Watched again\n",
        ))
        .await
        .unwrap();
    let watched: Ontology = cluster.wait_ready("watched").await.unwrap();
    assert!(
        watched
            .status
            .unwrap()
            .conditions
            .iter()
            .all(|c| c.kind != "Drifted")
    );
    assert_eq!(
        cluster.class("Watched", "main").await.unwrap()["label"],
        "Watched again"
    );
}

async fn a_refused_spec_is_reported_and_others_are_unaffected(cluster: &Cluster) {
    let bad = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: bad}
spec: {databaseRef: {name: demo-db}, classes: [{name: Bad, properties: [{name: a, type: integer, constraints: {maxLength: 5}}]}]}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: lonely}
spec: {databaseRef: {name: nowhere}, classes: [{name: Lonely}]}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: good}
spec: {databaseRef: {name: demo-db}, classes: [{name: Good}]}
";
    cluster.apply(bad).await.unwrap();
    let output = cluster
        .condition::<Ontology>("bad", "Synced", "False")
        .await
        .unwrap();
    assert_eq!(output.reason, "CommandRejected", "{output:?}");
    assert!(output.message.contains("maxLength"), "{output:?}");
    wait_until("the refusal is an event", async || {
        let which = "involvedObject.name=bad,type=Warning,reason=CommandRejected";
        let events = cluster
            .kubectl(&["get", "events", "--field-selector", which, "-o", "name"])
            .await?;
        anyhow::ensure!(events.lines().count() == 1, "{events}");
        Ok(())
    })
    .await;
    let output = cluster
        .condition::<Ontology>("lonely", "Ready", "False")
        .await
        .unwrap();
    assert_eq!(
        (output.reason.as_str(), output.message.as_str()),
        ("RefNotFound", "waits for Database nowhere")
    );
    let _: Ontology = cluster.wait_ready("good").await.unwrap();
    cluster
        .apply(&bad.replace("integer", "string"))
        .await
        .unwrap();
    let _: Ontology = cluster.wait_ready("bad").await.unwrap();
    assert_eq!(
        cluster.class("Bad", "main").await.unwrap()["properties"][0]["type"],
        "string"
    );
    // The awaited object appears: no long backoff delays it.
    let late = "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {name: nowhere}\nspec: {}\n";
    cluster.apply(late).await.unwrap();
    let _: Ontology = cluster.wait_ready("lonely").await.unwrap();
}

async fn the_operator_does_not_touch_a_suspended_object(cluster: &Cluster) {
    let suspended = DEMO.replace(
        "  classes:\n    - name: Client\n",
        "  suspend: true\n  classes:\n    - name: Client\n",
    );
    cluster.apply(&suspended).await.unwrap();
    let suspended = cluster
        .condition::<Ontology>("client", "Synced", "Unknown")
        .await
        .unwrap();
    assert_eq!(suspended.reason, "Suspended");
    let client: Ontology = cluster.get("client").await.unwrap();
    let conditions = client.status.unwrap().conditions;
    let ready = conditions.iter().find(|it| it.kind == "Ready").unwrap();
    assert_eq!(ready.reason, "Available", "Ready keeps its value");
    cluster
        .change_class("Client", &json!({"label": "Meddled"}))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        cluster.class("Client", "main").await.unwrap()["label"],
        "Meddled"
    );
    cluster.apply(DEMO).await.unwrap();
    wait_until("the class is corrected", async || {
        let class = cluster.class("Client", "main").await?;
        anyhow::ensure!(class["label"] == "Client", "{class}");
        Ok(())
    })
    .await;
    // The api shows the correction before the status does.
    let _: Ontology = cluster.wait_ready("client").await.unwrap();
}

/// The status of a branch shows what its merge into the parent would do.
async fn a_branch_shows_what_its_merge_would_do(cluster: &Cluster) {
    wait_until("the branch is compared", async || {
        let branch: Branch = cluster.get("what-if").await?;
        let status = branch.status.context("no status")?;
        let found = (status.mergeable, status.conflicts, status.changes);
        anyhow::ensure!(found == (Some(true), Some(0), Some(1)), "{found:?}");
        anyhow::ensure!(status.base_position.is_some_and(|at| at > 0));
        Ok(())
    })
    .await;
}

/// The metrics of the table with the prefix of the operator, and an idle operator that rarely asks.
async fn the_operator_reports_its_metrics(cluster: &Cluster) {
    let ready = cluster.ask_operator("/readyz").await.unwrap();
    assert_eq!(ready.status(), 200);
    let alive = cluster.ask_operator("/livez").await.unwrap();
    assert_eq!(alive.status(), 200);
    let scrape = async || {
        let answer = cluster.ask_operator("/metrics").await.unwrap();
        answer.text().await.unwrap()
    };
    let text = scrape().await;
    let reported: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| name.starts_with("spice_operator_"))
        .collect();
    let promised: BTreeSet<&str> = table::ALL
        .iter()
        .map(|row| row.name)
        .filter(|name| name.starts_with("spice_operator_"))
        .collect();
    assert_eq!(reported, promised);
    assert!(
        text.contains(
            "spice_operator_resources{kind=\"Database\",condition=\"Ready\",status=\"True\"}"
        ),
        "{text}"
    );
    let count = |text: &str, outcome: &str| -> f64 {
        let label = format!("outcome=\"{outcome}\"}}");
        let passes = text
            .lines()
            .filter(|line| line.starts_with("spice_operator_reconcile_total{"));
        let of_outcome = passes.filter(|line| line.contains(&label));
        of_outcome
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    // The log has moved a moment ago. After one more pass each, no object costs a request.
    wait_until("no pass asks the api about its object", async || {
        let before = scrape().await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let later = scrape().await;
        let more = |outcome: &str| count(&later, outcome) - count(&before, outcome);
        let (idle, asked) = (more("idle"), more("settled"));
        anyhow::ensure!(idle > 5.0 && asked == 0.0, "{idle} idle, {asked} asked");
        Ok(())
    })
    .await;
}

/// An outage of the api costs at most one write of the status of each object.
async fn ready_holds_while_the_api_is_away(cluster: &Cluster) {
    cluster.wait_all_ready().await.unwrap();
    let before = cluster.versions().await.unwrap();
    cluster.api_path.set_open(false);
    // Several passes of each object.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let away = cluster.versions().await.unwrap();
    cluster.wait_all_ready().await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.versions().await.unwrap(), away, "one write each");
    assert_eq!(away.len(), before.len());
    cluster.api_path.set_open(true);
    let synced = [
        "wait",
        "--for=condition=Synced",
        "spice",
        "--all",
        "--timeout=90s",
    ];
    cluster.kubectl(&synced).await.unwrap();
}

async fn restarts_lose_nothing_and_repeat_nothing(cluster: &mut Cluster) {
    cluster.kill_operator();
    let more = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: offline}
spec: {databaseRef: {name: demo-db}, classes: [{name: Offline}]}
";
    cluster.apply(more).await.unwrap();
    let before = cluster.versions().await.unwrap();
    let log = cluster.positions().await.unwrap();
    cluster.start_operator().await.unwrap();
    let _: Ontology = cluster.wait_ready("offline").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut after = cluster.versions().await.unwrap();
    after.retain(|(kind_and_name, _)| before.iter().any(|(known, _)| known == kind_and_name));
    let changed: Vec<_> = after
        .iter()
        .filter(|entry| !before.contains(entry))
        .collect();
    assert_eq!(
        changed.len(),
        1,
        "only what was new is written: {changed:?}"
    );
    let new = cluster.positions().await.unwrap();
    assert!(new > log);

    let started = tokio::time::Instant::now();
    cluster.plane.restart_api_server().await.unwrap();
    println!("API server restarted: {:?}", started.elapsed());
    cluster
        .apply(&more.replace("offline", "after").replace("Offline", "After"))
        .await
        .unwrap();
    let _: Ontology = cluster.wait_ready("after").await.unwrap();
}

async fn deletion_follows_the_policy(cluster: &Cluster) {
    let objects = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: short-lived}
spec: {deletionPolicy: Delete}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: kept}
spec: {databaseRef: {name: demo-db}, classes: [{name: Kept}]}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: dropped}
spec: {databaseRef: {name: demo-db}, classes: [{name: Dropped}], deletionPolicy: Delete}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Branch
metadata: {name: dropped}
spec: {databaseRef: {name: demo-db}, deletionPolicy: Delete}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: of-short-lived}
spec: {databaseRef: {name: short-lived}, classes: [{name: Short}], deletionPolicy: Delete}
";
    cluster.apply(objects).await.unwrap();
    cluster.wait_all_ready().await.unwrap();
    let dropped: Branch = cluster.get("dropped").await.unwrap();
    assert_eq!(
        dropped.metadata.finalizers.unwrap(),
        ["spiceharvester.dev/deletion"]
    );
    cluster.delete(objects).await.unwrap();
    assert_eq!(
        cluster.class("Kept", "main").await.unwrap()["label"],
        "Kept"
    );
    assert!(cluster.class("Dropped", "main").await.is_err());
    let gateway = &cluster.gateway;
    assert!(
        gateway
            .get("/api/v1/databases/demo_db/branches/dropped")
            .await
            .is_err()
    );
    assert!(gateway.get("/api/v1/databases/short_lived").await.is_err());

    // Instances prevent the deletion of a class; a person can still let the object be deleted.
    let used = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: used}
spec: {databaseRef: {name: demo-db}, deletionPolicy: Delete, classes: [{name: Used, properties: [{name: id, type: string, primaryKey: true}]}]}
";
    cluster.apply(used).await.unwrap();
    let _: Ontology = cluster.wait_ready("used").await.unwrap();
    let path = "/api/v1/databases/demo_db/instances/Used/create?branch=main";
    gateway
        .post_ok(path, &json!({"data": {"id": "u1"}}))
        .await
        .unwrap();
    cluster
        .kubectl(&["delete", "onto", "used", "--wait=false"])
        .await
        .unwrap();
    let blocked = cluster
        .condition::<Ontology>("used", "DeletionBlocked", "True")
        .await
        .unwrap();
    assert_eq!(blocked.reason, "UnsafeChange");
    let force = "spiceharvester.dev/force-release=true";
    cluster
        .kubectl(&["annotate", "onto", "used", force])
        .await
        .unwrap();
    cluster
        .kubectl(&["wait", "--for=delete", "onto/used", "--timeout=30s"])
        .await
        .unwrap();
    assert!(cluster.class("Used", "main").await.is_ok());
}

async fn deleting_a_namespace_finishes(cluster: &Cluster) {
    cluster
        .kubectl(&["create", "namespace", "team"])
        .await
        .unwrap();
    let objects = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: team-db, namespace: team}
spec: {deletionPolicy: Delete}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: thing, namespace: team}
spec:
  databaseRef: {name: team-db}
  deletionPolicy: Delete
  classes:
    - {name: Thing, parentClass: Base, relationships: [{predicate: other, target: Other}]}
    - {name: Other, parentClass: Elsewhere, relationships: [{predicate: thing, target: Thing}]}
    - {name: Base}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: elsewhere, namespace: team}
spec: {databaseRef: {name: team-db}, classes: [{name: Elsewhere}], deletionPolicy: Delete}
";
    cluster.apply(objects).await.unwrap();
    let wait = [
        "-n",
        "team",
        "wait",
        "--for=condition=Ready",
        "spice",
        "--all",
        "--timeout=60s",
    ];
    cluster.kubectl(&wait).await.unwrap();
    cluster
        .kubectl(&["delete", "namespace", "team", "--timeout=60s"])
        .await
        .unwrap();
    assert!(
        cluster
            .gateway
            .get("/api/v1/databases/team_db")
            .await
            .is_err()
    );
}
