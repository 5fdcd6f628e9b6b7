//! The domain of SPICE Harvester: names, envelope, ontology, decisions, ports. No IO, no async
//! runtime, no Kubernetes, no clock.
#![warn(missing_docs)]

pub mod access;
pub mod bucket;
pub mod chain;
pub mod command;
pub mod decide;
pub mod envelope;
pub mod error;
pub mod event;
pub mod guard;
pub mod handler;
pub mod id;
pub mod idempotency;
pub mod json;
pub mod lineage;
pub mod merge;
pub mod model;
pub mod name;
pub mod naming;
pub mod ontology;
pub mod owner;
pub mod port;
pub mod query;
pub mod reflect;
pub mod replay;
mod schema;
pub mod time;
pub mod unicode;
pub mod value;
