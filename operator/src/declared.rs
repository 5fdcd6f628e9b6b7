//! Declarations in YAML files: the same objects as an API server takes, read and checked without
//! one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use spice_crds::{API_VERSION, Branch, Database, Ontology};
use uuid::Uuid;

use crate::kind::Kind;

/// A resource of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyResource {
    /// A database.
    Database(Box<Database>),
    /// A class.
    Ontology(Box<Ontology>),
    /// A branch.
    Branch(Box<Branch>),
}

/// A resource, and where it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// File and document: `demo.yaml, document 2`.
    pub source: String,
    /// What is declared.
    pub resource: AnyResource,
}

/// Why files are not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeclaredError {
    /// A path cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A document is not a declaration, or breaks a rule.
    #[error("{place}: {problem}")]
    Invalid {
        /// File and document.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads files, and the `.yaml` and `.yml` files of directories, in order of name.
pub fn read_paths(paths: &[PathBuf]) -> Result<Vec<Declared>, DeclaredError> {
    let mut all = Vec::new();
    for path in paths {
        for file in yaml_files(path)? {
            let text = fs::read_to_string(&file).map_err(|source| unreadable(&file, source))?;
            all.extend(parse_documents(&file.display().to_string(), &text)?);
        }
    }
    refuse_twice(&all)?;
    Ok(all)
}

fn yaml_files(path: &Path) -> Result<Vec<PathBuf>, DeclaredError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|source| unreadable(path, source))? {
        let file = entry.map_err(|source| unreadable(path, source))?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, source: io::Error) -> DeclaredError {
    DeclaredError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

/// Reads the documents of one file.
pub fn parse_documents(file: &str, text: &str) -> Result<Vec<Declared>, DeclaredError> {
    let mut all = Vec::new();
    for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let place = format!("{file}, document {}", index + 1);
        let invalid = |problem: String| DeclaredError::Invalid {
            place: place.clone(),
            problem,
        };
        let value = Value::deserialize(document).map_err(|error| invalid(error.to_string()))?;
        if value.is_null() {
            continue;
        }
        let resource = parse(&value).map_err(invalid)?;
        all.push(Declared {
            source: place,
            resource,
        });
    }
    Ok(all)
}

fn parse(value: &Value) -> Result<AnyResource, String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion") != API_VERSION {
        return Err(format!(
            "apiVersion {:?} is not {API_VERSION}",
            text("apiVersion")
        ));
    }
    Ok(match text("kind") {
        Database::KIND => AnyResource::Database(Box::new(read(value)?)),
        Ontology::KIND => AnyResource::Ontology(Box::new(read(value)?)),
        Branch::KIND => AnyResource::Branch(Box::new(read(value)?)),
        other => {
            return Err(format!(
                "kind {other:?} is not Database, Ontology or Branch"
            ));
        }
    })
}

fn read<K: Kind>(value: &Value) -> Result<K, String> {
    let mut resource = K::deserialize_value(value)?;
    let written = serde_json::to_value(&resource).map_err(|error| error.to_string())?;
    if let (Some(given), Some(kept)) = (value.get("spec"), written.get("spec"))
        && let Some(path) = unknown_field(given, kept)
    {
        return Err(format!("unknown field spec{path}"));
    }
    if resource.object_name().is_empty() {
        return Err("metadata.name is missing".into());
    }
    let problems = resource.problems();
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let spec = written
        .get("spec")
        .map(Value::to_string)
        .unwrap_or_default();
    let meta = resource.meta_mut();
    let namespace = meta
        .namespace
        .get_or_insert_with(|| "default".into())
        .clone();
    let name = meta.name.clone().unwrap_or_default();
    let identity = format!("spice-declared:{namespace}/{name}/{}", K::KIND);
    meta.uid = Some(Uuid::new_v5(&Uuid::NAMESPACE_URL, identity.as_bytes()).to_string());
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, spec.as_bytes()).as_u128() >> 66;
    meta.generation = Some(i64::try_from(digest).unwrap_or(i64::MAX));
    meta.deletion_timestamp = None;
    Ok(resource)
}

trait FromValue: DeserializeOwned {
    fn deserialize_value(value: &Value) -> Result<Self, String> {
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())
    }
}

impl<T: DeserializeOwned> FromValue for T {}

/// The first field that was given and not understood; an empty one says nothing either way.
fn unknown_field(given: &Value, kept: &Value) -> Option<String> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(key, value)| {
            let path = match kept.get(key) {
                Some(understood) => unknown_field(value, understood)?,
                None if is_empty(value) => return None,
                None => String::new(),
            };
            Some(format!(".{key}{path}"))
        }),
        (Value::Array(given), Value::Array(kept)) => {
            given
                .iter()
                .zip(kept)
                .enumerate()
                .find_map(|(index, (value, understood))| {
                    let path = unknown_field(value, understood)?;
                    Some(format!("[{index}]{path}"))
                })
        }
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

impl AnyResource {
    /// Kind, namespace and name.
    pub fn identity(&self) -> (&'static str, String, String) {
        fn of<K: Kind>(resource: &K) -> (&'static str, String, String) {
            let namespace = resource.meta().namespace.clone().unwrap_or_default();
            (K::KIND, namespace, resource.object_name().to_owned())
        }
        match self {
            Self::Database(database) => of(&**database),
            Self::Ontology(ontology) => of(&**ontology),
            Self::Branch(branch) => of(&**branch),
        }
    }
}

fn refuse_twice(all: &[Declared]) -> Result<(), DeclaredError> {
    let mut seen = std::collections::BTreeMap::new();
    for declared in all {
        let identity = declared.resource.identity();
        let (kind, _, name) = identity.clone();
        if let Some(first) = seen.insert(identity, &declared.source) {
            return Err(DeclaredError::Invalid {
                place: declared.source.clone(),
                problem: format!("{kind} {name} is declared already in {first}"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
