//! Ports: what the components need of the world. Every adapter of a port passes that port's one
//! conformance suite; the components know ports only.

pub mod bus;
pub mod clock;
pub mod documents;
pub mod graph;
pub mod hints;
pub mod log;
pub mod registry;
pub mod sink;

/// What a port call answers.
pub type StoreResult<T> = Result<T, crate::error::StoreError>;
