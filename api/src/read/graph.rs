//! Graph queries (contract §9): what may be asked, how it is walked, what is found. The walk needs
//! nothing of a store but the primitives of the [`Graph`](spice_core::port::graph::Graph) port,
//! and asks them once a hop, never once a node.

mod layer;
mod page;
mod paths;
mod plan;
mod query;
mod request;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    layer::Reached,
    paths::{DEPTH, SchemaHop, SchemaPath, SchemaPaths, reachable, schema_paths},
    plan::{Plan, plan},
    query::Walked,
    request::{GraphRequest, SimpleRequest},
};
