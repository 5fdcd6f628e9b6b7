//! Answers about databases, and to what is written to them.

use schemars::JsonSchema;

use super::{Anything, Counts, Identifier, Moment};

/// `{databases, count}`
#[derive(JsonSchema)]
pub(crate) struct DatabaseList {
    pub(crate) databases: Vec<ListedDatabase>,
    pub(crate) count: u64,
}

/// A database in a list; a damaged one says so.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ListedDatabase {
    Whole(DatabaseSummary),
    Damaged(DamagedDatabase),
}

/// A database in short.
#[derive(JsonSchema)]
pub(crate) struct DatabaseSummary {
    #[schemars(flatten)]
    pub(crate) names: DatabaseNames,
    pub(crate) sequence: u64,
    /// Of the last envelope of its log.
    pub(crate) position: u64,
}

/// What a database is called.
#[derive(JsonSchema)]
pub(crate) struct DatabaseNames {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) comment: String,
    pub(crate) created: Moment,
    pub(crate) path: String,
}

/// A database whose log is damaged.
#[derive(JsonSchema)]
pub(crate) struct DamagedDatabase {
    pub(crate) name: String,
    /// `damaged`
    pub(crate) status: String,
    pub(crate) error: String,
}

/// A database: its names and its details.
#[derive(JsonSchema)]
pub(crate) struct DatabaseDescription {
    #[schemars(flatten)]
    pub(crate) names: DatabaseNames,
    #[schemars(flatten)]
    pub(crate) details: DatabaseDetails,
    /// The details once more, where the earlier system had them.
    pub(crate) data: DatabaseDetails,
}

/// What a database holds, and how far its projections are.
#[derive(JsonSchema)]
pub(crate) struct DatabaseDetails {
    pub(crate) exists: bool,
    pub(crate) description: String,
    pub(crate) options: Anything,
    pub(crate) branches: Vec<String>,
    pub(crate) sequence: u64,
    pub(crate) position: u64,
    pub(crate) generation: u64,
    pub(crate) created_at: Moment,
    pub(crate) counts: DatabaseCounts,
    pub(crate) lag: DatabaseLag,
}

/// How much `main` holds.
#[derive(JsonSchema)]
pub(crate) struct DatabaseCounts {
    pub(crate) classes: u64,
    pub(crate) instances: u64,
    pub(crate) by_class: Counts,
}

/// How many envelopes a projection has not applied yet.
#[derive(JsonSchema)]
pub(crate) struct DatabaseLag {
    pub(crate) graph: u64,
    pub(crate) documents: u64,
}

/// `{exists}`
#[derive(JsonSchema)]
pub(crate) struct Existence {
    pub(crate) exists: bool,
}

/// A command on a database that is in the log.
#[derive(JsonSchema)]
pub(crate) struct DatabaseWritten {
    pub(crate) command_id: Identifier,
    pub(crate) database_name: String,
    /// `processing`, or `completed` when the client waited for that.
    pub(crate) status: String,
    pub(crate) mode: String,
    pub(crate) sequence: Option<u64>,
    pub(crate) position: u64,
}

/// A command on a class that is in the log.
#[derive(JsonSchema)]
pub(crate) struct ClassWritten {
    pub(crate) command_id: Identifier,
    pub(crate) ontology_id: String,
    pub(crate) class_id: String,
    pub(crate) database: String,
    pub(crate) branch: String,
    /// Of a deletion: how many instances were deleted together with the class.
    pub(crate) deleted_instances: Option<u64>,
    /// `processing`, or `completed` when the client waited for that.
    pub(crate) status: String,
    pub(crate) mode: String,
    pub(crate) sequence: Option<u64>,
    pub(crate) position: u64,
}
