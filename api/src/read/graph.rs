//! Graph queries (contract §9): the request, the walk, the result. The walk uses only the
//! primitives of the [`Graph`](spice_core::port::graph::Graph) port, once per hop, never once per
//! node.

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
