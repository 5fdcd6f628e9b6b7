//! The version that an event adds to the graph.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use spice_core::{
    id::InstanceRef,
    json::Json,
    name::PropertyName,
    port::{
        Store, StoreResult,
        graph::{Entity, State, Version},
    },
};

use super::change::Change;
use crate::event::Event;

/// Returns the version that an event creates; none for an event that does not change the graph.
pub(crate) fn version(event: &Event<'_>) -> StoreResult<Option<Version>> {
    let Some(change) = Change::parse(event, Store::Graph)? else {
        return Ok(None);
    };
    let references = match (&change.entity, &change.data) {
        (Entity::Instance(_), Some(data)) => references(data),
        _ => Vec::new(),
    };
    Ok(Some(Version {
        branch: event.branch(),
        state: State {
            entity: change.entity,
            position: event.position,
            sequence: event.sequence.unwrap_or_default(),
            event_id: event.event_id,
            occurred_at: event.occurred_at,
            created_at: change.created_at,
            data: change.data,
        },
        references,
    }))
}

/// Returns every possible reference in a state by its shape alone: a string `Class/id`, or a list
/// of them, under any key. This includes every reference of any schema, so the worker needs no
/// schema; readers ask only for predicates that the class declares.
fn references(data: &Json) -> Vec<(PropertyName, InstanceRef)> {
    if !data.as_str().contains('/') {
        return Vec::new();
    }
    let Ok(properties) = data.read::<Fields<'_>>() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in &properties.0 {
        let targets = targets(value.get());
        if targets.is_empty() {
            continue;
        }
        let Ok(predicate) = key.parse::<PropertyName>() else {
            continue;
        };
        for target in targets {
            let reference = (predicate.clone(), target);
            if !found.contains(&reference) {
                found.push(reference);
            }
        }
    }
    found
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Fields<'a>(#[serde(borrow)] IndexMap<String, &'a RawValue>);

fn targets(value: &str) -> Vec<InstanceRef> {
    if !value.contains('/') {
        return Vec::new();
    }
    if value.starts_with('"') {
        return target(value).into_iter().collect();
    }
    if !value.starts_with('[') {
        return Vec::new();
    }
    let items: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
    items.iter().filter_map(|item| target(item.get())).collect()
}

fn target(value: &str) -> Option<InstanceRef> {
    if !value.starts_with('"') {
        return None;
    }
    let text: Text<'_> = serde_json::from_str(value).ok()?;
    text.0.parse().ok()
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
