//! Writes the custom resource definitions: the derived schemas, plus what the derive cannot
//! express.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Branch, Database, Exact, Ontology, ReplayJob, yaml};

/// The annotation with the hash of the definition's content, by which two are compared.
pub const SCHEMA_HASH: &str = "spiceharvester.dev/schema-hash";

/// The folders of the definitions, of `kubectl` and of Helm.
pub const FOLDERS: [&str; 2] = ["manifests/crds", "charts/spice-harvester-crds/templates"];

/// A definition, with the name of its file in each of the [`FOLDERS`].
#[derive(Debug, Clone)]
pub struct Definition {
    /// `databases.yaml`, …
    pub file: &'static str,
    /// The object.
    pub object: Value,
}

impl Definition {
    /// The definition as YAML.
    pub fn to_yaml(&self) -> String {
        let body = yaml::write(&Exact::from(self.object.clone()));
        format!("# Generated from the types in crds/. Do not edit.\n{body}")
    }

    /// The definition as the typed object of the Kubernetes API.
    pub fn to_crd(&self) -> Result<CustomResourceDefinition, serde_json::Error> {
        serde_json::from_value(self.object.clone())
    }
}

/// All definitions.
pub fn definitions() -> Result<Vec<Definition>, serde_json::Error> {
    Ok(vec![
        definition("databases.yaml", &Database::crd(), &DECLARED)?,
        definition("ontologies.yaml", &Ontology::crd(), &DECLARED)?,
        definition("branches.yaml", &Branch::crd(), &DECLARED)?,
        definition("replayjobs.yaml", &ReplayJob::crd(), &["Ready"])?,
    ])
}

/// The conditions of a new declaration.
const DECLARED: [&str; 4] = ["Ready", "Accepted", "Synced", "Projected"];

fn definition(
    file: &'static str,
    crd: &CustomResourceDefinition,
    conditions: &[&str],
) -> Result<Definition, serde_json::Error> {
    let mut object = serde_json::to_value(crd)?;
    clean(&mut object);
    if let Some(status) = object
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status")
        .and_then(Value::as_object_mut)
    {
        status.insert("default".into(), fresh_status(conditions));
    }
    let hash = format!("{:x}", Sha256::digest(object["spec"].to_string()));
    object["metadata"]["annotations"] = json!({
        // Helm leaves the definitions, and with them all objects, when a release is uninstalled.
        "helm.sh/resource-policy": "keep",
        (SCHEMA_HASH): hash[..16],
    });
    Ok(Definition { file, object })
}

/// The initial status: a new object is not ready until the operator has seen it.
fn fresh_status(conditions: &[&str]) -> Value {
    let fresh = conditions.iter().map(|kind| {
        json!({
            "type": kind,
            "status": "Unknown",
            "reason": "Pending",
            "message": "waiting for the operator",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        })
    });
    json!({"conditions": fresh.collect::<Vec<Value>>()})
}

/// Removes nulls and empty lists. An API server prunes a null of a field that is not nullable, so a
/// rule never sees one. It also drops empty lists, which would show as a permanent difference.
fn clean(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.shift_remove("nullable");
            map.retain(|_, entry| !entry.as_array().is_some_and(Vec::is_empty));
            map.values_mut().for_each(clean);
        }
        Value::Array(list) => list.iter_mut().for_each(clean),
        _ => {}
    }
}
