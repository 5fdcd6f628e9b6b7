//! The request, as clients write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spice_core::query::Conditions;

use crate::objects::objects;

/// The number of start nodes on a page.
pub(super) const LIMIT: u64 = 1_000;
pub(super) const HOPS: usize = 10;
pub(super) const NODES: u64 = 10_000;
pub(super) const EDGES: u64 = 50_000;
pub(super) const PATHS: u64 = 2_000;

/// `POST /graph-query/{db}`
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct GraphRequest {
    pub(crate) start_class: String,
    #[serde(default, deserialize_with = "objects")]
    #[schemars(length(max = HOPS))]
    pub(crate) hops: Vec<HopRequest>,
    #[serde(default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(crate) filters: Option<Conditions>,
    #[serde(default = "number::<100>")]
    #[schemars(range(min = 1, max = LIMIT))]
    pub(crate) limit: u64,
    #[serde(default)]
    pub(crate) offset: u64,
    #[serde(default = "number::<500>")]
    #[schemars(range(min = 1, max = NODES))]
    pub(crate) max_nodes: u64,
    #[serde(default = "number::<2_000>")]
    #[schemars(range(min = 1, max = EDGES))]
    pub(crate) max_edges: u64,
    #[serde(default)]
    pub(crate) include_paths: bool,
    #[serde(default = "number::<100>")]
    #[schemars(range(min = 1, max = PATHS))]
    pub(crate) max_paths: u64,
    #[serde(default)]
    pub(crate) no_cycles: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = HOPS))]
    pub(crate) path_depth_limit: Option<u64>,
    #[serde(default = "yes")]
    pub(crate) include_documents: bool,
    #[serde(default)]
    pub(crate) include_provenance: bool,
    #[serde(default)]
    pub(crate) include_audit: bool,
}

/// One hop.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HopRequest {
    pub(crate) predicate: String,
    pub(crate) target_class: String,
    #[serde(default)]
    pub(crate) direction: Direction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(crate) target_filters: Option<Conditions>,
}

/// Along a reference, or against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// To the nodes that the references name.
    #[default]
    Out,
    /// To the nodes with a reference.
    In,
}

impl Direction {
    /// The opposite direction.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Out => Self::In,
            Self::In => Self::Out,
        }
    }
}

/// `POST /graph-query/{db}/simple`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimpleRequest {
    pub(crate) class_name: String,
    #[serde(default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(crate) filters: Option<Conditions>,
    #[serde(default = "number::<100>")]
    #[schemars(range(min = 1, max = LIMIT))]
    pub(crate) limit: u64,
}

impl From<SimpleRequest> for GraphRequest {
    fn from(simple: SimpleRequest) -> Self {
        Self {
            start_class: simple.class_name,
            hops: Vec::new(),
            filters: simple.filters,
            limit: simple.limit,
            offset: 0,
            // All nodes are start nodes here: the limit is the only bound.
            max_nodes: LIMIT,
            max_edges: number::<2_000>(),
            include_paths: false,
            max_paths: number::<100>(),
            no_cycles: false,
            path_depth_limit: None,
            include_documents: true,
            include_provenance: false,
            include_audit: false,
        }
    }
}

fn number<const N: u64>() -> u64 {
    N
}

fn yes() -> bool {
    true
}
