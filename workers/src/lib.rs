//! The workers: the relay from log to bus, the engine, its handlers for graph and documents, and
//! the checks and rebuilds of their sinks. They decide nothing and append nothing, and depend on no
//! adapter.
#![warn(missing_docs)]

pub mod audit;
pub mod engine;
mod event;
pub mod graph_worker;
mod past;
pub mod projection_worker;
pub mod relay;
pub mod replay;
mod scan;
mod shape;
mod share;
pub mod status;
pub mod supervisor;
pub mod verify;

use std::time::Duration;

use spice_backoff::Backoff;

pub use event::{BadData, Damage, Event};

/// The default waits before a store that failed is asked again.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(30));
