//! Adapters of the ports, one module per port and technology. They know nothing of each other.
#![warn(missing_docs)]

pub mod bus;
pub mod log;
pub mod sqlite;
