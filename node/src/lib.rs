//! What a process of SPICE Harvester consists of: the stores, each named by a URL, and the roles that
//! run over them. The only crate that names adapters. It reads no environment, parses no command line
//! and prints nothing.
#![warn(missing_docs)]

pub mod access;
pub mod address;
pub mod api;
pub mod audit;
mod clock;
mod files;
pub mod logs;
pub mod node;
pub mod replay;
mod steady;
pub mod stores;
pub mod tls;
pub mod verify;
pub mod work;

pub use spice_store_directory::report;
