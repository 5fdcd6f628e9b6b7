//! The state of a resource of any kind, in one line.

use kube::api::{ApiResource, DynamicObject};
use serde::Serialize;
use spice_crds::{Condition, ConditionStatus, Finding, Plan};

use crate::output;

/// Conditions that matter more than Ready when they are true.
const FIRST: [&str; 5] = [
    "DeletionBlocked",
    "Failed",
    "Stalled",
    "Drifted",
    "Complete",
];

/// The reason of a `ReplayJob` that waits for an approval of its id.
const AWAITS: &str = "AwaitingApproval";

/// The state of an object.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// `True`, `False` or `Unknown`.
    pub(crate) ready: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// The log position when it was last applied.
    pub(crate) position: Option<i64>,
    /// The change that waits for an approval.
    pub(crate) plan: Option<Plan>,
    /// The value of the annotation that approves what waits for it.
    pub(crate) approval: Option<String>,
}

impl State {
    pub(crate) fn of(kind: &ApiResource, object: &DynamicObject) -> Self {
        let status = &object.data["status"];
        let read = |field: &str| status.get(field).cloned().unwrap_or_default();
        let conditions: Vec<Condition> =
            serde_json::from_value(read("conditions")).unwrap_or_default();
        let of = |kind: &str| conditions.iter().find(|it| it.kind == kind);
        let is_true = |it: &&Condition| it.status == ConditionStatus::True;
        let ready = of("Ready");
        let deciding = FIRST.iter().filter_map(|kind| of(kind)).find(is_true);
        let deciding = deciding.or(ready).or_else(|| conditions.first());
        // A new object has the default of its definition and was seen by nobody.
        let is_seen = status["observedGeneration"].is_i64();
        let is_current = status["observedGeneration"].as_i64() == object.metadata.generation;
        let (reason, message) = match deciding {
            Some(condition) if is_seen => (condition.reason.clone(), condition.message.clone()),
            _ => (
                "NotObserved".to_owned(),
                "no operator has seen it yet: is one running, and does spec.instance name it?"
                    .to_owned(),
            ),
        };
        let status = ready.filter(|_| is_seen).map(|it| it.status);
        let plan: Option<Plan> = serde_json::from_value(read("plan")).ok();
        let hash = plan.as_ref().map(|plan| plan.hash.clone());
        let awaits = ready.is_some_and(|it| it.reason == AWAITS);
        let id = || Some(read("externalId").as_str()?.to_owned());
        let approval = hash.or_else(|| id().filter(|_| awaits));
        Self {
            kind: kind.kind.clone(),
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
            ready: status
                .unwrap_or(ConditionStatus::Unknown)
                .as_str()
                .to_owned(),
            message: if is_seen && !is_current {
                format!("before the last edit: {message}")
            } else {
                message
            },
            reason,
            position: read("position").as_i64(),
            plan,
            approval,
        }
    }

    /// `ontology/shop`
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// Writes what a change would lose, counted.
pub(crate) fn show_findings(plan: &Plan) -> anyhow::Result<()> {
    let row = |finding: &Finding| {
        let place = [finding.class.as_deref(), finding.field.as_deref()];
        let place: Vec<&str> = place.into_iter().flatten().collect();
        let affected = finding.affected.map(|it| it.to_string());
        vec![
            finding.code.clone(),
            place.join("."),
            affected.unwrap_or_default(),
            finding.message.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = plan.findings.iter().map(row).collect();
    output::table(&["FINDING", "PLACE", "INSTANCES", "MESSAGE"], &rows)?;
    let more = plan.findings_total - i64::try_from(plan.findings.len())?;
    if more > 0 {
        output::line(format!("and {more} more"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(generation: i64, status: &Value) -> State {
        let kind = ApiResource::erase::<spice_crds::Ontology>(&());
        let object = json!({"apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Ontology",
            "metadata": {"name": "shop", "namespace": "a", "generation": generation},
            "spec": {}, "status": status});
        State::of(&kind, &serde_json::from_value(object).unwrap())
    }

    fn condition(kind: &str, status: &str, reason: &str) -> Value {
        json!({"type": kind, "status": status, "reason": reason, "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    #[test]
    fn the_condition_that_needs_a_person_is_shown_before_ready() {
        let ready = condition("Ready", "False", "UnsafeChange");
        let stalled = condition("Stalled", "True", "Deleted");
        let seen = state(
            2,
            &json!({"observedGeneration": 2, "conditions": [ready, stalled]}),
        );
        assert_eq!(
            (seen.ready.as_str(), seen.reason.as_str()),
            ("False", "Deleted")
        );
        assert_eq!(
            (seen.title().as_str(), seen.message.as_str()),
            ("ontology/shop", "m")
        );
    }

    #[test]
    fn the_state_of_an_earlier_generation_is_marked() {
        let ready = condition("Ready", "True", "Available");
        let seen = state(3, &json!({"observedGeneration": 2, "conditions": [ready]}));
        assert_eq!(seen.message, "before the last edit: m");
    }

    #[test]
    fn an_object_that_no_operator_has_seen_is_not_ready() {
        let default = condition("Ready", "Unknown", "Pending");
        let seen = state(1, &json!({"conditions": [default]}));
        assert_eq!(
            (seen.ready.as_str(), seen.reason.as_str()),
            ("Unknown", "NotObserved")
        );
        assert_eq!(state(1, &Value::Null).reason, "NotObserved");
    }
}
