//! Answers about branches.

use schemars::JsonSchema;

use super::{Identifier, Moment};

/// `{branches, count}`
#[derive(JsonSchema)]
pub(crate) struct BranchList {
    pub(crate) branches: Vec<Branch>,
    pub(crate) count: u64,
}

/// A branch.
#[derive(JsonSchema)]
#[allow(clippy::struct_field_names)]
pub(crate) struct Branch {
    pub(crate) name: String,
    /// Whether it is `main`.
    pub(crate) current: bool,
    pub(crate) from_branch: Option<String>,
    /// The last position of its parent that it shows.
    pub(crate) from_position: Option<u64>,
    pub(crate) generation: u64,
    pub(crate) sequence: u64,
    pub(crate) created_at: Moment,
    /// Whether deleting it needs `force`.
    pub(crate) protected: bool,
    pub(crate) database: String,
}

/// `{status, name, data}`
#[derive(JsonSchema)]
pub(crate) struct NamedBranch {
    /// `success`
    pub(crate) status: String,
    pub(crate) name: String,
    pub(crate) data: Branch,
}

/// What a command did to a branch.
#[derive(JsonSchema)]
pub(crate) struct BranchWritten {
    /// `success`
    pub(crate) status: String,
    pub(crate) name: String,
    pub(crate) data: BranchChange,
}

/// The command that changed a branch, and the branch that it made, if it made one.
#[derive(JsonSchema)]
pub(crate) struct BranchChange {
    pub(crate) name: String,
    pub(crate) current: Option<bool>,
    pub(crate) from_branch: Option<String>,
    pub(crate) from_position: Option<u64>,
    pub(crate) generation: Option<u64>,
    pub(crate) created_at: Option<Moment>,
    pub(crate) protected: Option<bool>,
    pub(crate) database: Option<String>,
    pub(crate) command_id: Identifier,
    pub(crate) sequence: Option<u64>,
    pub(crate) position: u64,
}
