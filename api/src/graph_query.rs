//! Graph queries (contract §9): what may be asked, how it is walked, what is answered. The walk
//! needs nothing of a store but the primitives of the [`Graph`](spice_core::port::graph::Graph)
//! port, and asks them once a hop, never once a node.

mod assemble;
mod page;
mod paths;
mod plan;
mod references;
mod request;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    assemble::Assembly,
    page::Page,
    paths::{DEPTH, SchemaHop, SchemaPath, SchemaPaths, reachable, schema_paths},
    plan::plan,
    references::member,
    request::{GraphRequest, SimpleRequest},
    walk::walk,
};
