//! The answer to a graph query (contract §9).

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    id::{CommandId, EventId, LogPosition, Sequence},
    time::Timestamp,
};

use crate::{http::render::InstanceDocument, read::graph::GraphRequest};

/// Nodes and edges (contract §9).
#[derive(Serialize, JsonSchema)]
pub(crate) struct GraphAnswer<'a> {
    pub(super) nodes: Vec<GraphNode<'a>>,
    pub(super) edges: Vec<GraphEdge<'a>>,
    /// The query, with its defaults.
    pub(super) query: &'a GraphRequest,
    pub(super) count: usize,
    /// Limits that were reached.
    pub(super) warnings: Vec<String>,
    pub(super) page: GraphPage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paths: Option<Vec<GraphPath<'a>>>,
    pub(super) index_summary: IndexSummary,
    /// The position that the answer shows at least.
    pub(super) position: LogPosition,
}

/// An instance.
#[derive(Serialize, JsonSchema)]
pub(super) struct GraphNode<'a> {
    /// `Class/id`
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) class: &'a str,
    pub(super) es_doc_id: &'a str,
    pub(super) db_name: &'a str,
    pub(super) es_ref: IndexReference<'a>,
    pub(super) data_status: DataStatus,
    pub(super) display: Display<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<InstanceDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index_status: Option<IndexStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provenance: Option<Provenance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audit: Option<Audit<'a>>,
}

/// The location of a node's document.
#[derive(Serialize, JsonSchema)]
pub(super) struct IndexReference<'a> {
    pub(super) index: &'a str,
    pub(super) id: &'a str,
}

/// Whether the document of a node is as new as the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum DataStatus {
    Full,
    Partial,
    Missing,
}

/// How to display a node.
#[derive(Serialize, JsonSchema)]
pub(super) struct Display<'a> {
    pub(super) primary_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) summary: String,
}

/// How new the document of a node is.
#[derive(Serialize, JsonSchema)]
pub(super) struct IndexStatus {
    pub(super) last_indexed_at: Option<Timestamp>,
    pub(super) index_age_seconds: Option<f64>,
    pub(super) event_sequence: Option<Sequence>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) tombstoned: bool,
    pub(super) graph_last_updated_at: Timestamp,
    pub(super) projection_lag_seconds: Option<f64>,
}

/// The fact of a node's version.
#[derive(Serialize, JsonSchema)]
pub(super) struct Provenance<'a> {
    pub(super) event_id: EventId,
    pub(super) event_type: Option<&'static str>,
    pub(super) event_sequence: Sequence,
    pub(super) position: LogPosition,
    pub(super) command_id: Option<CommandId>,
    pub(super) command_type: Option<&'a str>,
    pub(super) occurred_at: Timestamp,
}

/// The last change of a node.
#[derive(Serialize, JsonSchema)]
pub(super) struct Audit<'a> {
    pub(super) actor: Option<&'a str>,
    pub(super) command_id: Option<CommandId>,
    pub(super) command_type: Option<&'a str>,
    pub(super) occurred_at: Timestamp,
}

/// A reference, from the node that has it.
#[derive(Serialize, JsonSchema)]
pub(super) struct GraphEdge<'a> {
    pub(super) from_node: &'a str,
    pub(super) to_node: &'a str,
    pub(super) predicate: &'a str,
}

/// One path through the nodes.
#[derive(Serialize, JsonSchema)]
pub(super) struct GraphPath<'a> {
    pub(super) nodes: Vec<&'a str>,
    pub(super) predicates: Vec<&'a str>,
}

/// The page of start nodes.
#[derive(Serialize, JsonSchema)]
pub(super) struct GraphPage {
    pub(super) limit: usize,
    pub(super) offset: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_offset: Option<usize>,
}

/// The index status of all nodes.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct IndexSummary {
    pub(super) documents_found: usize,
    pub(super) documents_partial: usize,
    pub(super) documents_missing: usize,
    pub(super) tombstoned: usize,
    pub(super) max_projection_lag_seconds: f64,
}
