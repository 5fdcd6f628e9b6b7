//! Documents on SQLite: the latest version of everything and the superseded versions that branches
//! still show, with lists, filters and full text.

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
    handler::Projection,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::ClassName,
    port::{
        StoreResult,
        documents::{Change, Document, Documents, Search, SearchPage},
        graph::Entity,
        sink::{Applied, Sink, SinkPosition, SinkRole, Sinks},
    },
};

use self::builder::Builder;
use super::{
    anchors::keeps_anchors,
    database::{Database, Mode},
    open::{Location, Schema},
    scopes,
};

static SCHEMA: Schema = Schema {
    store: rows::STORE,
    application: 0x5350_0003,
    version: 9,
    tables: &[scopes::TABLES, rows::TABLES, sorted::TABLES, points::TABLES],
    cache: 8 * 1024,
};

/// Documents in one SQLite file.
#[derive(Clone)]
pub struct SqliteDocuments {
    database: Database,
    guards: Guards,
    builder: Builder,
}

impl SqliteDocuments {
    /// Opens the documents, empty when there are none that can be used.
    pub fn open(location: &Location, mode: Mode, guards: Guards) -> StoreResult<Self> {
        let database = Database::open(location, mode, &SCHEMA)?;
        Ok(Self {
            builder: Builder::new(&database),
            database,
            guards,
        })
    }

    /// Sets from how many documents on a class gets indexes over what is asked for.
    #[must_use]
    pub fn with_indexes_from(mut self, documents: u64) -> Self {
        self.builder.from = documents;
        self
    }
}

keeps_anchors!(SqliteDocuments);

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
        let (stream, sink) = (stream.clone(), sink.to_owned());
        let (changes, guards) = (changes.to_vec(), self.guards);
        let write = move |connection: &_| {
            let sink = scopes::enter_sink(connection, &stream, &sink, from, guards)?;
            let mut applied = apply::apply(connection, sink.id, &changes, guards)?;
            applied.live = sink.role == SinkRole::Live;
            scopes::move_sink(connection, &sink, &through)?;
            Ok(applied)
        };
        self.database.write(write).await
    }

    async fn get(
        &self,
        view: &View,
        instances: &[InstanceRef],
    ) -> StoreResult<Vec<Option<Document>>> {
        let (view, instances, guards) = (view.clone(), instances.to_vec(), self.guards);
        let read = move |connection: &_| read::get(connection, &view, &instances, guards);
        self.database.read(read).await
    }

    async fn search(&self, view: &View, search: &Search) -> StoreResult<SearchPage> {
        let (view, search, guards) = (view.clone(), search.clone(), self.guards);
        let from = self.builder.from;
        let read = move |connection: &_| search::search(connection, &view, &search, from, guards);
        let (page, missing) = self.database.read(read).await?;
        self.builder.make(missing).await;
        Ok(page)
    }

    async fn counts(&self, view: &View) -> StoreResult<Vec<(ClassName, u64)>> {
        let (view, guards) = (view.clone(), self.guards);
        let read = move |connection: &_| read::counts(connection, &view, guards);
        self.database.read(read).await
    }

    async fn all(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Document>> {
        let (stream, sink, after) = (stream.clone(), sink.to_owned(), after.cloned());
        let read = move |connection: &_| {
            let sink = scopes::find_sink(connection, &stream, &sink)?;
            read::all(connection, sink.id, branch, after.as_ref(), limit)
        };
        self.database.read(read).await
    }

    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        let (stream, sink) = (stream.clone(), sink.to_owned());
        let (entities, guards) = (entities.to_vec(), self.guards);
        let write = move |connection: &_| {
            let sink = scopes::find_sink(connection, &stream, &sink)?;
            remove::remove(connection, sink.id, branch, &entities, guards)
        };
        self.database.write(write).await
    }
}

scopes::sinks_in_file!(SqliteDocuments, Projection::Documents, remove::clear);
