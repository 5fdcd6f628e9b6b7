//! The settings that several resources share.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::describe_by_field;

/// What happens to the declared thing when the object is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
pub enum DeletionPolicy {
    /// Keep it, without an owner (the default).
    #[default]
    Retain,
    /// Delete it with the object.
    Delete,
}

/// What happens if the declared thing exists already and has no owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
pub enum Adopt {
    /// Adopt it if it equals the declaration (the default).
    #[default]
    IfEqual,
    /// Refuse it.
    Never,
    /// Adopt it and change it to the declaration.
    Always,
}

impl Adopt {
    /// The text in YAML and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IfEqual => "IfEqual",
            Self::Never => "Never",
            Self::Always => "Always",
        }
    }
}

/// Whether the operator changes anything in the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
pub enum ManagementPolicy {
    /// It applies the declaration (the default).
    #[default]
    Full,
    /// It only compares, and reports differences in the condition Drifted.
    Observe,
}

/// What happens to schema changes that lose or invalidate data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
pub enum ChangePolicy {
    /// They are refused, and listed in status.plan, until a person approves them (the default).
    #[default]
    Safe,
    /// They are applied.
    Unsafe,
}

impl ChangePolicy {
    /// The text in YAML and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "Safe",
            Self::Unsafe => "Unsafe",
        }
    }
}

/// What to do when the API differs from the declaration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
pub enum DriftPolicy {
    /// Apply the declaration again (the default).
    #[default]
    Correct,
    /// Report it in the condition Drifted.
    Report,
}

/// A reference to a `Database` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseRef {
    /// The object's `metadata.name`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The object's namespace; default: that of the referring object. The Database must allow it in
    /// spec.allowedNamespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub namespace: Option<String>,
}

/// The namespaces whose objects may refer to a Database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.names) == (has(self.from) && self.from == 'Names')").message("names is required with from: Names, and only then"))]
pub struct AllowedNamespaces {
    /// Same (default): that of the Database. All: every namespace. Names: those in names, and that
    /// of the Database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NamespacesFrom>,
    /// The namespaces, with from: Names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub names: Vec<String>,
}

/// Which namespaces are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
#[allow(missing_docs)]
pub enum NamespacesFrom {
    #[default]
    Same,
    All,
    Names,
}

impl AllowedNamespaces {
    /// Whether objects of namespace `other` may refer to a Database of namespace `own`.
    pub fn allows(&self, own: &str, other: &str) -> bool {
        own == other
            || match self.from.unwrap_or_default() {
                NamespacesFrom::Same => false,
                NamespacesFrom::All => true,
                NamespacesFrom::Names => self.names.iter().any(|name| name == other),
            }
    }
}
