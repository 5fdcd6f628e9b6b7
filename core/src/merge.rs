//! Compares two states of an aggregate, and merges states three-way. Pure; the decisions that use
//! it are in [`crate::decide`].

mod content;
mod three_way;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

pub(crate) use self::content::{Content, Fields, is_same, is_same_content};
pub(crate) use self::three_way::three_way;
pub use self::three_way::{Merged, merge_classes, merge_instances};
use crate::{id::AggregateId, json::Json};

/// The kind of change between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It exists only after.
    Added,
    /// It differs.
    Modified,
    /// It exists only before.
    Deleted,
}

/// One aggregate that differs between two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The aggregate, on the branch of the later state.
    pub aggregate: AggregateId,
    /// The kind of change.
    pub change: ChangeKind,
    /// The properties that differ, sorted; for a class its fields, and `properties.<name>` or
    /// `relationships.<predicate>` for its members. Empty unless it was modified.
    pub properties: Vec<String>,
    /// The whole state before; none if it did not exist.
    pub before: Option<Json>,
    /// The whole state after; none if it was deleted.
    pub after: Option<Json>,
}

/// A conflict, which a merge cannot decide by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The aggregate on the target branch.
    pub aggregate: AggregateId,
    /// The property; none if the conflict concerns the whole aggregate (a delete against a change).
    pub property: Option<String>,
    /// The rule of the ontology that the merged state breaks; none if both sides changed the same
    /// thing.
    pub rule: Option<String>,
    /// The common base; none if it did not exist.
    pub base: Option<Json>,
    /// The state of the source; none if it does not exist.
    pub source: Option<Json>,
    /// The state of the target; none if it does not exist.
    pub target: Option<Json>,
    /// A message for people.
    pub message: String,
}

/// A [`Conflict`] as it is sent to a client (contract §2).
#[derive(Serialize, JsonSchema)]
pub struct Undecided<'a> {
    /// The aggregate on the target branch.
    aggregate_id: String,
    /// The property; missing if the whole aggregate conflicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'a str>,
    /// Its path in resolutions of the earlier form: `aggregate_id/property`.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The broken rule of the ontology, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    /// The common base.
    #[schemars(required)]
    base: Option<&'a Json>,
    /// The source's state (`theirs`).
    #[schemars(required)]
    source: Option<&'a Json>,
    /// The target's state (`ours`).
    #[schemars(required)]
    target: Option<&'a Json>,
    /// A message for people.
    message: &'a str,
}

impl Serialize for Conflict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let property = self.property.as_deref();
        let undecided = Undecided {
            aggregate_id: self.aggregate.to_string(),
            property,
            path: property.map(|property| format!("{}/{property}", self.aggregate)),
            rule: self.rule.as_deref(),
            base: self.base.as_ref(),
            source: self.source.as_ref(),
            target: self.target.as_ref(),
            message: &self.message,
        };
        undecided.serialize(serializer)
    }
}

/// The difference between two states; none if their content is equal.
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
            let properties = find_differing(Content::of(&aggregate), before, after);
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
fn find_differing(content: Content, before: &Json, after: &Json) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let (before, after) = (content.split(before), content.split(after));
    let changed = after.iter().filter(|(name, value)| {
        let known = before.get(name.as_str());
        known.is_none_or(|known| !is_same(known, value))
    });
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut names: Vec<String> = changed.map(|(name, _)| name).chain(gone).cloned().collect();
    names.sort();
    names
}
