//! Converts documents to resources: splits lists, and checks each object by the schema of its kind
//! and by the rules for names.

use spice_crds::{
    API_VERSION, Branch, Exact, Fields, GROUP, Ontology,
    yaml::{self, Mark, Node, Problem, Tree},
};
use uuid::Uuid;

use super::{
    declaration::{AnyResource, Check, Declared, Flaw},
    schema::{JOB, Schemas, check, hint},
};
use crate::kind::Kind;

/// The fields of an object's metadata that its author writes.
const AUTHORED: [&str; 4] = ["name", "namespace", "labels", "annotations"];

/// The rules for declarations.
pub(super) struct Rules<'a> {
    pub(super) schemas: Schemas,
    pub(super) check: &'a Check,
}

/// Reads the documents of one text.
pub(super) fn read(
    rules: &Rules<'_>,
    name: &str,
    text: &str,
    flaws: &mut Vec<Flaw>,
) -> Vec<Declared> {
    let mut all = Vec::new();
    for (index, document) in yaml::read(text).into_iter().enumerate() {
        let source = format!("{name}, document {}", index + 1);
        let mut problems = document.problems;
        if let Some(root) = document.root.filter(|root| !root.is_null()) {
            let mut objects = Objects {
                rules,
                problems: &mut problems,
                declared: Vec::new(),
            };
            objects.take(&root, source.clone(), None);
            all.extend(objects.declared);
        }
        problems.sort_by_key(|problem| problem.at);
        flaws.extend(problems.into_iter().map(|problem| Flaw {
            place: match problem.at.line {
                0 => source.clone(),
                line => format!("{source}, line {line}"),
            },
            problem: problem.sentence,
        }));
    }
    all
}

/// The objects of one document.
struct Objects<'a> {
    rules: &'a Rules<'a>,
    problems: &'a mut Vec<Problem>,
    declared: Vec<Declared>,
}

impl Objects<'_> {
    fn note(&mut self, at: Mark, sentence: impl Into<String>) {
        let sentence = sentence.into();
        self.problems.push(Problem { at, sentence });
    }

    /// Takes an object, or the objects of a list. `listed` is the kind of the items of a typed
    /// list.
    fn take(&mut self, node: &Node, source: String, listed: Option<&str>) {
        if !matches!(node.tree, Tree::Object(_)) {
            let is = node.to_exact().type_name();
            return self.note(
                node.at,
                format!("a declaration must be an object; this is {is}"),
            );
        }
        let version = self.text(node, "apiVersion", listed.map(|_| API_VERSION));
        let kind = self.text(node, "kind", listed);
        let (Some(version), Some(kind)) = (version, kind) else {
            return;
        };
        if (version.as_str(), kind.as_str()) == ("v1", "List") {
            return self.take_list(node, &source, None);
        }
        if version != API_VERSION {
            let is_ours = version.starts_with(GROUP) || self.rules.schemas.get(&kind).is_some();
            let what = if is_ours {
                "the supported version is"
            } else {
                "the supported resources are"
            };
            return self.note(
                key_mark(node, "apiVersion"),
                format!("unknown apiVersion {version:?}; {what} {API_VERSION}"),
            );
        }
        if let Some(item) = kind
            .strip_suffix("List")
            .filter(|kind| self.rules.schemas.get(kind).is_some())
        {
            return self.take_list(node, &source, Some(item));
        }
        if kind == JOB {
            let sentence = "a ReplayJob is an action, which needs the operator of a Kubernetes \
                            cluster; without one, send POST /api/v1/databases/{db}/replays";
            return self.note(key_mark(node, "kind"), sentence);
        }
        let Some(schema) = self.rules.schemas.get(&kind) else {
            let kinds: Vec<&str> = self.rules.schemas.kinds().collect();
            let hint = hint(&kind, kinds.iter());
            let known = kinds.join(", ");
            let sentence = format!("unknown kind {kind:?}; the kinds are {known}{hint}");
            return self.note(key_mark(node, "kind"), sentence);
        };
        let before = self.problems.len();
        let value = check(node, schema, "", self.problems);
        self.check_names(node);
        if self.problems.len() > before {
            return;
        }
        match parse(&kind, &value) {
            Ok(resource) => {
                for breach in (self.rules.check)(&resource) {
                    self.note(node.place(&breach.field), breach.problem);
                }
                self.declared.push(Declared { source, resource });
            }
            Err(problems) => {
                let at = key_mark(node, "spec");
                for problem in problems {
                    self.note(at, problem);
                }
            }
        }
    }

    fn take_list(&mut self, node: &Node, source: &str, item: Option<&str>) {
        let Tree::Object(entries) = &node.tree else {
            return;
        };
        let known = ["apiVersion", "kind", "metadata", "items"];
        for entry in entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
        {
            let hint = hint(&entry.key, known.iter());
            self.note(
                entry.at,
                format!("unknown field {} of a list{hint}", entry.key),
            );
        }
        match node.get("items").map(|items| (items, &items.tree)) {
            Some((_, Tree::List(items))) => {
                for (index, node) in items.iter().enumerate() {
                    self.take(node, format!("{source}, item {}", index + 1), item);
                }
            }
            Some((_, Tree::Null)) => {}
            Some((items, _)) => self.note(items.at, "items must be an array"),
            None => self.note(node.at, "items is missing"),
        }
    }

    /// `apiVersion` or `kind`.
    fn text(&mut self, node: &Node, key: &str, otherwise: Option<&str>) -> Option<String> {
        match node.get(key).filter(|value| !value.is_null()) {
            None if otherwise.is_some() => otherwise.map(str::to_owned),
            None => {
                self.note(node.at, format!("{key} is missing"));
                None
            }
            Some(value) => {
                let text = value.as_str().map(str::to_owned);
                if text.is_none() {
                    self.note(value.at, format!("{key} must be a string"));
                }
                text
            }
        }
    }

    /// Checks the Kubernetes rules for names.
    fn check_names(&mut self, node: &Node) {
        let Some(metadata) = node.get("metadata") else {
            return;
        };
        for (key, longest, dots) in [("name", 253, true), ("namespace", 63, false)] {
            let Some(value) = metadata.get(key) else {
                continue;
            };
            if let Some(text) = value.as_str().filter(|text| !is_name(text, longest, dots)) {
                let dots = if dots { ", . " } else { " " };
                let sentence = format!(
                    "metadata.{key} {text:?} is not a Kubernetes name: use 1 to {longest} \
                     characters of a-z, 0-9{dots}and -, starting and ending with a letter or a \
                     digit"
                );
                self.note(value.at, sentence);
            }
        }
    }
}

fn is_name(text: &str, longest: usize, dots: bool) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=longest).contains(&text.len())
        && text
            .chars()
            .all(|c| is_end(c) || c == '-' || (dots && c == '.'))
        && text
            .split('.')
            .all(|part| part.starts_with(is_end) && part.ends_with(is_end))
}

/// The place of a key's value; for a missing key, the place of the object.
fn key_mark(node: &Node, key: &str) -> Mark {
    node.get(key).map_or(node.at, |value| value.at)
}

fn parse(kind: &str, value: &Exact) -> Result<AnyResource, Vec<String>> {
    Ok(match kind {
        Ontology::KIND => AnyResource::Ontology(Box::new(resource(value)?)),
        Branch::KIND => AnyResource::Branch(Box::new(resource(value)?)),
        _ => AnyResource::Database(Box::new(resource(value)?)),
    })
}

/// Creates the resource of an object, without the fields that an API server added.
fn resource<K: Kind>(value: &Exact) -> Result<K, Vec<String>> {
    let unreadable = |error: serde_json::Error| vec![error.to_string()];
    let fields = value.as_object().into_iter().flatten();
    let mut own: Fields = fields
        .filter(|(key, _)| *key != "status")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(Exact::Object(metadata)) = own.get_mut("metadata") {
        metadata.retain(|key, _| AUTHORED.contains(&key.as_str()));
    }
    let spec = own
        .get("spec")
        .map_or_else(|| Ok(String::new()), Exact::to_json);
    let digest_of = spec.map_err(unreadable)?;
    let text = Exact::Object(own).to_json().map_err(unreadable)?;
    let mut resource: K = serde_json::from_str(&text).map_err(unreadable)?;
    let problems = resource.problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    let meta = resource.meta_mut();
    let namespace = meta
        .namespace
        .get_or_insert_with(|| "default".into())
        .clone();
    let name = meta.name.clone().unwrap_or_default();
    let identity = format!("spice-declared:{namespace}/{name}/{}", K::KIND);
    meta.uid = Some(Uuid::new_v5(&Uuid::NAMESPACE_URL, identity.as_bytes()).to_string());
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, digest_of.as_bytes()).as_u128() >> 66;
    meta.generation = Some(i64::try_from(digest).unwrap_or(i64::MAX));
    Ok(resource)
}
