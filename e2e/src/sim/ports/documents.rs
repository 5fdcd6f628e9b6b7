//! The documents behind a gate. Some entities they refuse for good, as long as they are poison.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use spice_core::{
    error::StoreError,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::ClassName,
    port::{
        StoreResult,
        documents::{BulkResult, Change, Document, Documents, Search, SearchPage},
        graph::{Entity, Sink},
    },
};
use spice_store_sqlite::SqliteDocuments;

use crate::sim::{faults::Port, gate::Gate, swap::Swap};

/// What a sink refuses for good.
#[derive(Clone, Default)]
pub struct Poison(Arc<Mutex<BTreeSet<Entity>>>);

impl Poison {
    /// From now on this is refused.
    pub fn put(&self, entity: Entity) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(entity);
    }

    /// From now on nothing is.
    pub fn lift(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn is(&self, entity: &Entity) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(entity)
    }
}

/// The documents of one node.
pub struct GatedDocuments {
    /// The way to them.
    pub gate: Gate,
    /// The documents.
    pub inner: Swap<SqliteDocuments>,
    /// What they refuse.
    pub poison: Poison,
}

macro_rules! gated {
    ($self:ident, $method:ident($($argument:expr),*)) => {{
        let effect = async { $self.inner.get().$method($($argument),*).await };
        $self.gate.call(Port::Documents, stringify!($method), effect).await
    }};
}

#[async_trait]
impl Documents for GatedDocuments {
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        gated!(self, sink(stream))
    }

    async fn apply(
        &self,
        stream: &StreamId,
        generation: &str,
        from: LogPosition,
        through: LogPosition,
        changes: &[Change],
    ) -> StoreResult<BulkResult> {
        let is_poison = |change: &Change| match change {
            Change::Document(document) => self.poison.is(&document.entity),
            Change::Branch(_) => false,
        };
        let good: Vec<usize> = (0..changes.len())
            .filter(|index| !is_poison(&changes[*index]))
            .collect();
        let taken: Vec<Change> = good.iter().map(|index| changes[*index].clone()).collect();
        let effect = async {
            let inner = self.inner.get();
            inner.apply(stream, generation, from, through, &taken).await
        };
        let answer = self.gate.call(Port::Documents, "apply", effect).await?;
        let mut refused: Vec<(usize, StoreError)> = (0..changes.len())
            .filter(|index| !good.contains(index))
            .map(|index| (index, poisoned()))
            .collect();
        refused.extend(
            answer
                .refused
                .into_iter()
                .map(|(index, error)| (good[index], error)),
        );
        Ok(BulkResult {
            refused,
            stale: answer.stale.into_iter().map(|index| good[index]).collect(),
        })
    }

    async fn get(
        &self,
        view: &View,
        instances: &[InstanceRef],
    ) -> StoreResult<Vec<Option<Document>>> {
        gated!(self, get(view, instances))
    }

    async fn search(&self, view: &View, search: &Search) -> StoreResult<SearchPage> {
        gated!(self, search(view, search))
    }

    async fn counts(&self, view: &View) -> StoreResult<Vec<(ClassName, u64)>> {
        gated!(self, counts(view))
    }

    async fn all(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Document>> {
        gated!(self, all(stream, branch, after, limit))
    }

    async fn remove(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        gated!(self, remove(stream, branch, entities))
    }

    async fn reset(&self, stream: &StreamId) -> StoreResult<Sink> {
        gated!(self, reset(stream))
    }
}

fn poisoned() -> StoreError {
    StoreError::Rejected {
        store: "documents",
        reason: "it is poison".into(),
    }
}
