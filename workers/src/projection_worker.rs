//! The projection worker: every domain event of a class or an instance becomes a document. The
//! superseded version that the event carries is kept for the branches that still show it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use spice_core::{
    envelope::{EventType, Kind},
    error::StoreError,
    event::{BranchCreated, BranchDeleted, BranchRebased, Superseded},
    guard::{Guard, Guards},
    handler,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    json::Json,
    lineage::Lineage,
    name::{BranchName, ClassName, InstanceId},
    port::{
        StoreResult,
        documents::{BranchPoints, Change, Document, Documents, Shown},
        graph::Entity,
        log::Log,
        sink::{Applied, SinkPosition, Sinks},
    },
    time::Timestamp,
};

use crate::{engine::Handler, event::Event, past::PastBranch};

/// Applies events to the documents.
pub struct ProjectionWorker {
    documents: Arc<dyn Documents>,
    log: Arc<dyn Log>,
    guards: Guards,
}

impl ProjectionWorker {
    /// Creates the worker of a documents sink. It reads the log only for branches at a past
    /// position.
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
    fn sinks(&self) -> &dyn Sinks {
        &*self.documents
    }

    fn name_of(&self, event: &Event<'_>) -> Option<&'static str> {
        if event.kind != Kind::Domain {
            return None;
        }
        match event.event_type {
            EventType::InstanceCreated
            | EventType::InstanceUpdated
            | EventType::InstanceDeleted
            | EventType::BranchCreated
            | EventType::BranchRebased
            | EventType::BranchDeleted => Some(handler::INSTANCE_EVENTS),
            EventType::OntologyClassCreated
            | EventType::OntologyClassUpdated
            | EventType::OntologyClassDeleted => Some(handler::ONTOLOGY_EVENTS),
            _ => None,
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
        let mut effects = Applied::default();
        let mut batch: Vec<Change> = Vec::with_capacity(events.len());
        // For each change: its event, and whether it is the event's own document.
        let mut origins: Vec<(usize, bool)> = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            batch.extend(branches(event)?.into_iter().map(Change::Branch));
            if let Some(branch) = PastBranch::of(event)? {
                let documents = branch.documents(&*self.log, stream).await?;
                batch.extend(documents.into_iter().map(Change::from));
            }
            origins.resize(batch.len(), (index, false));
            match documents(event, self.guards) {
                Ok(documents) => {
                    let is_own = |document: &Document| document.shown == Shown::Latest;
                    origins.extend(documents.iter().map(|document| (index, is_own(document))));
                    batch.extend(documents.into_iter().map(Change::from));
                }
                Err(error) => effects.refused.push((index, error)),
            }
        }
        let applied = self
            .documents
            .apply(stream, sink, from, through, &batch)
            .await?;
        effects.live = applied.live;
        for (change, error) in applied.refused {
            let (index, _) = origins[change];
            if !effects.refused.iter().any(|(known, _)| *known == index) {
                effects.refused.push((index, error));
            }
        }
        for change in applied.stale {
            if let (index, true) = origins[change] {
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

/// Returns the branch points after an event, if it changes them.
pub(crate) fn branches(event: &Event<'_>) -> StoreResult<Vec<BranchPoints>> {
    let at = |branch, base: &Lineage| BranchPoints {
        branch,
        points: base
            .levels()
            .iter()
            .map(|level| (level.generation, level.until))
            .collect(),
    };
    let gone = |branch| BranchPoints {
        branch,
        points: Vec::new(),
    };
    let own = BranchGeneration(event.position);
    Ok(match event.event_type {
        EventType::BranchCreated => {
            let created: BranchCreated = event.data()?;
            vec![at(own, &created.base)]
        }
        EventType::BranchRebased => {
            let rebased: BranchRebased = event.data()?;
            vec![at(own, &rebased.base), gone(rebased.previous)]
        }
        EventType::BranchDeleted => {
            let deleted: BranchDeleted = event.data()?;
            vec![gone(deleted.branch_generation)]
        }
        _ => Vec::new(),
    })
}

/// Returns the documents of an event: the version that it supersedes first, its own last.
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
    let own = Document {
        branch: (branch, event.branch()),
        entity,
        sequence: event.sequence.unwrap_or_default(),
        position: event.position,
        event_id: event.event_id,
        occurred_at: event.occurred_at,
        created_at,
        data,
        shown: Shown::Latest,
    };
    let superseded = superseded
        .filter(|version| version.is_of(event.branch()) && guards.has(Guard::SupersededVersions));
    let before = superseded.map(|version| before(&own, version));
    Ok(before.into_iter().chain([own]).collect())
}

/// Returns the version that a document supersedes.
fn before(document: &Document, version: Superseded) -> Document {
    Document {
        branch: document.branch.clone(),
        entity: document.entity.clone(),
        sequence: version.sequence_number,
        position: version.position,
        event_id: version.event_id,
        occurred_at: version.occurred_at,
        created_at: version.created_at,
        data: Some(version.data),
        shown: Shown::Until(document.position.before()),
    }
}
