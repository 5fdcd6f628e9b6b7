//! Stores on SQLite, one file for each port. Everything in these files can be rebuilt from the log,
//! so commits are not synced one by one, and a file that cannot be read is set aside, not repaired.
#![warn(missing_docs)]

mod anchors;
mod candidates;
mod claim;
mod columns;
mod database;
mod failure;
mod index;
mod installation;
mod layers;
mod looks;
mod lookup;
mod open;
mod properties;
mod scopes;
mod sinks;
mod streams;

pub mod documents;
pub mod graph;
pub mod registry;

pub use claim::Claim;
pub use database::Mode;
pub use documents::SqliteDocuments;
pub use graph::SqliteGraph;
pub use open::Location;
pub use registry::SqliteRegistry;
