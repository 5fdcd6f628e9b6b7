//! The graph worker: every domain event of a class or an instance becomes one version.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use spice_core::{
    envelope::{EventType, Kind},
    error::StoreError,
    handler,
    id::{InstanceRef, LogPosition, StreamId},
    json::Json,
    name::{ClassName, InstanceId, PropertyName},
    port::{
        StoreResult,
        graph::{Entity, Graph, Version},
        sink::{Applied, SinkPosition, Sinks},
    },
    time::Timestamp,
};

use crate::{engine::Handler, event::Event};

/// Applies events to the graph.
pub struct GraphWorker {
    graph: Arc<dyn Graph>,
}

impl GraphWorker {
    /// The worker of a graph.
    pub fn new(graph: Arc<dyn Graph>) -> Self {
        Self { graph }
    }
}

#[async_trait]
impl Handler for GraphWorker {
    fn sinks(&self) -> &dyn Sinks {
        &*self.graph
    }

    fn name_of(&self, event: &Event<'_>) -> Option<&'static str> {
        if event.kind != Kind::Domain {
            return None;
        }
        match event.event_type {
            EventType::OntologyClassCreated
            | EventType::OntologyClassUpdated
            | EventType::OntologyClassDeleted => Some(handler::ONTOLOGY),
            EventType::InstanceCreated
            | EventType::InstanceUpdated
            | EventType::InstanceDeleted => Some(handler::INSTANCES),
            _ => Some(handler::BRANCHES),
        }
    }

    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Applied> {
        let mut refused = Vec::new();
        let mut versions = Vec::with_capacity(events.len());
        let mut origins = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            match version(event) {
                Ok(Some(version)) => {
                    versions.push(version);
                    origins.push(index);
                }
                Ok(None) => {}
                Err(error) => refused.push((index, error)),
            }
        }
        let applied = self
            .graph
            .apply(stream, sink, from, through, &versions)
            .await?;
        let of_events = applied.refused.into_iter();
        refused.extend(of_events.map(|(index, error)| (origins[index], error)));
        let stale = applied.stale.into_iter().map(|index| origins[index]);
        Ok(Applied {
            live: applied.live,
            refused,
            stale: stale.collect(),
        })
    }
}

#[derive(Deserialize)]
struct InstanceData {
    class_id: ClassName,
    instance_id: InstanceId,
    created_at: Timestamp,
    data: Option<Json>,
}

#[derive(Deserialize)]
struct ClassData {
    class_id: ClassName,
    created_at: Timestamp,
    class: Option<Json>,
}

/// Returns the version that an event creates; none for an event that does not change the graph.
pub(crate) fn version(event: &Event<'_>) -> Result<Option<Version>, StoreError> {
    if event.kind != Kind::Domain {
        return Ok(None);
    }
    let (entity, created_at, data, references) = match event.event_type {
        EventType::OntologyClassCreated
        | EventType::OntologyClassUpdated
        | EventType::OntologyClassDeleted => {
            let class: ClassData = event.data()?;
            (
                Entity::Class(class.class_id),
                class.created_at,
                class.class,
                Vec::new(),
            )
        }
        EventType::InstanceCreated | EventType::InstanceUpdated | EventType::InstanceDeleted => {
            let instance: InstanceData = event.data()?;
            let references = instance.data.as_ref().map_or_else(Vec::new, references);
            let entity = Entity::Instance(InstanceRef {
                class: instance.class_id,
                id: instance.instance_id,
            });
            (entity, instance.created_at, instance.data, references)
        }
        _ => return Ok(None),
    };
    Ok(Some(Version {
        branch: event.branch(),
        entity,
        position: event.position,
        sequence: event.sequence.unwrap_or_default(),
        event_id: event.event_id,
        occurred_at: event.occurred_at,
        created_at,
        data,
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
