//! Changes that lose data: refused, approved, reverted.

use serde_json::json;
use spice_crds::Ontology;

use crate::cluster::{Cluster, wait_until};

const SHELF: &str = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: shelf}
spec:
  databaseRef: {name: demo-db}
  classes:
    - name: Shelf
      properties:
        - {name: id, type: string, primaryKey: true}
        - {name: room, type: string}
";

async fn has_room(cluster: &Cluster) -> bool {
    let class = cluster.class("Shelf", "main").await.unwrap();
    let mut properties = class["properties"].as_array().unwrap().iter();
    properties.any(|property| property["name"] == "room")
}

/// A property with values is removed: refused with the count, reverted by the old declaration,
/// and carried out with the approval of exactly that plan.
pub(crate) async fn a_breaking_change_is_refused_reverted_and_approved(cluster: &Cluster) {
    cluster.apply(SHELF).await.unwrap();
    let _: Ontology = cluster.wait_ready("shelf").await.unwrap();
    let create = "/api/v1/databases/demo_db/instances/Shelf/create?branch=main";
    for id in ["s1", "s2"] {
        let data = json!({"data": {"id": id, "room": "attic"}});
        cluster.gateway.post_ok(create, &data).await.unwrap();
    }
    let without = SHELF.replace("        - {name: room, type: string}\n", "");
    cluster.apply(&without).await.unwrap();
    let refused = cluster.condition::<Ontology>("shelf", "Stalled", "True");
    let refused = refused.await.unwrap();
    assert_eq!(refused.reason, "UnsafeChange");
    let shelf: Ontology = cluster.get("shelf").await.unwrap();
    let plan = shelf.status.unwrap().plan.unwrap();
    assert_eq!(plan.findings[0].code, "property_removed");
    assert_eq!(plan.findings[0].class.as_deref(), Some("Shelf"));
    assert_eq!(plan.findings[0].affected, Some(2));
    assert!(refused.message.contains(&plan.hash), "{refused:?}");
    assert!(has_room(cluster).await);

    cluster.apply(SHELF).await.unwrap();
    let shelf: Ontology = cluster.wait_ready("shelf").await.unwrap();
    assert_eq!(shelf.status.unwrap().plan, None);

    cluster.apply(&without).await.unwrap();
    let refused = cluster.condition::<Ontology>("shelf", "Stalled", "True");
    refused.await.unwrap();
    let other = format!("spiceharvester.dev/approve={}", "0".repeat(32));
    let annotate = |value: &str| {
        let arguments = ["annotate", "--overwrite", "onto", "shelf", value];
        arguments.map(str::to_owned)
    };
    for (value, is_kept) in [
        (other, true),
        (format!("spiceharvester.dev/approve={}", plan.hash), false),
    ] {
        let arguments = annotate(&value);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        cluster.kubectl(&arguments).await.unwrap();
        if is_kept {
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            assert!(has_room(cluster).await, "{value} approves nothing");
        }
    }
    let _: Ontology = cluster.wait_ready("shelf").await.unwrap();
    wait_until("the property is gone", async || {
        anyhow::ensure!(!has_room(cluster).await, "it is there");
        Ok(())
    })
    .await;
}
