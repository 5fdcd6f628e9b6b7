//! Opens registry, graph and documents.

use std::{path::Path, sync::Arc};

use spice_core::{
    guard::Guards,
    port::{Store, StoreResult, registry::Anchors},
};
use spice_store_sqlite::{Claim, Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};

use super::error::OpenError;
use crate::address::{Addresses, TablesAddress};

/// What happens to a file that is missing or cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// It is created; a damaged one is set aside first.
    Prepare,
    /// It is an error.
    Keep,
}

/// Claims registry, graph and documents for the process that appends to their log. Blocks.
pub(super) fn claim_all(addresses: &Addresses) -> Result<Vec<Claim>, OpenError> {
    let addresses = [
        (Store::Registry, addresses.registry()),
        (Store::Graph, addresses.graph()),
        (Store::Documents, addresses.documents()),
    ];
    let claims = addresses.map(|(store, TablesAddress::Sqlite(path))| {
        Claim::take(store, path).map_err(|source| OpenError::Store { store, source })
    });
    claims.into_iter().collect()
}

/// Registry, graph and documents, open.
pub(super) struct Tables {
    pub(super) registry: Arc<SqliteRegistry>,
    pub(super) graph: Arc<SqliteGraph>,
    pub(super) documents: Arc<SqliteDocuments>,
}

/// A store that has seen the logs, or why it cannot be opened.
pub type Witness = (Store, StoreResult<Arc<dyn Anchors>>);

impl Tables {
    /// Opens all three. Blocks.
    pub(super) fn open(addresses: &Addresses, files: Files) -> Result<Self, OpenError> {
        let failed = |store| move |source| OpenError::Store { store, source };
        let registry = open_registry(addresses.registry(), files);
        let graph = open_graph(addresses.graph(), files);
        let documents = open_documents(addresses.documents(), files);
        Ok(Self {
            registry: registry.map_err(failed(Store::Registry))?,
            graph: graph.map_err(failed(Store::Graph))?,
            documents: documents.map_err(failed(Store::Documents))?,
        })
    }
}

fn open_registry(address: &TablesAddress, files: Files) -> StoreResult<Arc<SqliteRegistry>> {
    SqliteRegistry::open(&location(address, files), Mode::Threads, Guards::default()).map(Arc::new)
}

fn open_graph(address: &TablesAddress, files: Files) -> StoreResult<Arc<SqliteGraph>> {
    SqliteGraph::open(&location(address, files), Mode::Threads, Guards::default()).map(Arc::new)
}

fn open_documents(address: &TablesAddress, files: Files) -> StoreResult<Arc<SqliteDocuments>> {
    SqliteDocuments::open(&location(address, files), Mode::Threads, Guards::default()).map(Arc::new)
}

fn location(address: &TablesAddress, files: Files) -> Location {
    let TablesAddress::Sqlite(path) = address;
    match files {
        Files::Prepare => Location::File(path.clone()),
        Files::Keep => Location::Kept(path.clone()),
    }
}

/// Opens those of registry, graph and documents that exist, to see how far each has seen the logs.
pub async fn open_witnesses(addresses: &Addresses) -> Result<Vec<Witness>, OpenError> {
    let addresses = addresses.clone();
    Ok(tokio::task::spawn_blocking(move || list_witnesses(&addresses)).await?)
}

fn list_witnesses(addresses: &Addresses) -> Vec<Witness> {
    let mut found: Vec<Witness> = Vec::new();
    let registry = addresses.registry();
    if exists(registry) {
        let opened = open_registry(registry, Files::Keep);
        found.push((Store::Registry, opened.map(|store| store as _)));
    }
    let graph = addresses.graph();
    if exists(graph) {
        let opened = open_graph(graph, Files::Keep);
        found.push((Store::Graph, opened.map(|store| store as _)));
    }
    let documents = addresses.documents();
    if exists(documents) {
        let opened = open_documents(documents, Files::Keep);
        found.push((Store::Documents, opened.map(|store| store as _)));
    }
    found
}

pub(super) fn exists(address: &TablesAddress) -> bool {
    let TablesAddress::Sqlite(path) = address;
    Path::is_file(path)
}
