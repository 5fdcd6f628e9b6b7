//! The bodies of declarations.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use spice_core::{
    command::{Adopt, ChangePolicy},
    id::LogPosition,
    json::Json,
    owner::{Owner, Thing},
};

use crate::http::parameters::BRANCH_PATTERN;

/// The maximum number of classes in a declaration.
pub(crate) const CLASSES: usize = 200;

/// What is declared: exactly one of `database`, `branch` and `classes`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclareBody {
    /// Who claims the things; left out, nothing is claimed.
    #[serde(default)]
    pub(crate) owner: Option<Owner>,
    /// The generation of the declaring object; with `owner`, and only then.
    #[serde(default)]
    pub(crate) generation: Option<u64>,
    /// Whether existing things without an owner are taken over.
    #[serde(default)]
    pub(crate) adopt: Adopt,
    /// Take what another owner holds.
    #[serde(default, rename = "override")]
    pub(crate) takes_over: bool,
    /// Create again what was deleted outside of the declaration.
    #[serde(default)]
    pub(crate) recreate: bool,
    /// `Safe` refuses changes of classes that lose or invalidate data.
    #[serde(default)]
    pub(crate) change_policy: ChangePolicy,
    /// The hash of an unsafe plan that may be carried out.
    #[serde(default)]
    pub(crate) approve: Option<String>,
    /// Only report what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
    #[serde(default)]
    pub(crate) database: Option<DeclaredDatabase>,
    #[serde(default)]
    pub(crate) branch: Option<DeclaredBranch>,
    #[serde(default)]
    pub(crate) classes: Option<DeclaredClasses>,
}

/// The database of a declaration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredDatabase {
    /// Not compared if left out.
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// The generation of the database that is known to be over; 0 if it never existed.
    #[serde(default)]
    pub(crate) after_generation: Option<u32>,
}

/// A declared branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredBranch {
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) name: String,
    /// The parent; default `main`.
    #[serde(default)]
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) from_branch: Option<String>,
    #[serde(default)]
    pub(crate) from_position: Option<LogPosition>,
}

/// All classes of an owner on a branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredClasses {
    /// Default `main`.
    #[serde(default)]
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) branch: Option<String>,
    /// The whole definitions, each with its `id`.
    #[schemars(with = "Vec<Map<String, Value>>", length(max = CLASSES))]
    pub(crate) definitions: Vec<Json>,
}

/// An owner gives up what it holds in a database. The things stay, unless `delete` is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndeclareBody {
    pub(crate) owner: Owner,
    /// The generation of the declaring object.
    pub(crate) generation: u64,
    /// Delete the things.
    #[serde(default)]
    pub(crate) delete: bool,
    /// Give the claims to this owner.
    #[serde(default)]
    pub(crate) to: Option<Owner>,
    /// Give only the claims on these things, and keep the rest.
    #[serde(default)]
    pub(crate) only: Option<Vec<Thing>>,
    /// Do it for the owner, whatever its uid and generation.
    #[serde(default, rename = "override")]
    pub(crate) takes_over: bool,
    /// `Safe` refuses to delete classes that have instances or are needed by others.
    #[serde(default)]
    pub(crate) change_policy: ChangePolicy,
    /// The hash of an unsafe plan that may be carried out.
    #[serde(default)]
    pub(crate) approve: Option<String>,
    /// Only report what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}
