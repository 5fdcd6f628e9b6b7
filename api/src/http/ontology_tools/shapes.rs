//! Schemas of what the tools take and answer, where the core's own types say nothing of schemas.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::http::shapes::ontology::{ClassChange, Text};

/// What is to be judged.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
pub(crate) enum LintBody {
    /// A change of the class.
    Change(Box<ClassChange>),
    /// Its deletion.
    Deletion {
        /// True.
        delete: bool,
    },
}

/// One rule that a change touches.
#[derive(JsonSchema)]
#[allow(dead_code)]
pub(crate) struct Finding {
    /// The rule; it stays.
    pub(crate) code: String,
    pub(crate) severity: Severity,
    /// The property, relationship or field of the definition.
    pub(crate) field: String,
    /// What it is, and what to do.
    pub(crate) message: String,
    /// Instances that it concerns.
    pub(crate) affected: u64,
    /// Instances that it could concern.
    pub(crate) total: u64,
    /// Some of those that it concerns, as `Class/id`.
    pub(crate) sample_instance_ids: Vec<String>,
}

/// How bad a finding is.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(crate) enum Severity {
    Info,
    Warning,
    Breaking,
}

/// The labels of one class.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(crate) struct ImportedClass {
    #[schemars(
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$"),
        length(min = 1, max = 100)
    )]
    pub(crate) class_id: String,
    pub(crate) label: Option<Text>,
    /// By name.
    #[schemars(default)]
    pub(crate) properties: BTreeMap<String, Text>,
    /// By predicate.
    #[schemars(default)]
    pub(crate) relationships: BTreeMap<String, Text>,
    /// The sequence that was read; the present one when absent.
    pub(crate) event_sequence: Option<u64>,
    /// As an export says it; not read.
    pub(crate) keys: Option<crate::http::shapes::Values>,
}
