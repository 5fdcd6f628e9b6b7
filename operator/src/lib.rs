//! The operator: applies custom resources through the api.
//!
//! Every pass has the same steps: [`gather`] the state (IO) → [`decide`] what to do (pure) →
//! [`execute`] it (IO) → [`observe`] the new status (pure) → `publish` the status if it changed. Only the last step uses Kubernetes: [`apply`] runs the others over YAML files.
//! The operator calls the api over HTTP and uses no store.

pub mod apply;
pub mod backoff;
mod beat;
mod branch;
mod claims;
pub mod client;
pub mod condition;
pub mod conformance;
mod context;
mod controller;
mod database;
pub mod decide;
pub mod declared;
mod events;
pub mod execute;
pub mod gather;
mod idle;
pub mod kind;
mod lease;
mod measured;
#[cfg(test)]
mod memory;
mod metrics;
pub mod observe;
mod ontology;
mod publish;
pub mod reconcile;
pub mod replay;
mod run;
mod serve;
mod surroundings;
mod watch;

pub use apply::{Applied, ApplyReport, Declarer, apply_documents, apply_documents_of};
pub use client::{Api, ApiClient, ApiError};
pub use declared::{Declared, DeclaredError, Reading, Source, read};
pub use lease::{HOLDER, LeaseConfig};
pub use ontology::class_of;
pub use run::{OperatorConfig, OperatorError, cluster_id, run};
