//! The speed of each SQLite store alone, on files: `cargo bench -p spice-store-sqlite --bench
//! sqlite [graph] [documents] [registry]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

mod data;
mod documents;
mod graph;
mod registry;
mod watch;

use spice_store_sqlite::Location;

use self::{documents::bench_documents, graph::bench_graph, registry::bench_registry};

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| Location::File(directory.path().join(name));
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let runs = |name: &str| {
        let named = wanted.iter().any(|argument| argument == name);
        named || wanted.iter().all(|argument| argument.starts_with('-'))
    };
    if runs("graph") {
        bench_graph(&file("graph.sqlite")).await;
    }
    if runs("documents") {
        bench_documents(&file("documents.sqlite")).await;
    }
    if runs("registry") {
        bench_registry(&file("registry.sqlite")).await;
    }
}
