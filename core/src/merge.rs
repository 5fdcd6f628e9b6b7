//! Comparing two states of an aggregate, and three-way merging of states. Pure; the decisions on
//! top of it are in [`crate::decide`].

mod content;
mod three_way;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

pub(crate) use self::content::{Content, Fields, is_same, is_same_content};
pub(crate) use self::three_way::three_way;
pub use self::three_way::{Merged, merge_classes, merge_instances};
use crate::{id::AggregateId, json::Json};

/// What became of an aggregate between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is there only after.
    Added,
    /// It differs.
    Modified,
    /// It is there only before.
    Deleted,
}

/// One aggregate that differs between two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The aggregate, on the branch whose state is the later one.
    pub aggregate: AggregateId,
    /// What became of it.
    pub change: ChangeKind,
    /// The properties that differ, sorted; of a class its fields, and `properties.<name>` or
    /// `relationships.<predicate>` for its members. Empty unless it was modified.
    pub properties: Vec<String>,
    /// The whole state before; none when it was not there.
    pub before: Option<Json>,
    /// The whole state after; none when it is deleted.
    pub after: Option<Json>,
}

/// What a merge cannot decide by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The aggregate, on the branch merged into.
    pub aggregate: AggregateId,
    /// The property; none when the aggregate as a whole is in question (a delete against a change).
    pub property: Option<String>,
    /// The rule of the ontology that the merged state breaks; none when both sides changed the same.
    pub rule: Option<String>,
    /// What both had in common; none: it was not there.
    pub base: Option<Json>,
    /// What the source has; none: it is not there, or not any more.
    pub source: Option<Json>,
    /// What the branch merged into has; none: it is not there, or not any more.
    pub target: Option<Json>,
    /// A sentence for the person who reads it.
    pub message: String,
}

impl Conflict {
    /// What a resolution of the earlier kind calls it: `aggregate_id/property`.
    pub fn path(&self) -> Option<String> {
        let property = self.property.as_ref()?;
        Some(format!("{}/{property}", self.aggregate))
    }
}

impl Serialize for Conflict {
    /// As it is told to a client (contract §2).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("aggregate_id", &self.aggregate.to_string())?;
        if let Some(property) = &self.property {
            fields.serialize_entry("property", property)?;
        }
        if let Some(path) = self.path() {
            fields.serialize_entry("path", &path)?;
        }
        if let Some(rule) = &self.rule {
            fields.serialize_entry("rule", rule)?;
        }
        fields.serialize_entry("base", &self.base)?;
        fields.serialize_entry("source", &self.source)?;
        fields.serialize_entry("target", &self.target)?;
        fields.serialize_entry("message", &self.message)?;
        fields.end()
    }
}

/// What became of an aggregate between two states; none when its content is the same.
pub fn difference(
    aggregate: AggregateId,
    before: Option<&Json>,
    after: Option<&Json>,
) -> Option<Difference> {
    let (change, properties) = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => (ChangeKind::Added, Vec::new()),
        (Some(_), None) => (ChangeKind::Deleted, Vec::new()),
        (Some(before), Some(after)) => {
            let properties = differing(Content::of(&aggregate), before, after);
            if properties.is_empty() {
                return None;
            }
            (ChangeKind::Modified, properties)
        }
    };
    Some(Difference {
        aggregate,
        change,
        properties,
        before: before.cloned(),
        after: after.cloned(),
    })
}

/// The fields that differ, sorted.
fn differing(content: Content, before: &Json, after: &Json) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let (before, after) = (content.take_apart(before), content.take_apart(after));
    let changed = after.iter().filter(|(name, value)| {
        let known = before.get(name.as_str());
        known.is_none_or(|known| !is_same(known, value))
    });
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut names: Vec<String> = changed.map(|(name, _)| name).chain(gone).cloned().collect();
    names.sort();
    names
}
