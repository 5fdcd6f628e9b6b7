//! The graph on SQLite: every version of every class and instance, by position.

mod apply;
mod read;
mod referrers;
mod rows;

use async_trait::async_trait;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::{ClassName, PropertyName},
    port::{
        StoreResult,
        graph::{Entity, Graph, Page, Version},
        sink::{Applied, SinkPosition},
    },
    query::Filter,
};

use self::rows::Versions;
use super::{
    database::{Database, Mode},
    index::{self, Indexer},
    lookup,
    open::{Location, Schema},
    scopes,
    sinks::{SinkFile, on_sink, sinks_in_file},
    streams,
};

static SCHEMA: Schema = Schema {
    store: rows::STORE,
    application: 0x5350_0002,
    version: 5,
    tables: &[streams::TABLES, scopes::TABLES, rows::TABLES, index::TABLES],
    cache: 8 * 1024,
};

/// The graph in one SQLite file.
#[derive(Clone)]
pub struct SqliteGraph {
    file: SinkFile,
    indexer: Indexer,
}

impl SqliteGraph {
    /// Opens the graph; starts empty if there is no usable file.
    pub fn open(location: &Location, mode: Mode, guards: Guards) -> StoreResult<Self> {
        let database = Database::open(location, mode, &SCHEMA)?;
        Ok(Self {
            indexer: Indexer::new(&database),
            file: SinkFile { database, guards },
        })
    }

    /// Sets the number of versions from which a class gets indexes for its filters.
    #[must_use]
    pub fn with_indexes_from(mut self, versions: usize) -> Self {
        self.indexer.from = versions;
        self
    }
}

sinks_in_file!(SqliteGraph, Graph, apply::clear_slice);

#[async_trait]
impl Graph for SqliteGraph {
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        versions: &[Version],
    ) -> StoreResult<Applied> {
        let (sink, range) = ((stream, sink), (from, through));
        self.file.apply(sink, range, versions, apply::apply).await
    }

    async fn get(&self, view: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        let (view, entities) = (view.clone(), entities.to_vec());
        let read = move |connection: &_| lookup::get(connection, &Versions, &view, &entities);
        self.file.database.read(read).await
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
            indexer: self.indexer.clone(),
        };
        let read = move |connection: &_| read::scan(connection, &scan);
        let scanned = self.file.database.read(read).await?;
        self.indexer.build_all(scanned.missing).await;
        Ok(scanned.page)
    }

    async fn classes(&self, view: &View) -> StoreResult<Vec<Version>> {
        let view = view.clone();
        let read = move |connection: &_| read::classes(connection, &view);
        self.file.database.read(read).await
    }

    async fn referrers(
        &self,
        view: &View,
        source: &ClassName,
        predicate: &PropertyName,
        targets: &[InstanceRef],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        let question = referrers::Question {
            view: view.clone(),
            source: source.clone(),
            predicate: predicate.clone(),
            targets: targets.to_vec(),
            after: after.map(str::to_owned),
            limit,
        };
        let read = move |connection: &_| referrers::referrers(connection, &question);
        self.file.database.read(read).await
    }

    async fn history_before(
        &self,
        view: &View,
        entity: &Entity,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Version>> {
        let (view, entity) = (view.clone(), entity.clone());
        let read = move |connection: &_| read::history(connection, &view, &entity, before, limit);
        self.file.database.read(read).await
    }

    async fn latest(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Version>> {
        let after = after.cloned();
        let read = move |connection: &_, sink| {
            read::latest(connection, sink, branch, after.as_ref(), limit)
        };
        self.file.database.read(on_sink(stream, sink, read)).await
    }

    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        let entities = entities.to_vec();
        let write = move |connection: &_, sink| apply::remove(connection, sink, branch, &entities);
        self.file.database.write(on_sink(stream, sink, write)).await
    }
}
