//! What every adapter of a port must do, whatever it is made of. A rule gets a function that opens
//! an empty store and knows nothing else of the adapter; the macros at the root of this crate make
//! one test of each rule.

mod anchors;
pub mod bus;
pub mod documents;
pub mod documents_naive;
pub mod graph;
pub mod graph_naive;
pub mod hints;
pub mod log;
pub mod registry;
pub mod registry_work;
pub mod sinks;
pub mod story;
