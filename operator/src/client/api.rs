//! The calls of the api that the operator needs, and their answers.

use std::{fmt, future::Future};

use serde::{Deserialize, Serialize};
use spice_crds::{Adopt, ChangePolicy, Exact, Plan};

/// Why the api did not execute a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The api is unavailable or busy. The same request may succeed later.
    #[error("{message}")]
    Transient {
        /// A constant message.
        message: String,
    },
    /// Something that the declaration refers to does not exist yet.
    #[error("waits for {what}")]
    Missing {
        /// The missing thing, in words.
        what: String,
    },
    /// The state changed during the command. Read it again.
    #[error("{message}")]
    Conflict {
        /// The message of the api.
        message: String,
    },
    /// Another owner holds the declared thing.
    #[error("{message}")]
    Owned {
        /// The holder.
        owner: Box<Owner>,
        /// The newest generation of the holder that the api knows.
        generation: i64,
        /// The message of the api.
        message: String,
    },
    /// The thing exists, has no owner, and `adopt` refuses it.
    #[error("{message}")]
    NotAdopted {
        /// The message of the api.
        message: String,
    },
    /// A newer generation of the object, or a newer object of its name, was applied.
    #[error("{message}")]
    Stale {
        /// The message of the api.
        message: String,
    },
    /// The change loses or invalidates data and is not approved.
    #[error("{message}")]
    Unsafe {
        /// What would be lost.
        plan: Box<Plan>,
        /// The message of the api.
        message: String,
    },
    /// What the owner held was deleted by somebody else.
    #[error("{message}")]
    Deleted {
        /// The message of the api.
        message: String,
    },
    /// The api refuses the request.
    #[error("{reason}: {message}")]
    Rejected {
        /// The code of the refusal.
        reason: String,
        /// The message of the api.
        message: String,
    },
}

/// The object that declares a thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The cluster.
    pub cluster: String,
    /// The kind.
    pub kind: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The incarnation: a deleted and created object has another one.
    pub uid: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Who declares, and at which generation of the object. Without it, nothing is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The object.
    pub owner: Owner,
    /// `metadata.generation`.
    pub generation: i64,
}

/// What is declared.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The database itself.
    Database {
        /// Its purpose; none: as it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The newest generation of the name that is known to be over; 0: none.
        #[serde(skip_serializing_if = "Option::is_none")]
        after_generation: Option<u64>,
    },
    /// A branch.
    Branch {
        /// Its name.
        name: String,
        /// Its parent.
        from_branch: String,
        /// The position of the parent; none: the end of the log.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_position: Option<u64>,
    },
    /// The classes of this owner on a branch.
    Classes {
        /// The branch.
        branch: String,
        /// The definitions.
        definitions: Vec<Exact>,
    },
}

/// A declaration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Declaration {
    /// Who declares; none: a person without an object.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// What happens to things that exist and have no owner.
    pub adopt: Adopt,
    /// Whether to create again what others deleted.
    pub recreate: bool,
    /// Whether a change may lose data.
    pub change_policy: ChangePolicy,
    /// The hash of the approved change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
    /// Whether to say what would happen, without doing it.
    pub dry_run: bool,
    /// What is declared.
    #[serde(flatten)]
    pub subject: Subject,
}

/// A thing that can have an owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Thing {
    /// The database.
    Database,
    /// A branch.
    Branch {
        /// Its name.
        name: String,
    },
    /// A class of a branch.
    Class {
        /// The branch.
        branch: String,
        /// Its id.
        name: String,
    },
}

/// Another owner gets some of the claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandOver {
    /// The object that has them.
    #[serde(flatten)]
    pub claim: Claim,
    /// The object that gets them.
    pub to: Owner,
    /// The things. What the first object does not hold is passed over.
    pub only: Vec<Thing>,
}

/// What an object declared is deleted, as far as it holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deletion {
    /// The object.
    #[serde(flatten)]
    pub claim: Claim,
    /// Always true.
    pub delete: bool,
    /// Whether the deletion may lose data.
    pub change_policy: ChangePolicy,
    /// The hash of the approved deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
}

/// A request to the api.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Apply a declaration.
    Declare(Box<Declaration>),
    /// Give claims to another object.
    HandOver(Box<HandOver>),
    /// Delete what an object declared.
    Delete(Box<Deletion>),
}

/// What a command changed, or would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// A changed thing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChangedThing {
    /// `database`, `branch` or `class`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub change: Change,
}

/// The progress of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// In the log, but some projection does not have it yet.
    Pending,
    /// In the log, but these handlers cannot apply it; a person must retry or discard it.
    Parked(Vec<String>),
    /// Projected.
    Completed,
    /// Discarded by a person.
    Failed(String),
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The id of the command; none if nothing had to be done.
    pub command: Option<String>,
    /// The position of the command.
    pub position: Option<u64>,
    /// What changed, or would change. Claims are not listed.
    pub changes: Vec<ChangedThing>,
    /// Its progress.
    pub progress: Progress,
}

/// What the api knows about the name of a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether the database exists.
    pub exists: bool,
    /// Of a database that does not exist: its last generation; 0: it never existed.
    pub over: u64,
    /// The generation of its log.
    pub generation: u64,
    /// The last position of its log.
    pub position: u64,
    /// Its projections show everything before this position.
    pub projected: u64,
}

/// How a branch differs from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// The position of the parent where it starts.
    pub base_position: u64,
    /// The number of things that a merge into the parent would change.
    pub changes: u64,
    /// The number of conflicts of that merge.
    pub conflicts: u64,
}

/// The calls of the api that the operator needs.
pub trait Api: Send + Sync {
    /// What the api knows about a name of a database.
    fn database(&self, name: &str) -> impl Future<Output = Result<Known, ApiError>> + Send;
    /// The progress of a command; none if the api does not know it.
    fn command(
        &self,
        command: &str,
    ) -> impl Future<Output = Result<Option<Progress>, ApiError>> + Send;
    /// Compares a branch with its parent.
    fn compare(
        &self,
        database: &str,
        branch: &str,
    ) -> impl Future<Output = Result<Comparison, ApiError>> + Send;
    /// Sends a command about a database or things in it.
    fn send(
        &self,
        database: &str,
        command: &Command,
    ) -> impl Future<Output = Result<Accepted, ApiError>> + Send;
}
