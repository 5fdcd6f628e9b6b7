//! How the classes of a branch hang together.

use axum::http::StatusCode;
use serde_json::{Value, json};
use spice_core::ontology::{Finding, Schema, network::Network};

use crate::http::{
    answer::{self, Answer},
    call::Call,
    wait::Needs,
};

pub(crate) async fn analyze(call: Call) -> Answer {
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema(&call.api).await?;
    let network = Network::of(&schema);
    let quality = Quality::of(&network);
    let classes: Vec<Value> = schema
        .iter_declared()
        .map(|class| {
            json!({
                "class_id": class.id,
                "label": class.label(call.language()),
                "parent_class": class.parent(),
                "abstract": class.is_abstract(),
            })
        })
        .collect();
    let components: Vec<Value> = (network.components.iter())
        .map(|classes| json!({"classes": classes, "size": classes.len()}))
        .collect();
    let answer = json!({
        "status": "success",
        "message": "the network of relationships is analysed",
        "network_health": {"score": quality.score(), "grade": quality.grade()},
        "statistics": statistics(&schema, &network),
        "quality_metrics": {
            "validation_errors": quality.errors,
            "validation_warnings": quality.warnings,
            "critical_cycles": quality.critical,
            "total_cycles": network.cycles.cycles.len(),
            "inverse_coverage": coverage(network.with_inverse(), network.edges.len()),
        },
        "recommendations": recommendations(&network),
        "classes": classes,
        "edges": network.edges,
        "components": components,
        "cycles": network.cycles.cycles,
        "cycles_truncated": network.cycles.truncated,
        "hubs": network.hubs,
        "isolated_classes": network.isolated,
        "missing_targets": found(&network, "target_missing"),
        "inverse_mismatches": found(&network, "inverse_mismatch"),
        "metadata": {
            "database": reading.snapshot.stream.database,
            "branch": reading.branch,
            "language": call.language(),
        },
    });
    answer::json(StatusCode::OK, &answer)
}

fn statistics(schema: &Schema, network: &Network) -> Value {
    let classes = schema.iter_declared().count();
    let mut predicates: Vec<&str> = network
        .edges
        .iter()
        .map(|edge| edge.predicate.as_str())
        .collect();
    predicates.sort_unstable();
    predicates.dedup();
    // Two ends a relationship, in hundredths, without a float in between.
    let hundredths = (network.edges.len() * 200)
        .checked_div(classes)
        .unwrap_or_default();
    let average = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    json!({
        "total_ontologies": classes,
        "total_relationships": network.edges.len(),
        "relationship_types": predicates.len(),
        "components": network.components.len(),
        "average_connections": average.parse::<f64>().unwrap_or_default(),
    })
}

fn coverage(with_inverse: usize, all: usize) -> String {
    let percent = (with_inverse * 100).checked_div(all).unwrap_or_default();
    format!("{with_inverse}/{all} ({percent}%)")
}

/// What the score is made of, as in the earlier system.
struct Quality {
    errors: usize,
    warnings: usize,
    critical: usize,
}

impl Quality {
    fn of(network: &Network) -> Self {
        let count = |code: &str| {
            network
                .findings
                .iter()
                .filter(|(_, it)| it.code == code)
                .count()
        };
        Self {
            errors: count("target_missing") + network.contradictions.len(),
            warnings: count("inverse_mismatch"),
            critical: network.cycles.critical(),
        }
    }

    fn score(&self) -> usize {
        100_usize.saturating_sub(self.errors * 10 + self.critical * 15 + self.warnings * 2)
    }

    fn grade(&self) -> &'static str {
        match self.score() {
            90.. => "Excellent",
            70.. => "Good",
            50.. => "Fair",
            _ => "Poor",
        }
    }
}

fn found(network: &Network, code: &str) -> Vec<Value> {
    let of_code = network.findings.iter().filter(|(_, it)| it.code == code);
    of_code
        .map(|(class, Finding { field, message, .. })| {
            json!({"class_id": class, "predicate": field, "message": message})
        })
        .collect()
}

fn recommendations(network: &Network) -> Vec<Value> {
    let recommendation =
        |priority: &str, message: String| json!({"priority": priority, "message": message});
    let contradictions = network.contradictions.iter();
    let mut told: Vec<Value> = contradictions
        .map(|(_, it)| recommendation("high", it.message.clone()))
        .collect();
    for cycle in network.cycles.cycles.iter().filter(|cycle| cycle.critical) {
        let classes: Vec<&str> = cycle.classes.iter().map(AsRef::as_ref).collect();
        let way = classes.join(" → ");
        let message = format!(
            "every relationship of {way} is required and strict, so no instance can be the first \
             outside a transaction; make one of them optional"
        );
        told.push(recommendation("high", message));
    }
    for (class, finding) in &network.findings {
        let priority = if finding.code == "target_missing" {
            "high"
        } else {
            "medium"
        };
        told.push(recommendation(
            priority,
            format!("{class}: {}", finding.message),
        ));
    }
    for class in &network.isolated {
        let message = format!("{class} has no relationship to any class");
        told.push(recommendation("low", message));
    }
    told
}
