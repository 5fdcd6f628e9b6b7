//! What every adapter of a port must do, whatever it is made of. A suite gets a function that
//! makes an empty store and knows nothing else of the adapter.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc
)]

pub mod documents;
pub mod documents_naive;
pub mod graph;
pub mod graph_naive;
pub mod registry;
pub mod registry_work;
pub mod story;

use spice_core::{
    chain::{Anchor, Chain},
    id::{LogPosition, StreamId},
    json::Json,
    time::Timestamp,
};

/// A log by name.
pub fn stream(name: &str) -> StreamId {
    name.parse().unwrap()
}

/// An anchor at a position; a registry keeps it and does not judge it.
pub fn anchor(position: LogPosition) -> Anchor {
    Anchor {
        position,
        append: LogPosition::ZERO,
        chain: Chain::from_bytes([7; 32]),
    }
}

/// JSON from a text.
pub fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

/// A moment.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(seconds).unwrap() * 1_000_000)
}

/// Runs a future to its end on a thread of its own kind.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}
