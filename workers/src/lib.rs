//! The workers: the relay from log to bus, the engine, its handlers for graph and documents, and
//! what checks and rebuilds their sinks. They decide nothing and append nothing. Names no adapter.
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
mod share;
pub mod status;
pub mod supervisor;
pub mod verify;

use std::time::Duration;

use spice_backoff::Backoff;

pub use event::{Damage, Event};

/// The waits before a store that failed is asked again, unless something else is set.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(30));
