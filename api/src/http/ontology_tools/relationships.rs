//! Checks before a class is written: whether its relationships fit, and whether they form cycles.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    name::ClassName,
    ontology::{
        Class, Finding, Schema, Severity, check_structure,
        network::{Cycle, Network},
    },
};

use super::lint::breaking;
use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        failure::Failure,
    },
    read::wait::Needs,
};

/// Whether a class can be created, and what to check.
#[derive(Serialize, JsonSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the contract")]
pub(crate) struct Validation {
    class_id: ClassName,
    validation_summary: ValidationSummary,
    issues: Vec<Finding>,
}

/// The number of issues.
#[derive(Serialize, JsonSchema)]
struct ValidationSummary {
    can_create: bool,
    total_issues: usize,
    errors: usize,
    warnings: usize,
}

/// Cycles of relationships and of parents.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CyclesFound {
    cycle_summary: CycleSummary,
    cycles: Vec<CycleFound>,
    parent_cycles: Vec<ParentCycle>,
    /// Whether there may be more.
    truncated: bool,
}

/// The number of cycles.
#[derive(Serialize, JsonSchema)]
struct CycleSummary {
    safe_to_create: bool,
    total_cycles: usize,
    critical_cycles: usize,
}

/// A cycle of relationships.
#[derive(Serialize, JsonSchema)]
struct CycleFound {
    #[serde(flatten)]
    cycle: Cycle,
    path: String,
    /// Whether the class in the body closes the cycle.
    new: bool,
}

/// A class that is its own ancestor.
#[derive(Serialize, JsonSchema)]
struct ParentCycle {
    class_id: ClassName,
    message: String,
}

pub(crate) async fn validate(mut call: Call) -> Answer {
    let class = parse_class(&mut call).await?;
    let reading = call.reading(Needs::NOTHING).await?;
    let before = reading.schema().await?;
    let id = class.id.clone();
    let mut issues = Vec::new();
    if before.get_declared(&id).is_some() {
        let message = format!("class {id} already exists; choose another id or update it");
        issues.push(breaking("already_exists", "id", message));
    }
    let after = with(&before, class);
    let contradictions = after.contradictions(&id).into_iter();
    issues.extend(contradictions.map(|it| breaking("contradiction", &it.field, it.message)));
    issues.extend(check_structure(&after, &id));
    let is_error = |it: &&Finding| it.severity == Severity::Breaking;
    let errors = issues.iter().filter(is_error).count();
    let data = Validation {
        class_id: id,
        validation_summary: ValidationSummary {
            can_create: errors == 0,
            total_issues: issues.len(),
            errors,
            warnings: issues.len() - errors,
        },
        issues,
    };
    answer::success("the relationships are checked", data)
}

pub(crate) async fn check_circular(mut call: Call) -> Answer {
    let class = if call.has_body() {
        Some(parse_class(&mut call).await?)
    } else {
        None
    };
    let reading = call.reading(Needs::NOTHING).await?;
    let before = reading.schema().await?;
    let after = class.map_or_else(|| before.clone(), |class| with(&before, class));
    let network = Network::of(&after);
    let known = Network::of(&before).cycles.cycles;
    let is_new = |cycle: &Cycle| !known.contains(cycle);
    let parent_cycles: Vec<ParentCycle> = (network.contradictions.into_iter())
        .filter(|(_, violation)| violation.rule == "cycle")
        .map(|(class_id, violation)| ParentCycle {
            class_id,
            message: violation.message,
        })
        .collect();
    let parents = parent_cycles.len();
    let cycles = network.cycles;
    let is_safe = parents == 0 && !cycles.cycles.iter().any(|it| it.critical && is_new(it));
    let data = CyclesFound {
        cycle_summary: CycleSummary {
            safe_to_create: is_safe,
            total_cycles: cycles.cycles.len() + parents,
            critical_cycles: cycles.count_critical() + parents,
        },
        truncated: cycles.truncated,
        cycles: (cycles.cycles.into_iter())
            .map(|cycle| CycleFound {
                path: arrows(&cycle.classes),
                new: is_new(&cycle),
                cycle,
            })
            .collect(),
        parent_cycles,
    };
    answer::success("the cycles are found", data)
}

/// The class in the body.
async fn parse_class(call: &mut Call) -> Result<Class, Failure> {
    let class = Class::create(&call.document().await?);
    class.map_err(|refusal| Failure::of_refusal(call.surface, refusal))
}

/// The classes, plus one.
fn with(schema: &Schema, class: Class) -> Arc<Schema> {
    let mut after = schema.clone();
    after.put(Arc::new(class));
    Arc::new(after)
}

/// Classes on a path: `A → B → A`.
pub(super) fn arrows(classes: &[ClassName]) -> String {
    let classes: Vec<&str> = classes.iter().map(AsRef::as_ref).collect();
    classes.join(" → ")
}
