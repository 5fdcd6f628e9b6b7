//! Walks through the graph.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{Client, Error, Read, calls};

/// What to walk: start nodes, then hop by hop. What is not said is what the api takes for usual.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct GraphQuery {
    /// The class of the start nodes.
    pub start_class: String,
    /// The hops.
    #[serde(default)]
    pub hops: Vec<Hop>,
    /// What has to hold of the start nodes: a JSON object, sent as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Box<RawValue>>,
    /// How many start nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many of them to leave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The rest: `max_nodes`, `include_paths` …
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One hop.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Hop {
    /// The relationship.
    pub predicate: String,
    /// The class that it leads to.
    pub target_class: String,
    /// Along the reference, or against it.
    #[serde(default)]
    pub direction: Direction,
    /// What has to hold of the nodes that it leads to: a JSON object, sent as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_filters: Option<Box<RawValue>>,
}

/// Along a reference, or against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the node that holds the reference.
    #[default]
    Out,
    /// To the nodes that hold one.
    In,
}

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GraphAnswer {
    /// The nodes, each once.
    pub nodes: Vec<Node>,
    /// The edges, each once.
    pub edges: Vec<Edge>,
    /// How many nodes there are.
    #[serde(default)]
    pub count: u64,
    /// What was cut off, and why.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Which start nodes these are.
    pub page: GraphPage,
    /// The query, as the api understood it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Box<RawValue>>,
    /// The ways that were walked, when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<GraphPath>>,
    /// What this client has no name for.
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
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An edge, from the node that holds the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// `Class/id`
    pub from_node: String,
    /// `Class/id`
    pub to_node: String,
    /// The relationship.
    pub predicate: String,
}

/// Which start nodes an answer is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GraphPage {
    /// How many at most.
    pub limit: u64,
    /// How many were left out.
    pub offset: u64,
    /// Where the next page starts; none: this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
}

/// One way that was walked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GraphPath {
    /// Its nodes.
    pub nodes: Vec<String>,
    /// The relationships between them.
    pub predicates: Vec<String>,
}

/// Ways from class to class, in the schema.
#[derive(Debug, Clone, Default)]
pub struct PathQuery {
    /// Where they start.
    pub source_class: String,
    /// Where they end.
    pub target_class: String,
    /// How many hops they have at most.
    pub max_depth: Option<u64>,
}

impl Client {
    /// Walks the graph.
    pub async fn graph_query<T: Serialize + ?Sized>(
        &self,
        database: &str,
        query: &T,
        read: &Read,
    ) -> Result<GraphAnswer, Error> {
        // It changes nothing, so it is safe to repeat as it is.
        self.call(&calls::GRAPH_QUERY, &[database])
            .json(query)
            .read(read)
            .repeatable()
            .fetch()
            .await
    }

    /// The ways from class to class, in the schema.
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
