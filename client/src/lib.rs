//! The client library: a typed method for every call of the gateway.
//!
//! It uses HTTP only. Refusals of the api and failures of the connection are values ([`Error`]).
//! Requests that are safe to repeat are retried after temporary failures ([`Retries`]). The library
//! writes no log and prints nothing.
//!
//! An answer keeps the fields that this version does not know (`other`), so writing it out loses
//! nothing.

mod answer;
mod branches;
pub mod calls;
mod client;
mod commands;
mod credentials;
mod databases;
mod dead_letters;
mod declare;
mod error;
mod events;
mod graph;
mod history;
mod instances;
mod ontology;
mod options;
mod pages;
mod replays;
mod request;
mod retry;
mod tls;
mod versions;

pub use answer::Answer;
pub use branches::{Branch, BranchList, NewBranch};
pub use client::{Client, http_builder};
pub use commands::{Accepted, CommandState, CommandStatus, Step};
pub use credentials::Credentials;
pub use databases::{Counts, Database, DatabaseDetails, DatabaseList, DatabaseSummary, Lag};
pub use dead_letters::{DeadLetter, DeadLetterList};
pub use declare::Declared;
pub use error::{Class, Error, Missing, Refusal};
pub use events::{Event, Events};
pub use graph::{
    Direction, Edge, GraphAnswer, GraphPage, GraphPath, GraphQuery, Hop, Node, PathQuery,
};
pub use history::{HistoryPage, Version};
pub use instances::{BulkAnswer, Change, Instance, InstancePage, OnError, RowError, Select};
pub use ontology::{ClassList, SchemaFormat};
pub use options::{Read, Write};
pub use replays::{NewReplay, Replay, ReplayFailure, ReplayList, ReplayState};
pub use request::Request;
pub use retry::Retries;
pub use tls::TlsFault;
pub use versions::{
    ChangeKind, Changed, Conflict, Decisions, Diff, Merge, Merged, Rebase, Resolution, Strategy,
    Summary, Take,
};
