//! Answers to graph queries (contract §9).

use schemars::JsonSchema;

use super::{Anything, Identifier, Moment, instances::InstanceDocument};

/// Nodes and edges.
#[derive(JsonSchema)]
pub(crate) struct GraphAnswer {
    pub(crate) nodes: Vec<GraphNode>,
    pub(crate) edges: Vec<GraphEdge>,
    /// The query, with its defaults.
    pub(crate) query: Anything,
    pub(crate) count: u64,
    /// Caps that were reached.
    pub(crate) warnings: Vec<String>,
    pub(crate) page: GraphPage,
    pub(crate) paths: Option<Vec<GraphPath>>,
    pub(crate) index_summary: IndexSummary,
    /// What the answer shows, at the latest.
    pub(crate) position: u64,
}

/// An instance.
#[derive(JsonSchema)]
pub(crate) struct GraphNode {
    /// `Class/id`
    pub(crate) id: String,
    pub(crate) r#type: String,
    pub(crate) es_doc_id: String,
    pub(crate) db_name: String,
    pub(crate) es_ref: IndexReference,
    pub(crate) data_status: DataStatus,
    pub(crate) display: Display,
    pub(crate) data: Option<InstanceDocument>,
    pub(crate) index_status: Option<IndexStatus>,
    pub(crate) provenance: Option<Provenance>,
    pub(crate) audit: Option<Audit>,
}

/// Which fact the version of a node is.
#[derive(JsonSchema)]
pub(crate) struct Provenance {
    pub(crate) event_id: Identifier,
    pub(crate) event_type: Option<String>,
    pub(crate) event_sequence: u64,
    pub(crate) position: u64,
    pub(crate) command_id: Option<Identifier>,
    pub(crate) command_type: Option<String>,
    pub(crate) occurred_at: Moment,
}

/// Who made a node what it is.
#[derive(JsonSchema)]
pub(crate) struct Audit {
    pub(crate) actor: Option<String>,
    pub(crate) command_id: Option<Identifier>,
    pub(crate) command_type: Option<String>,
    pub(crate) occurred_at: Moment,
}

/// Where the document of a node is.
#[derive(JsonSchema)]
pub(crate) struct IndexReference {
    pub(crate) index: String,
    pub(crate) id: String,
}

/// Whether the document of a node is as new as the graph.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
pub(crate) enum DataStatus {
    Full,
    Partial,
    Missing,
}

/// How to show a node.
#[derive(JsonSchema)]
pub(crate) struct Display {
    pub(crate) primary_key: String,
    pub(crate) name: Option<String>,
    pub(crate) summary: String,
}

/// How new the document of a node is.
#[derive(JsonSchema)]
pub(crate) struct IndexStatus {
    pub(crate) last_indexed_at: Option<Moment>,
    pub(crate) index_age_seconds: Option<f64>,
    pub(crate) event_sequence: Option<u64>,
    pub(crate) tombstoned: Option<bool>,
    pub(crate) graph_last_updated_at: Moment,
    pub(crate) projection_lag_seconds: Option<f64>,
}

/// A reference, from the node that holds it.
#[derive(JsonSchema)]
pub(crate) struct GraphEdge {
    pub(crate) from_node: String,
    pub(crate) to_node: String,
    pub(crate) predicate: String,
}

/// One way through the nodes.
#[derive(JsonSchema)]
pub(crate) struct GraphPath {
    pub(crate) nodes: Vec<String>,
    pub(crate) predicates: Vec<String>,
}

/// Which start nodes the answer is about.
#[derive(JsonSchema)]
pub(crate) struct GraphPage {
    pub(crate) limit: u64,
    pub(crate) offset: u64,
    pub(crate) next_offset: Option<u64>,
}

/// How the documents of all nodes are.
#[derive(JsonSchema)]
pub(crate) struct IndexSummary {
    pub(crate) documents_found: u64,
    pub(crate) documents_partial: u64,
    pub(crate) documents_missing: u64,
    pub(crate) tombstoned: u64,
    pub(crate) max_projection_lag_seconds: f64,
}

/// Ways from one class to another.
#[derive(JsonSchema)]
pub(crate) struct SchemaPaths {
    pub(crate) source_class: String,
    pub(crate) target_class: String,
    pub(crate) max_depth: u64,
    pub(crate) count: u64,
    pub(crate) paths: Vec<SchemaWay>,
    /// Whether there are more than are told.
    pub(crate) more: bool,
}

/// One way, as hops that a query can take.
#[derive(JsonSchema)]
pub(crate) struct SchemaWay {
    pub(crate) length: u64,
    pub(crate) hops: Vec<SchemaStep>,
}

/// One hop of a way.
#[derive(JsonSchema)]
pub(crate) struct SchemaStep {
    pub(crate) predicate: String,
    pub(crate) target_class: String,
    /// `out` or `in`
    pub(crate) direction: String,
}
