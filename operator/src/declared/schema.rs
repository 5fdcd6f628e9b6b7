//! Checks a declaration against the schema of its kind, like an API server with strict validation:
//! unknown fields at any level, types, required fields, lengths, members and patterns.

use std::collections::BTreeMap;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Value, json};
use spice_crds::{
    Exact, Fields,
    crdgen::definitions,
    yaml::{Mark, Node, Problem, Tree},
};

/// The kind that declares nothing: it is an action, which only the operator can carry out once.
pub(super) const JOB: &str = "ReplayJob";

/// The schema of each kind that declares something.
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Loads the schemas from the custom resource definitions.
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        let mut schemas = BTreeMap::new();
        for definition in definitions()? {
            let object = definition.object;
            let kind = object.pointer("/spec/names/kind").and_then(Value::as_str);
            let schema = object.pointer("/spec/versions/0/schema/openAPIV3Schema/properties");
            let (Some(kind), Some(own)) = (kind, schema.and_then(Value::as_object)) else {
                continue;
            };
            if kind == JOB {
                continue;
            }
            let mut properties = own.clone();
            properties.insert("apiVersion".into(), json!({"type": "string"}));
            properties.insert("kind".into(), json!({"type": "string"}));
            properties.insert("metadata".into(), metadata());
            let schema = json!({"type": "object", "properties": properties, "required": ["metadata", "spec"]});
            schemas.insert(kind.to_owned(), schema);
        }
        Ok(Self(schemas))
    }

    /// The schema of a kind.
    pub(super) fn get(&self, kind: &str) -> Option<&Value> {
        self.0.get(kind)
    }

    /// Every kind.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// `ObjectMeta` of Kubernetes.
fn metadata() -> Value {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let flag = json!({"type": "boolean"});
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let owner = json!({"type": "object", "properties": {
        "apiVersion": text, "kind": text, "name": text, "uid": text,
        "controller": flag, "blockOwnerDeletion": flag,
    }});
    json!({"type": "object", "required": ["name"], "properties": {
        "name": text, "generateName": text, "namespace": text, "labels": texts,
        "annotations": texts, "uid": text, "resourceVersion": text, "generation": number,
        "selfLink": text, "creationTimestamp": text, "deletionTimestamp": text,
        "deletionGracePeriodSeconds": number,
        "finalizers": {"type": "array", "items": text},
        "ownerReferences": {"type": "array", "items": owner},
        "managedFields": {"type": "array", "items": anything},
    }})
}

/// Checks a node and returns its value, without nulls of typed fields, as an API server prunes
/// them.
pub(super) fn check(node: &Node, schema: &Value, path: &str, found: &mut Vec<Problem>) -> Exact {
    let mut refuse = |at: Mark, sentence: String| {
        found.push(Problem { at, sentence });
        Exact::Null
    };
    let Some(wanted) = schema.get("type").and_then(Value::as_str) else {
        return check_free(node, path, found);
    };
    match (wanted, &node.tree) {
        ("object", Tree::Object(_)) => check_object(node, schema, path, found),
        ("array", Tree::List(items)) => {
            let limit = schema.get("maxItems").and_then(Value::as_u64);
            if let Some(limit) = limit.filter(|limit| items.len() as u64 > *limit) {
                let sentence = format!(
                    "{path} has {} items; at most {limit} are allowed",
                    items.len()
                );
                refuse(node.at, sentence);
            }
            let any = Value::Null;
            let schema = schema.get("items").unwrap_or(&any);
            let items = items.iter().enumerate();
            Exact::List(
                items
                    .map(|(index, item)| check(item, schema, &format!("{path}[{index}]"), found))
                    .collect(),
            )
        }
        ("string", Tree::Text(text)) => {
            if let Some(sentence) = check_text(text, schema) {
                return refuse(node.at, format!("{path} {sentence}"));
            }
            node.to_exact()
        }
        ("boolean", Tree::Bool(_) | Tree::Switch { .. }) => node.to_exact(),
        ("integer", Tree::Number(number)) => match number.as_str().parse::<i64>() {
            Ok(value) if is_over(value, schema) => node.to_exact(),
            _ => refuse(node.at, format!("{path} cannot be {}", number.as_str())),
        },
        _ => refuse(node.at, mismatch(path, wanted, node)),
    }
}

fn is_over(value: i64, schema: &Value) -> bool {
    let minimum = schema.get("minimum").and_then(Value::as_f64);
    // Exact for every minimum in our schemas.
    #[allow(clippy::cast_precision_loss)]
    minimum.is_none_or(|minimum| value as f64 >= minimum)
}

fn check_text(text: &str, schema: &Value) -> Option<String> {
    let length = text.chars().count() as u64;
    let number = |key: &str| schema.get(key).and_then(Value::as_u64);
    if let Some(limit) = number("maxLength").filter(|limit| length > *limit) {
        return Some(format!(
            "has {length} characters; at most {limit} are allowed"
        ));
    }
    if number("minLength").is_some_and(|limit| length < limit) {
        return Some("cannot be empty".to_owned())
            .filter(|_| length == 0)
            .or_else(|| {
                Some(format!(
                    "has {length} characters; at least {} are required",
                    number("minLength").unwrap_or(0)
                ))
            });
    }
    if let Some(members) = schema.get("enum").and_then(Value::as_array) {
        let members: Vec<&str> = members.iter().filter_map(Value::as_str).collect();
        if !members.contains(&text) {
            let members = members.join(", ");
            return Some(format!("cannot be {text:?}; it must be one of {members}"));
        }
    }
    let written = |key: &str| schema.get(key).and_then(Value::as_str);
    if let Some(pattern) = written("pattern") {
        match Regex::new(pattern) {
            Ok(known) if known.is_match(text) => {}
            Ok(_) => return Some(format!("cannot be {text:?}; it must match {pattern}")),
            Err(error) => return Some(format!("has an invalid pattern: {error}")),
        }
    }
    let is_moment = written("format") == Some("date-time");
    if is_moment && text.parse::<Timestamp>().is_err() {
        let example = "2026-01-31T12:00:00Z";
        return Some(format!(
            "cannot be {text:?}; it must be a time such as {example}"
        ));
    }
    None
}

fn mismatch(path: &str, wanted: &str, node: &Node) -> String {
    let article = if matches!(wanted, "object" | "array" | "integer") {
        "an"
    } else {
        "a"
    };
    let (is, quote) = match &node.tree {
        Tree::Switch { text, .. } => (
            format!("{text}, which is a boolean in YAML 1.1"),
            Some(text.as_str()),
        ),
        Tree::Bool(flag) => (flag.to_string(), Some(if *flag { "true" } else { "false" })),
        Tree::Number(number) => (
            format!("the number {}", number.as_str()),
            Some(number.as_str()),
        ),
        Tree::Text(text) => (format!("the text {text:?}"), None),
        Tree::Null => ("empty".to_owned(), None),
        Tree::List(_) | Tree::Object(_) => (node.to_exact().type_name().to_owned(), None),
    };
    let hint = quote
        .filter(|_| wanted == "string")
        .map_or_else(String::new, |text| {
            format!(". Write it in quotes: \"{text}\"")
        });
    format!("{path} must be {article} {wanted}; it is {is}{hint}")
}

fn check_object(node: &Node, schema: &Value, path: &str, found: &mut Vec<Problem>) -> Exact {
    let Tree::Object(entries) = &node.tree else {
        return Exact::Null;
    };
    let known = schema.get("properties").and_then(Value::as_object);
    let free = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    let additional = schema.get("additionalProperties");
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    let mut fields = Fields::new();
    for entry in entries {
        let path = below(&entry.key);
        let schema = known.and_then(|known| known.get(&entry.key)).or(additional);
        let value = match schema {
            Some(schema) if entry.value.is_null() && schema.get("type").is_some() => continue,
            Some(schema) => check(&entry.value, schema, &path, found),
            None if free => check_free(&entry.value, &path, found),
            None => {
                let names = known.into_iter().flat_map(|known| known.keys());
                let sentence = format!("unknown field {path}{}", hint(&entry.key, names));
                found.push(Problem {
                    at: entry.at,
                    sentence,
                });
                continue;
            }
        };
        fields.insert(entry.key.clone(), value);
    }
    let required = schema.get("required").and_then(Value::as_array);
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if node.get(key).is_none_or(Node::is_null) {
            found.push(Problem {
                at: node.at,
                sentence: format!("{} is missing", below(key)),
            });
        }
    }
    Exact::Object(fields)
}

/// Checks free-form data: refuses only scalars that YAML readers interpret differently.
fn check_free(node: &Node, path: &str, found: &mut Vec<Problem>) -> Exact {
    match &node.tree {
        Tree::Switch { text, on } => {
            found.push(Problem {
                at: node.at,
                sentence: format!(
                    "{path}: {text} is a boolean in YAML 1.1 (kubectl) and a text in YAML 1.2; \
                     write {on} to mean the boolean, \"{text}\" to mean the text"
                ),
            });
            Exact::Null
        }
        Tree::List(items) => {
            let items = items.iter().enumerate();
            Exact::List(
                items
                    .map(|(index, item)| check_free(item, &format!("{path}[{index}]"), found))
                    .collect(),
            )
        }
        Tree::Object(entries) => Exact::Object(
            entries
                .iter()
                .map(|entry| {
                    let path = format!("{path}.{}", entry.key);
                    (entry.key.clone(), check_free(&entry.value, &path, found))
                })
                .collect(),
        ),
        _ => node.to_exact(),
    }
}

/// A suggestion; none if no name is similar.
pub(super) fn hint<'a>(given: &str, names: impl Iterator<Item = impl AsRef<str> + 'a>) -> String {
    let given = given.to_lowercase();
    let near = names
        .map(|name| {
            let distance = strsim::damerau_levenshtein(&given, &name.as_ref().to_lowercase());
            (distance, name)
        })
        .filter(|(distance, _)| *distance <= 2 && *distance < given.len().max(2))
        .min_by_key(|(distance, _)| *distance);
    near.map_or_else(String::new, |(_, name)| {
        format!("; did you mean {}?", name.as_ref())
    })
}
