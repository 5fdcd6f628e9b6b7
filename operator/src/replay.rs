//! `ReplayJob`s: each object is one replay in the api, which carries it out. The operator requests it,
//! passes on what the object says (suspend, approve, delete), and shows how far it is.
//!
//! The steps of a pass are those of the other kinds: gather → decide → execute → observe → publish. A
//! replay is requested with the uid of the object as its key, so that an object is one replay, however
//! often the request is repeated.

mod api;
pub mod conformance;
mod decide;
mod execute;
mod gather;
#[cfg(test)]
mod memory;
mod observe;
mod pass;
mod report;
mod run;

pub use api::{Instruction, ReplayApi, Started};
pub(crate) use run::drive_replays;

#[cfg(test)]
mod tests;
