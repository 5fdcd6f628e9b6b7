//! The shapes of an answer (contract §9).

use serde::Serialize;
use spice_core::{
    id::{CommandId, EventId, LogPosition, Sequence},
    time::Timestamp,
};

use crate::{http::render::InstanceDocument, read::graph::GraphRequest};

/// The answer of contract §9.
#[derive(Serialize)]
pub(crate) struct Answered<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) edges: Vec<EdgeShape<'a>>,
    pub(super) query: &'a GraphRequest,
    pub(super) count: usize,
    pub(super) warnings: Vec<String>,
    pub(super) page: PageShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paths: Option<Vec<PathShape<'a>>>,
    pub(super) index_summary: IndexSummary,
    pub(super) position: LogPosition,
}

#[derive(Serialize)]
pub(super) struct Node<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) class: &'a str,
    pub(super) es_doc_id: &'a str,
    pub(super) db_name: &'a str,
    pub(super) es_ref: IndexRef<'a>,
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

#[derive(Serialize)]
pub(super) struct IndexRef<'a> {
    pub(super) index: &'a str,
    pub(super) id: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum DataStatus {
    Full,
    Partial,
    Missing,
}

#[derive(Serialize)]
pub(super) struct Display<'a> {
    pub(super) primary_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) summary: String,
}

#[derive(Serialize)]
pub(super) struct IndexStatus {
    pub(super) last_indexed_at: Option<Timestamp>,
    pub(super) index_age_seconds: Option<f64>,
    pub(super) event_sequence: Option<Sequence>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) tombstoned: bool,
    pub(super) graph_last_updated_at: Timestamp,
    pub(super) projection_lag_seconds: Option<f64>,
}

/// Which fact a node's version is.
#[derive(Serialize)]
pub(super) struct Provenance<'a> {
    pub(super) event_id: EventId,
    pub(super) event_type: Option<&'static str>,
    pub(super) event_sequence: Sequence,
    pub(super) position: LogPosition,
    pub(super) command_id: Option<CommandId>,
    pub(super) command_type: Option<&'a str>,
    pub(super) occurred_at: Timestamp,
}

/// Who made a node what it is.
#[derive(Serialize)]
pub(super) struct Audit<'a> {
    pub(super) actor: Option<&'a str>,
    pub(super) command_id: Option<CommandId>,
    pub(super) command_type: Option<&'a str>,
    pub(super) occurred_at: Timestamp,
}

#[derive(Serialize)]
pub(super) struct EdgeShape<'a> {
    pub(super) from_node: &'a str,
    pub(super) to_node: &'a str,
    pub(super) predicate: &'a str,
}

#[derive(Serialize)]
pub(super) struct PathShape<'a> {
    pub(super) nodes: Vec<&'a str>,
    pub(super) predicates: Vec<&'a str>,
}

#[derive(Serialize)]
pub(super) struct PageShape {
    pub(super) limit: usize,
    pub(super) offset: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_offset: Option<usize>,
}

#[derive(Default, Serialize)]
pub(super) struct IndexSummary {
    pub(super) documents_found: usize,
    pub(super) documents_partial: usize,
    pub(super) documents_missing: usize,
    pub(super) tombstoned: usize,
    pub(super) max_projection_lag_seconds: f64,
}
