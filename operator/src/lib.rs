//! The operator: makes what is declared in custom resources so in the api.
//!
//! Every pass reads the same way: [`gather`] what is there (IO) → [`decide`] what to do (pure) →
//! [`execute`] it (IO) → [`observe`] what that means for the status (pure) → publish the status
//! when it changed (`controller`). All but the last know nothing of Kubernetes: [`apply`] runs
//! them over YAML files. The api is spoken to over HTTP; no store is known here.

pub mod apply;
pub mod backoff;
mod branch;
pub mod client;
pub mod condition;
mod controller;
mod database;
pub mod decide;
pub mod declared;
pub mod execute;
pub mod gather;
pub mod kind;
#[cfg(test)]
mod memory;
pub mod observe;
mod ontology;
pub mod reconcile;
mod run;

pub use apply::{Applied, ApplyReport, apply_documents};
pub use client::{Api, ApiClient, ApiError};
pub use declared::{Declared, DeclaredError, Reading, Source, read};
pub use run::{OperatorConfig, OperatorError, run};
