//! The projection worker: every domain event of a class or an instance becomes a document, after
//! the copies of what it supersedes have gone to the branches that still show it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use spice_core::{
    envelope::{EventType, Kind},
    error::StoreError,
    event::Superseded,
    guard::{Guard, Guards},
    handler::{self, Projection},
    id::{InstanceRef, LogPosition, StreamId},
    json::Json,
    name::{BranchName, ClassName, InstanceId},
    port::{
        StoreResult,
        documents::{Document, Documents},
        graph::{Entity, Sink},
        log::Log,
    },
    time::Timestamp,
};

use crate::{
    engine::{Effects, Handler},
    event::Event,
    past::PastBranch,
};

/// The worker's name.
pub const NAME: &str = Projection::Documents.worker();
/// The names under which it records.
pub const NAMES: &[&str] = Projection::Documents.handlers();

/// Applies events to the documents.
pub struct ProjectionWorker {
    documents: Arc<dyn Documents>,
    log: Arc<dyn Log>,
    guards: Guards,
}

impl ProjectionWorker {
    /// The worker of a documents sink; what a branch at a past position shows is in the log.
    pub fn new(documents: Arc<dyn Documents>, log: Arc<dyn Log>, guards: Guards) -> Self {
        Self {
            documents,
            log,
            guards,
        }
    }
}

#[async_trait]
impl Handler for ProjectionWorker {
    fn worker(&self) -> &'static str {
        NAME
    }

    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn name_of(&self, event: &Event<'_>) -> Option<&'static str> {
        if event.kind != Kind::Domain {
            return None;
        }
        match event.event_type {
            EventType::InstanceCreated
            | EventType::InstanceUpdated
            | EventType::InstanceDeleted
            | EventType::BranchCreated => Some(handler::INSTANCE_EVENTS),
            EventType::OntologyClassCreated
            | EventType::OntologyClassUpdated
            | EventType::OntologyClassDeleted => Some(handler::ONTOLOGY_EVENTS),
            _ => None,
        }
    }

    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        self.documents.sink(stream).await
    }

    async fn reset(&self, stream: &StreamId) -> StoreResult<Sink> {
        self.documents.reset(stream).await
    }

    async fn apply(
        &self,
        stream: &StreamId,
        generation: &str,
        from: LogPosition,
        through: LogPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Effects> {
        let mut effects = Effects::default();
        let mut batch: Vec<Document> = Vec::with_capacity(events.len());
        // Of each document: its event, and whether it is the event's own and not a copy.
        let mut origins: Vec<(usize, bool)> = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            if let Some(branch) = PastBranch::of(event)? {
                let copies = branch.copies(&*self.log, stream).await?;
                origins.extend(copies.iter().map(|_| (index, false)));
                batch.extend(copies);
            }
            match documents(event, self.guards) {
                Ok(made) => {
                    let count = made.len();
                    origins.extend((1..=count).map(|number| (index, number == count)));
                    batch.extend(made);
                }
                Err(error) => effects.refused.push((index, error)),
            }
        }
        let applied = self
            .documents
            .apply(stream, generation, from, through, &batch)
            .await?;
        for (document, error) in applied.refused {
            let (index, _) = origins[document];
            if !effects.refused.iter().any(|(known, _)| *known == index) {
                effects.refused.push((index, error));
            }
        }
        for document in applied.stale {
            if let (index, true) = origins[document] {
                effects.stale.push(index);
            }
        }
        Ok(effects)
    }
}

#[derive(Deserialize)]
struct InstanceData {
    branch: BranchName,
    class_id: ClassName,
    instance_id: InstanceId,
    created_at: Timestamp,
    data: Option<Json>,
    superseded: Option<Superseded>,
}

#[derive(Deserialize)]
struct ClassData {
    branch: BranchName,
    class_id: ClassName,
    created_at: Timestamp,
    class: Option<Json>,
    superseded: Option<Superseded>,
}

/// The documents that an event makes: copies for other branches first, its own last.
pub(crate) fn documents(event: &Event<'_>, guards: Guards) -> Result<Vec<Document>, StoreError> {
    if event.kind != Kind::Domain {
        return Ok(Vec::new());
    }
    let (branch, entity, created_at, data, superseded) = match event.event_type {
        EventType::OntologyClassCreated
        | EventType::OntologyClassUpdated
        | EventType::OntologyClassDeleted => {
            let class: ClassData = event.data()?;
            let entity = Entity::Class(class.class_id);
            (
                class.branch,
                entity,
                class.created_at,
                class.class,
                class.superseded,
            )
        }
        EventType::InstanceCreated | EventType::InstanceUpdated | EventType::InstanceDeleted => {
            let instance: InstanceData = event.data()?;
            let entity = Entity::Instance(InstanceRef {
                class: instance.class_id,
                id: instance.instance_id,
            });
            (
                instance.branch,
                entity,
                instance.created_at,
                instance.data,
                instance.superseded,
            )
        }
        _ => return Ok(Vec::new()),
    };
    let mut made = match superseded {
        Some(superseded) if guards.has(Guard::SupersededCopies) => copies(&entity, &superseded),
        _ => Vec::new(),
    };
    made.push(Document {
        branch: (branch, event.branch()),
        entity,
        sequence: event.sequence.unwrap_or_default(),
        position: event.position,
        event_id: event.event_id,
        occurred_at: event.occurred_at,
        created_at,
        data,
    });
    Ok(made)
}

fn copies(entity: &Entity, superseded: &Superseded) -> Vec<Document> {
    superseded
        .branches
        .iter()
        .map(|branch| Document {
            branch: (branch.name.clone(), branch.generation),
            entity: entity.clone(),
            sequence: superseded.sequence_number,
            position: superseded.position,
            event_id: superseded.event_id,
            occurred_at: superseded.occurred_at,
            created_at: superseded.created_at,
            data: Some(superseded.data.clone()),
        })
        .collect()
}
