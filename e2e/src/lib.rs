//! The harness of the black-box tests: real processes, observed from outside.

pub mod binaries;
pub mod certificates;
pub mod control_plane;
pub mod embedded;
pub mod node;
pub mod nodes;
pub mod sim;
mod skip;

pub use spice_testing::process::workspace;
