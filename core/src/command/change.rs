//! The changes of single instances and classes, as commands name them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    id::Sequence,
    json::Json,
    name::{ClassName, InstanceId},
};

/// Values as a client sends them: keys are property ids or labels.
pub type RawData = IndexMap<String, Json>;

/// One change of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Change {
    /// A change of an instance.
    Instance(InstanceChange),
    /// A change of a class.
    Class(ClassChange),
}

impl From<InstanceChange> for Change {
    fn from(change: InstanceChange) -> Self {
        Self::Instance(change)
    }
}

impl From<ClassChange> for Change {
    fn from(change: ClassChange) -> Self {
        Self::Class(change)
    }
}

/// A change of one class in a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(clippy::enum_variant_names, reason = "the names of the contract")]
pub enum ClassChange {
    /// Creates a class.
    CreateOntologyClass {
        /// `OntologyCreate` of contract §3.
        definition: Json,
    },
    /// Replaces parts of a class.
    UpdateOntologyClass {
        /// The class.
        class: ClassName,
        /// Given fields replace the old ones; other fields stay.
        definition: Json,
        /// The sequence that the client has read.
        expected_seq: Sequence,
    },
    /// Deletes a class, which must have no instances after the transaction.
    DeleteOntologyClass {
        /// The class.
        class: ClassName,
        /// The sequence that the client has read.
        expected_seq: Sequence,
    },
}

/// A change of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    try_from = "WrittenChange"
)]
pub enum InstanceChange {
    /// Creates an instance.
    CreateInstance {
        /// The class, by id or label.
        class: String,
        /// The id; derived from the data if absent (contract §3).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<InstanceId>,
        /// Its values.
        data: RawData,
    },
    /// Patches an instance: given values replace the old ones, `null` removes a value.
    UpdateInstance {
        /// The class, by id or label.
        class: String,
        /// The id.
        id: InstanceId,
        /// The values that change.
        data: RawData,
        /// The sequence that the client has read.
        expected_seq: Sequence,
    },
    /// Deletes an instance; the delete is final.
    DeleteInstance {
        /// The class, by id or label.
        class: String,
        /// The id.
        id: InstanceId,
        /// The sequence that the client has read.
        expected_seq: Sequence,
    },
}

/// A change in its serialized form. Values keep their text, so serde cannot read `type` first and
/// the rest later.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChange {
    #[serde(rename = "type")]
    kind: String,
    class: String,
    #[serde(default)]
    id: Option<InstanceId>,
    #[serde(default)]
    data: Option<RawData>,
    #[serde(default)]
    expected_seq: Option<Sequence>,
}

impl TryFrom<WrittenChange> for InstanceChange {
    type Error = String;

    fn try_from(written: WrittenChange) -> Result<Self, String> {
        let WrittenChange {
            kind,
            class,
            id,
            data,
            expected_seq,
        } = written;
        let needs = |field: &str| format!("{kind} needs {field}");
        match kind.as_str() {
            "CREATE_INSTANCE" => {
                let data = data.ok_or_else(|| needs("data"))?;
                Ok(Self::CreateInstance { class, id, data })
            }
            "UPDATE_INSTANCE" => Ok(Self::UpdateInstance {
                class,
                id: id.ok_or_else(|| needs("id"))?,
                data: data.ok_or_else(|| needs("data"))?,
                expected_seq: expected_seq.ok_or_else(|| needs("expected_seq"))?,
            }),
            "DELETE_INSTANCE" => Ok(Self::DeleteInstance {
                class,
                id: id.ok_or_else(|| needs("id"))?,
                expected_seq: expected_seq.ok_or_else(|| needs("expected_seq"))?,
            }),
            other => Err(format!(
                "unknown type {other:?}; it must be one of CREATE_INSTANCE, UPDATE_INSTANCE, DELETE_INSTANCE"
            )),
        }
    }
}

impl InstanceChange {
    /// The class as the client named it, by id or by label.
    pub fn class(&self) -> &str {
        match self {
            Self::CreateInstance { class, .. }
            | Self::UpdateInstance { class, .. }
            | Self::DeleteInstance { class, .. } => class,
        }
    }
}
