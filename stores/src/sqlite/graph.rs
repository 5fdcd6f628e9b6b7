//! The graph on SQLite: every version of every class and instance, by position.

mod apply;
mod candidates;
mod index;
mod read;
mod rows;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::{ClassName, PropertyName},
    port::{
        StoreResult,
        graph::{Applied, Entity, Graph, Page, Sink, Version},
    },
    query::Filter,
};

use super::{
    database::{Database, Mode},
    open::{Location, Schema},
    scopes,
};

static SCHEMA: Schema = Schema {
    store: "graph",
    application: 0x5350_0002,
    version: 1,
    tables: &[scopes::TABLES, rows::TABLES, index::TABLES],
    cache: 8 * 1024,
};

/// The graph in one SQLite file.
#[derive(Clone)]
pub struct SqliteGraph {
    database: Database,
    guards: Guards,
    index_from: usize,
    building: Arc<Mutex<HashSet<(i64, String)>>>,
}

/// From how many versions on a class is worth an index over a property that is filtered by.
const INDEX_FROM: usize = 1_000;

impl SqliteGraph {
    /// Opens the graph, empty when there is none that can be used.
    pub fn open(location: &Location, mode: Mode, guards: Guards) -> StoreResult<Self> {
        Ok(Self {
            database: Database::open(location, mode, &SCHEMA)?,
            guards,
            index_from: INDEX_FROM,
            building: Arc::default(),
        })
    }

    /// Sets from how many versions on a class gets indexes over what is filtered by.
    #[must_use]
    pub fn with_indexes_from(self, versions: usize) -> Self {
        Self {
            index_from: versions,
            ..self
        }
    }

    /// Makes indexes for the next scan: beside the work, unless it all runs inline.
    async fn make_indexes(&self, missing: Vec<(i64, String)>) {
        for index in missing {
            if !self.building().insert(index.clone()) {
                continue;
            }
            let graph = self.clone();
            let build = async move {
                let (scope, property) = index.clone();
                let write = move |connection: &_| index::build(connection, scope, &property);
                if let Err(error) = graph.database.write(write).await {
                    tracing::warn!(property = index.1, %error, "could not make an index");
                }
                graph.building().remove(&index);
            };
            match self.database.mode() {
                Mode::Inline => build.await,
                Mode::Threads => drop(tokio::spawn(build)),
            }
        }
    }

    fn building(&self) -> MutexGuard<'_, HashSet<(i64, String)>> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Graph for SqliteGraph {
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        let stream = stream.clone();
        let find = {
            let stream = stream.clone();
            move |connection: &_| scopes::find_stream(connection, &stream)
        };
        if let Some(found) = self.database.read(find).await? {
            return Ok(found.into_sink());
        }
        let make = move |connection: &_| scopes::make_stream(connection, &stream);
        Ok(self.database.write(make).await?.into_sink())
    }

    async fn apply(
        &self,
        stream: &StreamId,
        generation: &str,
        from: LogPosition,
        through: LogPosition,
        versions: &[Version],
    ) -> StoreResult<Applied> {
        let (stream, generation) = (stream.clone(), generation.to_owned());
        let (versions, guards) = (versions.to_vec(), self.guards);
        let write = move |connection: &_| {
            let sink = scopes::enter_sink(connection, &stream, &generation, from, guards)?;
            let applied = apply::apply(connection, sink.id, &versions, guards)?;
            scopes::move_stream(connection, sink.id, sink.position.max(through))?;
            Ok(applied)
        };
        self.database.write(write).await
    }

    async fn get(&self, view: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        let (view, entities) = (view.clone(), entities.to_vec());
        let read = move |connection: &_| read::get(connection, &view, &entities);
        self.database.read(read).await
    }

    async fn scan(
        &self,
        view: &View,
        class: &ClassName,
        filters: &[Filter],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        let scan = read::Scan {
            view: view.clone(),
            class: class.clone(),
            filters: filters.to_vec(),
            after: after.map(str::to_owned),
            limit,
            index_from: self.index_from,
        };
        let read = move |connection: &_| read::scan(connection, &scan);
        let scanned = self.database.read(read).await?;
        self.make_indexes(scanned.missing).await;
        Ok(scanned.page)
    }

    async fn classes(&self, view: &View) -> StoreResult<Vec<Version>> {
        let view = view.clone();
        let read = move |connection: &_| read::classes(connection, &view);
        self.database.read(read).await
    }

    async fn referrers(
        &self,
        view: &View,
        source: &ClassName,
        predicate: &PropertyName,
        targets: &[InstanceRef],
    ) -> StoreResult<Vec<Version>> {
        let (view, source) = (view.clone(), source.clone());
        let (predicate, targets) = (predicate.clone(), targets.to_vec());
        let read =
            move |connection: &_| read::referrers(connection, &view, &source, &predicate, &targets);
        self.database.read(read).await
    }

    async fn history(&self, view: &View, entity: &Entity) -> StoreResult<Vec<Version>> {
        let (view, entity) = (view.clone(), entity.clone());
        let read = move |connection: &_| read::history(connection, &view, &entity);
        self.database.read(read).await
    }

    async fn latest(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Version>> {
        let (stream, after) = (stream.clone(), after.cloned());
        let read =
            move |connection: &_| read::latest(connection, &stream, branch, after.as_ref(), limit);
        self.database.read(read).await
    }

    async fn remove(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        let (stream, entities) = (stream.clone(), entities.to_vec());
        let write = move |connection: &_| apply::remove(connection, &stream, branch, &entities);
        self.database.write(write).await
    }

    async fn reset(&self, stream: &StreamId) -> StoreResult<Sink> {
        let stream = stream.clone();
        let write = move |connection: &_| {
            apply::clear(connection, &stream)?;
            scopes::make_stream(connection, &stream)
        };
        Ok(self.database.write(write).await?.into_sink())
    }
}
