//! Who may change and delete a declared thing, and who gets it afterwards.

use serde_json::json;
use spice_crds::Ontology;

use crate::cluster::{Cluster, wait_until};

/// A Database object of a namespace that declares `shared_db`.
fn database(namespace: &str, policy: &str) -> String {
    format!(
        "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {{name: shared, namespace: {namespace}}}\n\
         spec: {{name: shared_db, deletionPolicy: {policy}}}\n"
    )
}

async fn wait_condition(cluster: &Cluster, namespace: &str, condition: &str) {
    let condition = format!("--for=condition={condition}");
    let wait = [
        "-n",
        namespace,
        "wait",
        &condition,
        "sdb/shared",
        "--timeout=60s",
    ];
    cluster.kubectl(&wait).await.unwrap();
}

/// Two namespaces declare one database: the first owns it. When it goes, the second gets it, and
/// nothing is deleted before the last one goes.
pub(crate) async fn a_database_has_one_owner(cluster: &Cluster) {
    let path = "/api/v1/databases/shared_db";
    for namespace in ["one", "two"] {
        let create = ["create", "namespace", namespace];
        cluster.kubectl(&create).await.unwrap();
    }
    for (first, second) in [
        ("Retain", "Delete"),
        ("Delete", "Delete"),
        ("Delete", "Retain"),
    ] {
        let case = format!("{first} before {second}");
        cluster.apply(&database("one", first)).await.unwrap();
        wait_condition(cluster, "one", "Ready").await;
        let created = cluster.gateway.get(path).await.unwrap();
        cluster.apply(&database("two", second)).await.unwrap();
        wait_condition(cluster, "two", "Stalled").await;
        let reason = "jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}";
        let get = ["-n", "two", "get", "sdb", "shared", "-o", reason];
        assert_eq!(cluster.kubectl(&get).await.unwrap(), "Conflict", "{case}");

        cluster.delete(&database("one", first)).await.unwrap();
        wait_condition(cluster, "two", "Ready").await;
        let kept = cluster.gateway.get(path).await.unwrap();
        assert_eq!(
            kept["data"]["created_at"], created["data"]["created_at"],
            "{case}"
        );
        let owner = &kept["data"]["owner"];
        assert_eq!(owner["namespace"], "two", "{case}: {owner}");
        cluster.delete(&database("two", second)).await.unwrap();
        let is_left = cluster.gateway.get(path).await.is_ok();
        assert_eq!(is_left, second == "Retain", "{case}");
    }
}

fn set(name: &str, policy: &str, classes: &[&str]) -> String {
    let class = |name: &&str| {
        format!("{{name: {name}, properties: [{{name: id, type: string, primaryKey: true}}]}}")
    };
    let classes: Vec<String> = classes.iter().map(class).collect();
    format!(
        "---\napiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {{name: {name}}}\n\
         spec: {{databaseRef: {{name: demo-db}}, deletionPolicy: {policy}, classes: [{}]}}\n",
        classes.join(", ")
    )
}

/// A set is split into two objects: the classes and their instances stay.
pub(crate) async fn a_set_can_be_split(cluster: &Cluster) {
    for policy in ["Retain", "Delete"] {
        let whole = set("whole", policy, &["Left", "Right"]);
        cluster.apply(&whole).await.unwrap();
        let _: Ontology = cluster.wait_ready("whole").await.unwrap();
        for class in ["Left", "Right"] {
            let path = format!("/api/v1/databases/demo_db/instances/{class}/create?branch=main");
            let data = json!({"data": {"id": policy}});
            cluster.gateway.post_ok(&path, &data).await.unwrap();
        }
        let parts = [
            set("left", "Retain", &["Left"]),
            set("right", "Retain", &["Right"]),
        ]
        .concat();
        cluster.apply(&parts).await.unwrap();
        let waits = cluster.condition::<Ontology>("left", "Stalled", "True");
        assert_eq!(waits.await.unwrap().reason, "Conflict");
        cluster.delete(&whole).await.unwrap();
        for (part, class) in [("left", "Left"), ("right", "Right")] {
            let _: Ontology = cluster.wait_ready(part).await.unwrap();
            let path = format!("/api/v1/databases/demo_db/class/{class}/instance/{policy}");
            cluster.gateway.get(&path).await.unwrap();
        }
        cluster.delete(&parts).await.unwrap();
    }
}

/// Two operators without a lease: one sleeps during an edit, and undoes nothing when it wakes.
pub(crate) async fn an_operator_that_was_frozen_undoes_nothing(cluster: &mut Cluster) {
    let labelled = |label: &str| {
        let set = set("frozen", "Retain", &["Frozen"]);
        set.replace(
            "{name: Frozen,",
            &format!("{{name: Frozen, label: {label},"),
        )
    };
    cluster.apply(&labelled("one")).await.unwrap();
    let _: Ontology = cluster.wait_ready("frozen").await.unwrap();
    cluster.signal_operator("-STOP");
    let frozen = cluster.start_another_operator().await.unwrap();
    cluster.apply(&labelled("two")).await.unwrap();
    let _: Ontology = cluster.wait_ready("frozen").await.unwrap();
    frozen.signal("-CONT");
    for _ in 0..30 {
        let class = cluster.class("Frozen", "main").await.unwrap();
        assert_eq!(class["label"], "two");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let _: Ontology = cluster.wait_ready("frozen").await.unwrap();
    wait_until("both know it", async || {
        let frozen: Ontology = cluster.get("frozen").await?;
        let generation = frozen.status.unwrap().synced_generation;
        anyhow::ensure!(generation == frozen.metadata.generation, "{generation:?}");
        Ok(())
    })
    .await;
}
