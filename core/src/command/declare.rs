//! Declarations: somebody says how things should be, or an owner gives them up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::LogPosition,
    json::Json,
    name::BranchName,
    owner::{Owner, Thing},
};

/// What is declared, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declaration {
    /// The owner; none: a person, who claims nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The generation of the declaring object; 0 without an owner.
    pub generation: u64,
    /// Whether existing things without an owner are taken over.
    pub adopt: Adopt,
    /// Whether to take what another owner holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub takes_over: bool,
    /// Whether to create again what was deleted outside of the declaration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recreate: bool,
    /// Which changes of classes are allowed.
    pub policy: ChangePolicy,
    /// The hash of a plan that may be carried out although it is unsafe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
    /// What is declared.
    pub declared: Declared,
}

/// What is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// The database.
    Database {
        /// Its description; not compared if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The generation of the log that is known to be over; 0 if the database never existed.
        #[serde(skip_serializing_if = "Option::is_none")]
        after_generation: Option<u32>,
    },
    /// A branch.
    Branch {
        /// Its name.
        name: BranchName,
        /// The parent.
        from_branch: BranchName,
        /// The position of the parent; by default the end of the log.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_position: Option<LogPosition>,
    },
    /// The classes of a branch that this owner holds: all of them.
    Classes {
        /// The branch.
        branch: BranchName,
        /// The whole definitions.
        definitions: Vec<Json>,
    },
    /// Nothing more: the claims end, and the things stay.
    Release,
    /// Nothing more: what the owner holds is deleted.
    Delete,
    /// Another owner gets the claims.
    HandOver {
        /// The other owner.
        to: Owner,
        /// These claims: the owner keeps the rest. None: all of them, and nothing more is declared.
        #[serde(skip_serializing_if = "Option::is_none")]
        only: Option<Vec<Thing>>,
    },
}

/// Whether an existing thing without an owner is taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adopt {
    /// Only if it equals what is declared.
    #[default]
    IfEqual,
    /// Never.
    Never,
    /// Always, and then it is changed.
    Always,
}

impl Adopt {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IfEqual => "IfEqual",
            Self::Never => "Never",
            Self::Always => "Always",
        }
    }
}

/// Which changes of classes are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ChangePolicy {
    /// Those that lose and invalidate no data.
    #[default]
    Safe,
    /// All that the ontology allows.
    Unsafe,
}
