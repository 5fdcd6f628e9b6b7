//! The rules that every adapter of a port must follow. A rule gets a function that opens an empty
//! store, and knows nothing else about the adapter. The macros at the root of this crate turn each
//! rule into a test.

mod anchors;
pub mod bus;
pub mod documents;
pub mod documents_naive;
pub mod graph;
pub mod graph_naive;
pub mod hints;
pub mod leases;
pub mod log;
pub mod registry;
pub mod registry_naive;
pub mod registry_work;
pub mod replays;
pub mod sinks;
pub mod story;
