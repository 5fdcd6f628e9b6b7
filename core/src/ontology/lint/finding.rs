//! What a lint finds.

use schemars::JsonSchema;
use serde::Serialize;

use crate::name::ClassName;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Works, but is probably a mistake.
    Warning,
    /// Data would be lost or invalid, or the change is refused.
    Breaking,
}

/// One rule that a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The rule. Codes never change.
    pub code: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The property, relationship or field of the definition.
    pub field: String,
    /// The effect, and what to do.
    pub message: String,
    /// The number of affected instances.
    pub affected: u64,
    /// The number of instances that could be affected.
    pub total: u64,
    /// Some affected instances, as `Class/id`.
    pub sample_instance_ids: Vec<String>,
}

/// A finding with the changed class that causes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClassFinding {
    /// The class.
    pub class_id: ClassName,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
}

impl Finding {
    /// A finding from the definitions alone, without counting instances.
    pub fn of_definition(
        severity: Severity,
        code: &'static str,
        field: &str,
        message: String,
    ) -> Self {
        Self {
            code,
            severity,
            field: field.to_owned(),
            message,
            affected: 0,
            total: 0,
            sample_instance_ids: Vec::new(),
        }
    }
}
