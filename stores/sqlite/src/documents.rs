//! Documents on SQLite: the latest version of everything and the superseded versions that branches
//! still show, with lists, filters and full-text search.

mod apply;
mod builder;
mod conditions;
mod cursor;
mod hidden;
mod matches;
mod order;
mod pages;
mod points;
mod read;
mod remove;
mod row_set;
mod rows;
mod search;
mod sorted;
mod words;

use async_trait::async_trait;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::ClassName,
    port::{
        StoreResult,
        documents::{Change, Document, Documents, Search, SearchPage},
        graph::Entity,
        sink::{Applied, SinkPosition},
    },
};

use self::{builder::Builder, rows::DocumentRows};
use super::{
    database::{Database, Mode},
    lookup,
    open::{Location, Schema},
    scopes,
    sinks::{SinkFile, on_sink, sinks_in_file},
    streams,
};

static SCHEMA: Schema = Schema {
    store: rows::STORE,
    application: 0x5350_0003,
    version: 9,
    tables: &[
        streams::TABLES,
        scopes::TABLES,
        rows::TABLES,
        sorted::TABLES,
        points::TABLES,
    ],
    cache: 8 * 1024,
};

/// Documents in one SQLite file.
#[derive(Clone)]
pub struct SqliteDocuments {
    file: SinkFile,
    builder: Builder,
}

impl SqliteDocuments {
    /// Opens the documents; starts empty if there is no usable file.
    pub fn open(location: &Location, mode: Mode, guards: Guards) -> StoreResult<Self> {
        let database = Database::open(location, mode, &SCHEMA)?;
        Ok(Self {
            builder: Builder::new(&database),
            file: SinkFile { database, guards },
        })
    }

    /// Sets the number of documents from which a class gets indexes for its queries.
    #[must_use]
    pub fn with_indexes_from(mut self, documents: u64) -> Self {
        self.builder.from = documents;
        self
    }
}

sinks_in_file!(SqliteDocuments, Documents, remove::clear_slice);

#[async_trait]
impl Documents for SqliteDocuments {
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        changes: &[Change],
    ) -> StoreResult<Applied> {
        let (sink, range) = ((stream, sink), (from, through));
        self.file.apply(sink, range, changes, apply::apply).await
    }

    async fn get(
        &self,
        view: &View,
        instances: &[InstanceRef],
    ) -> StoreResult<Vec<Option<Document>>> {
        let (view, rows) = (view.clone(), DocumentRows(self.file.guards));
        let instances: Vec<_> = instances.iter().cloned().map(Entity::Instance).collect();
        let read = move |connection: &_| lookup::get(connection, &rows, &view, &instances);
        self.file.database.read(read).await
    }

    async fn search(&self, view: &View, search: &Search) -> StoreResult<SearchPage> {
        let (view, search, guards) = (view.clone(), search.clone(), self.file.guards);
        let from = self.builder.from;
        let read = move |connection: &_| search::search(connection, &view, &search, from, guards);
        let (page, missing) = self.file.database.read(read).await?;
        self.builder.build_all(missing).await;
        Ok(page)
    }

    async fn counts(&self, view: &View) -> StoreResult<Vec<(ClassName, u64)>> {
        let (view, guards) = (view.clone(), self.file.guards);
        let read = move |connection: &_| read::counts(connection, &view, guards);
        self.file.database.read(read).await
    }

    async fn all(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Document>> {
        let after = after.cloned();
        let read =
            move |connection: &_, sink| read::all(connection, sink, branch, after.as_ref(), limit);
        self.file.database.read(on_sink(stream, sink, read)).await
    }

    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        let (entities, guards) = (entities.to_vec(), self.file.guards);
        let write =
            move |connection: &_, sink| remove::remove(connection, sink, branch, &entities, guards);
        self.file.database.write(on_sink(stream, sink, write)).await
    }
}
