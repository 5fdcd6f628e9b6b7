//! Short ways to create values for tests.

use std::{cell::Cell, path::PathBuf};

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

/// An anchor at a position; a registry stores it without checking it.
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

/// A time.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(seconds).unwrap() * 1_000_000)
}

/// Opens a store in a new file each time; the files are removed with the function.
pub fn in_new_files<T>(open: impl Fn(PathBuf) -> T) -> impl Fn() -> T {
    let directory = tempfile::tempdir().unwrap();
    let number = Cell::new(0);
    move || {
        number.set(number.get() + 1);
        open(directory.path().join(format!("{}.sqlite", number.get())))
    }
}

/// Runs a future to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

/// Runs a future to its end; its spawned tasks run on several threads.
pub fn block_on_threads<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}
