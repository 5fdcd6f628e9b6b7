//! What the schema and its rules refuse at apply, tested on the API server.

#![allow(clippy::too_many_lines)] // tables

use serde_json::{Value, json};

use spice_crds::Database;

use crate::cluster::{Cluster, wait_until};

fn object(kind: &str, name: &str, spec: &Value) -> String {
    json!({"apiVersion": "spiceharvester.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name}, "spec": spec})
    .to_string()
}

fn with(base: &Value, more: &Value) -> Value {
    let mut whole = base.clone();
    if let (Some(whole), Some(more)) = (whole.as_object_mut(), more.as_object()) {
        for (key, value) in more {
            if value.is_null() {
                whole.shift_remove(key);
            } else {
                whole.insert(key.clone(), value.clone());
            }
        }
    }
    whole
}

/// Each invalid object is refused with its message; its valid neighbour is accepted.
pub(crate) async fn bad_objects_are_refused_at_apply(cluster: &Cluster) {
    let class = json!({"databaseRef": {"name": "d"}, "classes": [{"name": "X"}]});
    let one = |fields: Value| json!({"classes": [with(&json!({"name": "X"}), &fields)]});
    let branch = json!({"databaseRef": {"name": "d"}});
    let creations = [
        ("Database", "good", json!({"name": "a_b-c"}), None),
        (
            "Database",
            "ab",
            json!({}),
            Some("metadata.name must be a valid database name"),
        ),
        (
            "Database",
            "1abc",
            json!({}),
            Some("metadata.name must be a valid database name"),
        ),
        (
            "Database",
            "a.b.c",
            json!({}),
            Some("metadata.name must be a valid database name"),
        ),
        (
            "Database",
            "a--b",
            json!({}),
            Some("metadata.name must be a valid database name"),
        ),
        ("Database", "1abc", json!({"name": "abc"}), None),
        ("Database", "x", json!({"name": "A"}), Some("spec.name")),
        ("Database", "x", json!({"name": "a__b"}), Some("spec.name")),
        (
            "Database",
            "abc",
            json!({"deletionPolicy": "Maybe"}),
            Some("Unsupported value"),
        ),
        ("Ontology", "good", class.clone(), None),
        (
            "Ontology",
            "good",
            with(&class, &one(json!({"label": {"ko": "가", "en": "X"}}))),
            None,
        ),
        (
            "Ontology",
            "x",
            with(&class, &json!({"classes": null})),
            Some("spec.classes: Required"),
        ),
        (
            "Ontology",
            "x",
            with(&class, &json!({"classes": []})),
            Some("spec.classes"),
        ),
        (
            "Ontology",
            "x",
            with(&class, &json!({"databaseRef": {}})),
            Some("databaseRef.name: Required"),
        ),
        (
            "Ontology",
            "x",
            with(&class, &one(json!({"name": "9"}))),
            Some("spec.classes[0].name"),
        ),
        (
            "Ontology",
            "x",
            with(&class, &json!({"classes": [{"name": "X"}, {"name": "X"}]})),
            Some("Duplicate value"),
        ),
        (
            "Ontology",
            "x",
            with(&class, &json!({"branch": "refs"})),
            Some("a branch cannot be called"),
        ),
        (
            "Ontology",
            "x",
            with(&class, &json!({"branch": "a//b"})),
            Some("spec.branch"),
        ),
        (
            "Ontology",
            "x",
            with(&class, &json!({"driftPolicy": "Ignore"})),
            Some("Unsupported value"),
        ),
        (
            "Ontology",
            "x",
            with(
                &class,
                &one(
                    json!({"properties": [{"name": "a", "type": "string"}, {"name": "a", "type": "integer"}]}),
                ),
            ),
            Some("Duplicate value"),
        ),
        (
            "Ontology",
            "x",
            with(
                &class,
                &one(json!({"properties": [{"name": "a b", "type": "string"}]})),
            ),
            Some("spec.classes[0].properties[0].name"),
        ),
        (
            "Ontology",
            "x",
            with(
                &class,
                &one(
                    json!({"relationships": [{"predicate": "r", "target": "X", "cardinality": "2:3"}]}),
                ),
            ),
            Some("Unsupported value: \"2:3\""),
        ),
        (
            "Ontology",
            "x",
            with(
                &class,
                &one(json!({"properties": [{"name": "a", "type": "strng"}]})),
            ),
            Some("Unsupported value: \"strng\""),
        ),
        (
            "Ontology",
            "x",
            with(&class, &one(json!({"parentClass": "X"}))),
            Some("a class cannot be its own parent"),
        ),
        ("Branch", "good", branch.clone(), None),
        (
            "Branch",
            "main",
            branch.clone(),
            Some("metadata.name must be a valid branch name"),
        ),
        (
            "Branch",
            "a.b",
            branch.clone(),
            Some("metadata.name must be a valid branch name"),
        ),
        (
            "Branch",
            "main",
            with(&branch, &json!({"name": "other"})),
            None,
        ),
        (
            "Branch",
            "x",
            with(&branch, &json!({"name": "HEAD"})),
            Some("a branch cannot be called"),
        ),
        (
            "Branch",
            "x",
            with(&branch, &json!({"name": "a//b"})),
            Some("spec.name"),
        ),
        (
            "Branch",
            "x",
            with(
                &branch,
                &json!({"from": {"branch": "main", "position": -1}}),
            ),
            Some("position"),
        ),
    ];
    for (kind, name, spec, refusal) in creations {
        expect(
            cluster,
            &object(kind, name, &spec),
            &["--dry-run=server"],
            refusal,
        )
        .await;
    }
    immutable_fields_stay(cluster, &class, &branch).await;
    a_new_object_is_not_ready(cluster).await;
}

/// A rule about an optional field also applies when it is added or removed.
async fn immutable_fields_stay(cluster: &Cluster, class: &Value, branch: &Value) {
    let suspended = |spec: &Value| with(spec, &json!({"suspend": true}));
    let changes = [
        (
            "Database",
            json!({}),
            json!({"name": "other"}),
            Some("name is immutable"),
        ),
        (
            "Database",
            json!({"name": "abc"}),
            json!({}),
            Some("name is immutable"),
        ),
        (
            "Database",
            json!({"name": "abc"}),
            json!({"name": "other"}),
            Some("name is immutable"),
        ),
        ("Database", json!({}), json!({"description": "d"}), None),
        (
            "Database",
            json!({}),
            json!({"deletionPolicy": "Retain"}),
            None,
        ),
        (
            "Ontology",
            class.clone(),
            with(class, &json!({"branch": "b"})),
            Some("branch is immutable"),
        ),
        (
            "Ontology",
            class.clone(),
            with(class, &json!({"branch": "main"})),
            None,
        ),
        (
            "Ontology",
            class.clone(),
            with(class, &json!({"databaseRef": {"name": "e"}})),
            Some("databaseRef is immutable"),
        ),
        (
            "Ontology",
            class.clone(),
            with(class, &json!({"classes": [{"name": "Y"}]})),
            None,
        ),
        (
            "Branch",
            branch.clone(),
            with(branch, &json!({"name": "b"})),
            Some("name is immutable"),
        ),
        (
            "Branch",
            branch.clone(),
            with(branch, &json!({"from": {"branch": "main"}})),
            Some("from is immutable"),
        ),
        (
            "Branch",
            with(branch, &json!({"from": {"branch": "main"}})),
            branch.clone(),
            Some("from is immutable"),
        ),
        (
            "Branch",
            with(branch, &json!({"from": {"branch": "main"}})),
            with(branch, &json!({"from": {"branch": "main", "position": 3}})),
            Some("from is immutable"),
        ),
        (
            "Branch",
            branch.clone(),
            with(branch, &json!({"databaseRef": {"name": "e"}})),
            Some("databaseRef is immutable"),
        ),
    ];
    for (kind, before, after, refusal) in changes {
        let name = "immutable-one";
        cluster
            .apply(&object(kind, name, &suspended(&before)))
            .await
            .unwrap();
        expect(
            cluster,
            &object(kind, name, &suspended(&after)),
            &[],
            refusal,
        )
        .await;
        cluster.kubectl(&["delete", kind, name]).await.unwrap();
    }
}

async fn a_new_object_is_not_ready(cluster: &Cluster) {
    let path = "jsonpath={.status.conditions[*].type} {.status.conditions[*].status} {.status.conditions[*].reason}";
    let file = cluster
        .file(&object("Database", "fresh", &json!({})))
        .unwrap();
    let create = ["create", "--dry-run=server", "-f", &file, "-o", path];
    let output = cluster.kubectl(&create).await.unwrap();
    let (kinds, unknown) = ("Ready Accepted Synced Projected", " Unknown".repeat(4));
    let pending = " Pending".repeat(4);
    assert_eq!(output, format!("{kinds}{unknown}{pending}"));
}

/// A definition of another version lets an object in that this operator cannot read.
pub(crate) async fn an_object_that_cannot_be_read_stops_no_other(cluster: &Cluster) {
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/description";
    let anything = json!([{"op": "replace", "path": field,
        "value": {"x-kubernetes-preserve-unknown-fields": true}}]);
    let definition = "databases.spiceharvester.dev";
    let patch = anything.to_string();
    let patch = ["patch", "crd", definition, "--type=json", "-p", &patch];
    cluster.kubectl(&patch).await.unwrap();
    let unreadable = object("Database", "unreadable", &json!({"description": 12}));
    // The API server needs a moment to use the changed definition.
    wait_until("the object is stored", async || {
        cluster.apply(&unreadable).await.map(drop)
    })
    .await;
    let readable = object("Database", "readable", &json!({}));
    cluster.apply(&readable).await.unwrap();
    let _: Database = cluster.wait_ready("readable").await.unwrap();
    wait_until("the operator says so", async || {
        let about = "--field-selector=reason=Unreadable";
        let events = cluster.kubectl(&["get", "events", about]).await?;
        anyhow::ensure!(events.contains("unreadable"), "{events}");
        Ok(())
    })
    .await;
    cluster.delete(&unreadable).await.unwrap();
    cluster.delete(&readable).await.unwrap();
    let folder = spice_e2e::workspace().join("manifests/crds");
    let folder = folder.display().to_string();
    let restore = ["apply", "--server-side", "--force-conflicts", "-f", &folder];
    cluster.kubectl(&restore).await.unwrap();
}

async fn expect(cluster: &Cluster, yaml: &str, options: &[&str], refusal: Option<&str>) {
    let file = cluster.file(yaml).unwrap();
    let mut arguments = vec!["apply", "-f", &file];
    arguments.extend(options);
    match (cluster.plane.kubectl(&arguments).await, refusal) {
        (Ok(_), None) => {}
        (Err(output), Some(words)) => {
            let output = format!("{output:#}");
            assert!(
                output.contains(words),
                "{yaml}: {words:?} is not in {output}"
            );
        }
        (Ok(output), Some(words)) => panic!("{yaml} is taken ({output}), not refused: {words}"),
        (Err(output), None) => panic!("{yaml} is refused: {output:#}"),
    }
}
