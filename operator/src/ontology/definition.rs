//! The class as the api writes it, and how two of them are compared: a name given in its older
//! form, or a default that is spelled out, makes no difference.

use serde_json::{Map, Value, json};
use spice_crds::OntologySpec;

/// The keys of a class that a declaration speaks of, with what stands for "none" in a change.
const KEYS: [&str; 7] = [
    "label",
    "description",
    "parent_class",
    "abstract",
    "properties",
    "relationships",
    "metadata",
];

/// The class that is declared, as the api takes it, without its id.
pub(super) fn definition(spec: &OntologySpec) -> Map<String, Value> {
    let mut class = Map::new();
    class.insert("label".into(), spec.label.clone());
    if let Some(description) = &spec.description {
        class.insert("description".into(), description.clone());
    }
    if let Some(parent) = &spec.parent_class {
        class.insert("parent_class".into(), parent.as_str().into());
    }
    if let Some(is_abstract) = spec.is_abstract {
        class.insert("abstract".into(), is_abstract.into());
    }
    if !spec.properties.is_empty() {
        class.insert("properties".into(), json!(spec.properties));
    }
    if !spec.relationships.is_empty() {
        let relationships: Vec<Value> = spec
            .relationships
            .iter()
            .map(|relationship| renamed(&json!(relationship)))
            .collect();
        class.insert("relationships".into(), relationships.into());
    }
    if !spec.metadata.is_empty() {
        class.insert("metadata".into(), spec.metadata.clone().into());
    }
    class
}

/// What has to be written for `stored` to become what is declared.
pub(super) fn difference(
    spec: &OntologySpec,
    stored: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    let declared = definition(spec);
    let mut change = Map::new();
    for key in KEYS {
        let wanted = declared.get(key);
        if normal(key, wanted) != normal(key, stored.get(key)) {
            change.insert(key.into(), wanted.cloned().unwrap_or_else(|| none(key)));
        }
    }
    (!change.is_empty()).then_some(change)
}

fn none(key: &str) -> Value {
    match key {
        "abstract" => json!(false),
        "properties" | "relationships" => json!([]),
        "metadata" => json!({}),
        _ => Value::Null,
    }
}

fn renamed(relationship: &Value) -> Value {
    let rename = |key: &str| match key {
        "inversePredicate" => "inverse_predicate".to_owned(),
        "inverseLabel" => "inverse_label".to_owned(),
        other => other.to_owned(),
    };
    let entries = relationship.as_object().into_iter().flatten();
    entries
        .map(|(key, value)| (rename(key), value.clone()))
        .collect()
}

fn normal(key: &str, value: Option<&Value>) -> Option<Value> {
    let value = value.filter(|value| !is_none(value))?;
    let list = || value.as_array().into_iter().flatten();
    Some(match key {
        "properties" => list().map(normal_property).collect(),
        "relationships" => list().map(normal_relationship).collect(),
        _ => value.clone(),
    })
}

fn is_none(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn normal_property(property: &Value) -> Value {
    let Some(entries) = property.as_object() else {
        return property.clone();
    };
    let mut normal = Map::new();
    for (key, value) in entries {
        let key = match key.as_str() {
            "primary_key" => "primaryKey",
            "linkTarget" | "link_target" => "target",
            "is_relationship" => "isRelationship",
            other => other,
        };
        let value = match (key, value) {
            ("default", default) if !default.is_null() => default.clone(),
            (_, empty) if is_none(empty) => continue,
            ("type", Value::String(name)) => name.trim_start_matches("xsd:").into(),
            ("items", items) => normal_property(items),
            (_, other) => other.clone(),
        };
        normal.insert(key.to_owned(), value);
    }
    drop_default_label(&mut normal, "name");
    normal.into()
}

fn normal_relationship(relationship: &Value) -> Value {
    let Some(entries) = relationship.as_object() else {
        return relationship.clone();
    };
    let kept = entries.iter().filter(|(_, value)| !is_none(value));
    let mut normal: Map<String, Value> = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    drop_default_label(&mut normal, "predicate");
    match normal.get("cardinality").and_then(Value::as_str) {
        None => normal.insert("cardinality".into(), "1:n".into()),
        Some("n:n") => normal.insert("cardinality".into(), "n:m".into()),
        Some(_) => None,
    };
    normal.into()
}

fn drop_default_label(entries: &mut Map<String, Value>, key: &str) {
    if entries.get("label") == entries.get(key) {
        entries.remove("label");
    }
}

#[cfg(test)]
mod tests;
