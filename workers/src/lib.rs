//! The workers: the relay from log to bus, the engine, its handlers for graph and documents, and
//! what checks and rebuilds their sinks. They decide nothing and append nothing. Names no adapter.
#![warn(missing_docs)]

pub mod audit;
mod backoff;
pub mod engine;
mod event;
pub mod graph_worker;
mod past;
pub mod projection_worker;
pub mod rebuild;
pub mod relay;
mod scan;
mod share;
pub mod status;
pub mod supervisor;
pub mod verify;

pub use backoff::BackoffConfig;
pub use event::{Damage, Event};
