//! Ports: what the components need from outside. Every adapter passes the conformance suite of its
//! port. The components use only ports.

pub mod bus;
pub mod clock;
pub mod documents;
pub mod entity;
pub mod graph;
pub mod hints;
pub mod installation;
pub mod log;
pub mod registry;
pub mod replays;
pub mod sink;
pub mod store;

pub use store::Store;

/// The result of a port call.
pub type StoreResult<T> = Result<T, crate::error::StoreError>;
