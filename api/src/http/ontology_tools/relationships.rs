//! Checks before a class is written: do its relationships fit, do they go round.

use std::sync::Arc;

use serde_json::json;
use spice_core::ontology::{Class, Schema, Severity, network::Cycle, network::Network, structure};

use super::lint::breaking;
use crate::http::{
    answer::{self, Answer},
    call::Call,
    failure::Failure,
    wait::Needs,
};

pub(crate) async fn validate(mut call: Call) -> Answer {
    let definition = call.document().await?;
    let class = Class::create(&definition);
    let class = class.map_err(|refusal| Failure::of_refusal(call.surface, refusal))?;
    let reading = call.reading(Needs::NOTHING).await?;
    let before = reading.schema(&call.api).await?;
    let id = class.id.clone();
    let mut issues = Vec::new();
    if before.declared(&id).is_some() {
        let message = format!("class {id} is there already; choose another id, or update it");
        issues.push(breaking("already_exists", "id", message));
    }
    let after = with(&before, class);
    for violation in after.contradictions(&id) {
        issues.push(breaking(
            "contradiction",
            &violation.field,
            violation.message,
        ));
    }
    issues.extend(structure(&after, &id));
    let errors = issues
        .iter()
        .filter(|it| it.severity == Severity::Breaking)
        .count();
    let data = json!({
        "class_id": id,
        "validation_summary": {
            "can_create": errors == 0,
            "total_issues": issues.len(),
            "errors": errors,
            "warnings": issues.len() - errors,
        },
        "issues": issues,
    });
    answer::success("the relationships are checked", data)
}

pub(crate) async fn check_circular(mut call: Call) -> Answer {
    let class = optional_class(&mut call).await?;
    let reading = call.reading(Needs::NOTHING).await?;
    let before = reading.schema(&call.api).await?;
    let after = match class {
        None => Arc::clone(&before),
        Some(class) => Arc::new(with(&before, class)),
    };
    let network = Network::of(&after);
    let known = Network::of(&before).cycles.cycles;
    let is_new = |cycle: &Cycle| !known.contains(cycle);
    let parents: Vec<_> = (network.contradictions.iter())
        .filter(|(_, violation)| violation.rule == "cycle")
        .map(|(class, violation)| json!({"class_id": class, "message": violation.message}))
        .collect();
    let cycles = &network.cycles;
    let safe = parents.is_empty() && !cycles.cycles.iter().any(|it| it.critical && is_new(it));
    let told: Vec<_> = cycles
        .cycles
        .iter()
        .map(|it| told(it, is_new(it)))
        .collect();
    let data = json!({
        "cycle_summary": {
            "safe_to_create": safe,
            "total_cycles": cycles.cycles.len() + parents.len(),
            "critical_cycles": cycles.critical() + parents.len(),
        },
        "cycles": told,
        "parent_cycles": parents,
        "truncated": cycles.truncated,
    });
    answer::success("the cycles are found", data)
}

/// The class in the body, if there is a body.
async fn optional_class(call: &mut Call) -> Result<Option<Class>, Failure> {
    if !call.has_body() {
        return Ok(None);
    }
    let class = Class::create(&call.document().await?);
    class
        .map(Some)
        .map_err(|refusal| Failure::of_refusal(call.surface, refusal))
}

/// The classes with one more.
fn with(schema: &Schema, class: Class) -> Schema {
    let mut after = schema.clone();
    after.put(Arc::new(class));
    after
}

fn told(cycle: &Cycle, is_new: bool) -> serde_json::Value {
    let classes: Vec<&str> = cycle.classes.iter().map(AsRef::as_ref).collect();
    let mut told = json!(cycle);
    told["path"] = classes.join(" → ").into();
    told["new"] = is_new.into();
    told
}
