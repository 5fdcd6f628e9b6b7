//! The api as a library: every call of the gateway by its name, with typed requests and answers.
//!
//! It speaks HTTP and knows nothing of what is behind it. What the api refuses, and what becomes
//! of a request on the way, are values ([`Error`]); requests that are safe to repeat are repeated
//! while the failure is one that passes ([`Retries`]). It writes no log and prints nothing.
//!
//! An answer keeps what this version of the client has no name for (`other`), so what is written
//! on from it is what the api said.

mod branches;
pub mod calls;
mod client;
mod commands;
mod databases;
mod dead_letters;
mod error;
mod events;
mod graph;
mod history;
mod instances;
mod ontology;
mod options;
mod pages;
mod request;
mod retry;
mod versions;

pub use branches::{Branch, BranchList, NewBranch};
pub use client::{Client, http_builder};
pub use commands::{Accepted, CommandState, CommandStatus, Step};
pub use databases::{Counts, Database, DatabaseDetails, DatabaseList, DatabaseSummary, Lag};
pub use dead_letters::{DeadLetter, DeadLetterList};
pub use error::{Class, Error, Missing, Refusal};
pub use events::{Event, Events};
pub use graph::{
    Direction, Edge, GraphAnswer, GraphPage, GraphPath, GraphQuery, Hop, Node, PathQuery,
};
pub use history::{HistoryPage, Version};
pub use instances::{BulkAnswer, Change, Instance, InstancePage, OnError, RowError, Select};
pub use ontology::{ClassList, SchemaFormat};
pub use options::{Read, Write};
pub use request::{Answer, Request};
pub use retry::Retries;
pub use versions::{
    ChangeKind, Changed, Conflict, Diff, Merge, Merged, Rebase, Resolution, Strategy, Summary, Take,
};
