//! The generated definitions: up to date, small, and with what `kubectl` and CI rely on.

use std::{collections::HashSet, fs, path::Path};

use serde_json::Value;
use spice_crds::crdgen::{FOLDERS, SCHEMA_HASH, definitions};

fn version(object: &Value) -> &Value {
    &object["spec"]["versions"][0]
}

#[test]
fn manifests_and_chart_match_the_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in FOLDERS {
        for definition in definitions().unwrap() {
            let path = root.join(folder).join(definition.file);
            let written = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                written,
                definition.to_yaml(),
                "{} is out of date: cargo run -p spice-crds --bin crdgen",
                path.display()
            );
        }
    }
}

#[test]
fn definitions_are_templates_that_helm_keeps() {
    let definitions = definitions().unwrap();
    let mut hashes = HashSet::new();
    for definition in &definitions {
        let yaml = definition.to_yaml();
        assert!(!yaml.contains("{{"), "{}: a template", definition.file);
        let annotations = &definition.object["metadata"]["annotations"];
        assert_eq!(annotations["helm.sh/resource-policy"], "keep");
        let hash = annotations[SCHEMA_HASH].as_str().unwrap();
        assert_eq!(hash.len(), 16);
        hashes.insert(hash);
    }
    assert_eq!(hashes.len(), definitions.len());
}

#[test]
fn every_definition_is_under_150_kib_and_complete() {
    for definition in definitions().unwrap() {
        let yaml = definition.to_yaml();
        assert!(
            yaml.len() < 150 * 1024,
            "{}: {} bytes",
            definition.file,
            yaml.len()
        );
        let object = &definition.object;
        assert_eq!(object["spec"]["scope"], "Namespaced");
        assert_eq!(
            object["spec"]["names"]["categories"],
            serde_json::json!(["spice"])
        );
        let columns: Vec<&str> = version(object)["additionalPrinterColumns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        assert_eq!(columns.last(), Some(&"Age"));
        assert_eq!(columns[..2], ["Ready", "Reason"]);
        let status = &version(object)["schema"]["openAPIV3Schema"]["properties"]["status"];
        assert_eq!(status["default"]["conditions"][0]["type"], "Ready");
        assert_eq!(status["default"]["conditions"][0]["status"], "Unknown");
        assert_eq!(
            status["properties"]["conditions"]["x-kubernetes-list-map-keys"],
            serde_json::json!(["type"])
        );
        assert!(definition.to_crd().is_ok());
        assert!(!yaml.contains("nullable"), "{}", definition.file);
    }
}

#[test]
fn free_form_fields_are_kept_by_the_server() {
    let definitions = definitions().unwrap();
    let ontology = &definitions[1].object;
    let spec = &version(ontology)["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let class = &spec["classes"]["items"]["properties"];
    let property = &class["properties"]["items"]["properties"];
    let relationship = &class["relationships"]["items"]["properties"];
    for field in [
        &class["label"],
        &class["description"],
        &class["metadata"],
        &property["label"],
        &property["default"],
        &property["constraints"],
        &property["items"],
        &property["metadata"],
        &relationship["inverseLabel"],
        &relationship["constraints"],
        &relationship["metadata"],
    ] {
        assert_eq!(
            field["x-kubernetes-preserve-unknown-fields"], true,
            "{field}"
        );
    }
    assert!(class["label"].get("type").is_none());
}

/// Every field has a meaning that `kubectl explain` shows.
#[test]
fn every_field_is_described() {
    fn check(schema: &Value, path: &str, missing: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if field["description"].as_str().is_none_or(str::is_empty) {
                missing.push(path.clone());
            }
            check(field, &path, missing);
            check(&field["items"], &path, missing);
        }
    }
    let mut missing = Vec::new();
    for definition in definitions().unwrap() {
        let schema = &version(&definition.object)["schema"]["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            let path = format!("{}.{part}", definition.file);
            check(&schema[part], &path, &mut missing);
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What is left out has a default, which `kubectl explain` shows.
#[test]
fn every_default_is_described() {
    let mut missing = Vec::new();
    for definition in definitions().unwrap() {
        let schema = &version(&definition.object)["schema"]["openAPIV3Schema"]["properties"];
        let spec = &schema["spec"];
        let required = spec["required"].as_array().cloned().unwrap_or_default();
        for (name, field) in spec["properties"].as_object().unwrap() {
            let is_described = field["description"].as_str().unwrap().contains("default");
            if !is_described && !required.contains(&name.as_str().into()) {
                missing.push(format!("{}: {name}", definition.file));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
