//! How the classes of a branch are connected.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    name::ClassName,
    ontology::{
        Schema,
        network::{Component, Cycle, Edge, Hub, Network},
    },
};

use super::relationships::arrows;
use crate::{
    http::{
        answer::{self, Answer, Success},
        call::Call,
        render::Frame,
    },
    read::wait::Needs,
};

/// How the classes of a branch are connected.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NetworkAnswer<'a> {
    status: Success,
    message: &'static str,
    network_health: NetworkHealth,
    statistics: Statistics,
    quality_metrics: QualityMetrics,
    recommendations: Vec<Recommendation>,
    classes: Vec<NetworkClass<'a>>,
    edges: &'a [Edge],
    components: &'a [Component],
    cycles: &'a [Cycle],
    /// Whether there may be more cycles.
    cycles_truncated: bool,
    hubs: &'a [Hub],
    isolated_classes: &'a [ClassName],
    missing_targets: Vec<RelationshipIssue<'a>>,
    inverse_mismatches: Vec<RelationshipIssue<'a>>,
    metadata: Frame<'a>,
}

/// A score from 0 to 100, with a word for it.
#[derive(Serialize, JsonSchema)]
struct NetworkHealth {
    score: usize,
    grade: &'static str,
}

/// The counts.
#[derive(Serialize, JsonSchema)]
struct Statistics {
    total_ontologies: usize,
    total_relationships: usize,
    /// The number of different predicates.
    relationship_types: usize,
    components: usize,
    /// Relationship ends per class.
    average_connections: f64,
}

/// The parts of the score.
#[derive(Serialize, JsonSchema)]
struct QualityMetrics {
    validation_errors: usize,
    validation_warnings: usize,
    critical_cycles: usize,
    total_cycles: usize,
    /// The number of relationships with an inverse: `1/2 (50%)`.
    inverse_coverage: String,
}

/// A possible improvement.
#[derive(Serialize, JsonSchema)]
struct Recommendation {
    priority: Priority,
    message: String,
}

/// The priority of a recommendation.
#[derive(Serialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Priority {
    High,
    Medium,
    Low,
}

/// A class of the network.
#[derive(Serialize, JsonSchema)]
struct NetworkClass<'a> {
    class_id: &'a ClassName,
    label: &'a str,
    parent_class: Option<&'a ClassName>,
    r#abstract: bool,
}

/// A problem of a relationship.
#[derive(Serialize, JsonSchema)]
struct RelationshipIssue<'a> {
    class_id: &'a ClassName,
    predicate: &'a str,
    message: &'a str,
}

pub(crate) async fn analyze(call: Call) -> Answer {
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema().await?;
    let network = Network::of(&schema);
    let quality = QualityMetrics::of(&network);
    let answer = NetworkAnswer {
        status: Success::Success,
        message: "the network of relationships is analysed",
        network_health: quality.health(),
        statistics: count(&schema, &network),
        quality_metrics: quality,
        recommendations: recommend(&network),
        classes: list_classes(&schema, call.language()),
        edges: &network.edges,
        components: &network.components,
        cycles: &network.cycles.cycles,
        cycles_truncated: network.cycles.truncated,
        hubs: &network.hubs,
        isolated_classes: &network.isolated,
        missing_targets: find(&network, "target_missing"),
        inverse_mismatches: find(&network, "inverse_mismatch"),
        metadata: call.frame(&reading),
    };
    answer::ok(&answer)
}

fn list_classes<'a>(schema: &'a Schema, language: Option<&str>) -> Vec<NetworkClass<'a>> {
    schema
        .iter_declared()
        .map(|class| NetworkClass {
            class_id: &class.id,
            label: class.label(language),
            parent_class: class.parent(),
            r#abstract: class.is_abstract(),
        })
        .collect()
}

fn count(schema: &Schema, network: &Network) -> Statistics {
    let classes = schema.iter_declared().count();
    let predicates: BTreeSet<_> = network.edges.iter().map(|edge| &edge.predicate).collect();
    // Two ends per relationship, in hundredths, without a float.
    let hundredths = (network.edges.len() * 200)
        .checked_div(classes)
        .unwrap_or_default();
    let average = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    Statistics {
        total_ontologies: classes,
        total_relationships: network.edges.len(),
        relationship_types: predicates.len(),
        components: network.components.len(),
        average_connections: average.parse().unwrap_or_default(),
    }
}

/// As in the earlier system.
impl QualityMetrics {
    fn of(network: &Network) -> Self {
        let (with_inverse, all) = (network.count_with_inverse(), network.edges.len());
        let percent = (with_inverse * 100).checked_div(all).unwrap_or_default();
        Self {
            validation_errors: find(network, "target_missing").len() + network.contradictions.len(),
            validation_warnings: find(network, "inverse_mismatch").len(),
            critical_cycles: network.cycles.count_critical(),
            total_cycles: network.cycles.cycles.len(),
            inverse_coverage: format!("{with_inverse}/{all} ({percent}%)"),
        }
    }

    fn health(&self) -> NetworkHealth {
        let penalty =
            self.validation_errors * 10 + self.critical_cycles * 15 + self.validation_warnings * 2;
        let score = 100_usize.saturating_sub(penalty);
        let grade = match score {
            90.. => "Excellent",
            70.. => "Good",
            50.. => "Fair",
            _ => "Poor",
        };
        NetworkHealth { score, grade }
    }
}

fn find<'a>(network: &'a Network, code: &str) -> Vec<RelationshipIssue<'a>> {
    let of_code = network.findings.iter().filter(|(_, it)| it.code == code);
    of_code
        .map(|(class_id, finding)| RelationshipIssue {
            class_id,
            predicate: &finding.field,
            message: &finding.message,
        })
        .collect()
}

fn recommend(network: &Network) -> Vec<Recommendation> {
    let recommend = |priority, message| Recommendation { priority, message };
    let mut recommendations: Vec<Recommendation> = (network.contradictions.iter())
        .map(|(_, it)| recommend(Priority::High, it.message.clone()))
        .collect();
    for cycle in network.cycles.cycles.iter().filter(|cycle| cycle.critical) {
        let message = format!(
            "every relationship of {} is required and strict, so no instance can be the first \
             outside a transaction; make one of them optional",
            arrows(&cycle.classes)
        );
        recommendations.push(recommend(Priority::High, message));
    }
    for (class, finding) in &network.findings {
        let priority = if finding.code == "target_missing" {
            Priority::High
        } else {
            Priority::Medium
        };
        let message = format!("{class}: {}", finding.message);
        recommendations.push(recommend(priority, message));
    }
    for class in &network.isolated {
        let message = format!("{class} has no relationship to any class");
        recommendations.push(recommend(Priority::Low, message));
    }
    recommendations
}
