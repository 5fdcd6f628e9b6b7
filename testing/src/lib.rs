//! Shared by tests: conformance suites of the ports, doubles, values. Only tests may depend on it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc
)]

pub mod clock;
pub mod conformance;
pub mod double;
pub mod envelopes;
mod memory_log;
mod no_hints;
pub mod process;
mod suites;
pub mod values;

pub use memory_log::MemoryLog;
pub use no_hints::NoHints;
