//! The doubles of spice-testing answer like the real stores.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use spice_core::{
    guard::Guards,
    port::{documents::Documents, graph::Graph},
};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::{
    conformance::registry::Registry,
    double::{Call, Double},
};

macro_rules! double {
    ($adapter:ident) => {{
        let store = $adapter::open(&Location::Memory, Mode::Inline, Guards::default());
        Arc::new(Double::new(Arc::new(store.unwrap()), |_: Call<'_>| Ok(())))
    }};
}

fn graph() -> Arc<dyn Graph> {
    double!(SqliteGraph)
}

fn documents() -> Arc<dyn Documents> {
    double!(SqliteDocuments)
}

fn registry() -> Arc<dyn Registry> {
    double!(SqliteRegistry)
}

mod of_graph {
    spice_testing::graph_suite!(super::graph);
}

mod of_documents {
    spice_testing::documents_suite!(super::documents);
}

mod of_registry {
    spice_testing::registry_suite!(super::registry);
}
