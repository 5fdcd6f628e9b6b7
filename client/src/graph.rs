//! Graph queries.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{Client, Error, Read, calls};

/// A graph query: start nodes, then hop by hop. The api applies its defaults to missing fields.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct GraphQuery {
    /// The class of the start nodes.
    pub start_class: String,
    /// The hops.
    #[serde(default)]
    pub hops: Vec<Hop>,
    /// The conditions on the start nodes: a JSON object, sent unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Box<RawValue>>,
    /// The number of start nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The number of start nodes to skip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Other fields: `max_nodes`, `include_paths` …
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One hop.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Hop {
    /// The relationship.
    pub predicate: String,
    /// The target class.
    pub target_class: String,
    /// Along the reference, or against it.
    #[serde(default)]
    pub direction: Direction,
    /// The conditions on the target nodes: a JSON object, sent unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_filters: Option<Box<RawValue>>,
}

/// Along a reference, or against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the node with the reference.
    #[default]
    Out,
    /// To the nodes with a reference.
    In,
}

/// The result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GraphAnswer {
    /// The nodes, each once.
    pub nodes: Vec<Node>,
    /// The edges, each once.
    pub edges: Vec<Edge>,
    /// The number of nodes.
    #[serde(default)]
    pub count: u64,
    /// What was cut off, and why.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The page of start nodes.
    pub page: GraphPage,
    /// The query as the api interpreted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Box<RawValue>>,
    /// The paths, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<GraphPath>>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Node {
    /// `Class/id`
    pub id: String,
    /// Its class.
    #[serde(rename = "type")]
    pub class: String,
    /// `FULL`, `PARTIAL` or `MISSING`.
    pub data_status: String,
    /// The instance document; its values are in `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An edge, from the node with the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// `Class/id`
    pub from_node: String,
    /// `Class/id`
    pub to_node: String,
    /// The relationship.
    pub predicate: String,
}

/// The page of start nodes of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GraphPage {
    /// The maximum number.
    pub limit: u64,
    /// The number skipped.
    pub offset: u64,
    /// The start of the next page; none for the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
}

/// A path of the query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GraphPath {
    /// Its nodes.
    pub nodes: Vec<String>,
    /// The relationships between them.
    pub predicates: Vec<String>,
}

/// Paths between classes in the schema.
#[derive(Debug, Clone, Default)]
pub struct PathQuery {
    /// The start class.
    pub source_class: String,
    /// The end class.
    pub target_class: String,
    /// The maximum number of hops.
    pub max_depth: Option<u64>,
}

impl Client {
    /// Runs a graph query.
    pub async fn graph_query<T: Serialize + ?Sized>(
        &self,
        database: &str,
        query: &T,
        read: &Read,
    ) -> Result<GraphAnswer, Error> {
        // It changes nothing, so it is safe to repeat.
        self.call(&calls::GRAPH_QUERY, &[database])
            .json(query)
            .read(read)
            .allow_repeats()
            .fetch()
            .await
    }

    /// The paths between classes in the schema.
    pub async fn schema_paths(
        &self,
        database: &str,
        query: &PathQuery,
        read: &Read,
    ) -> Result<Map<String, Value>, Error> {
        self.call(&calls::GRAPH_PATHS, &[database])
            .read(read)
            .query("source_class", &query.source_class)
            .query("target_class", &query.target_class)
            .maybe_query("max_depth", query.max_depth.map(|depth| depth.to_string()))
            .fetch()
            .await
    }
}
