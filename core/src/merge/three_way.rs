//! Merges two live states three-way, field by field.

use super::content::{Content, Fields, is_same};
use crate::json::Json;

/// A merge of two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The merged state; an undecided property has the target's value.
    pub state: Json,
    /// The properties that both sides changed differently; named as in
    /// [`super::Difference::properties`].
    pub undecided: Vec<String>,
}

/// Merges two states of an instance, property by property.
pub fn merge_instances(
    base: Option<&Json>,
    source: &Json,
    target: &Json,
) -> Result<Merged, serde_json::Error> {
    merge(Content::Instance, base, source, target)
}

/// Merges two definitions of a class, field by field and member by member.
pub fn merge_classes(
    base: Option<&Json>,
    source: &Json,
    target: &Json,
) -> Result<Merged, serde_json::Error> {
    merge(Content::Class, base, source, target)
}

fn merge(
    content: Content,
    base: Option<&Json>,
    source: &Json,
    target: &Json,
) -> Result<Merged, serde_json::Error> {
    let base = base.map(|base| content.split(base));
    let source = content.split(source);
    let target = content.split(target);
    let (merged, undecided) = three_way(base.as_ref(), &source, &target);
    Ok(Merged {
        state: content.join(&merged)?,
        undecided,
    })
}

/// The merged fields in the target's order, then the source's other fields; and the names of the
/// fields that both changed, which keep the target's values.
pub(crate) fn three_way(
    base: Option<&Fields>,
    source: &Fields,
    target: &Fields,
) -> (Fields, Vec<String>) {
    let mut merged = Fields::with_capacity(target.len());
    let mut undecided = Vec::new();
    let added = source.keys().filter(|name| !target.contains_key(*name));
    for name in target.keys().chain(added) {
        let known = base.and_then(|base| base.get(name));
        let (theirs, ours) = (source.get(name), target.get(name));
        let value = if is_equal(theirs, known) || is_equal(theirs, ours) {
            ours
        } else if is_equal(ours, known) {
            theirs
        } else {
            undecided.push(name.clone());
            ours
        };
        if let Some(value) = value {
            merged.insert(name.clone(), value.clone());
        }
    }
    undecided.sort();
    (merged, undecided)
}

fn is_equal(one: Option<&Json>, other: Option<&Json>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => is_same(one, other),
        _ => false,
    }
}
