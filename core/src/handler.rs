//! The handlers that count for a command's status, with their names (contract §6). Other handlers
//! (lineage, a mirror, egress) never change a status.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A projection that every command passes: a store with its own worker.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Projection {
    /// The graph: every version.
    Graph,
    /// The documents: the newest versions.
    Documents,
}

/// Applies classes to the graph.
pub const ONTOLOGY: &str = "ontology_worker";
/// Applies instances to the graph.
pub const INSTANCES: &str = "instance_worker";
/// Applies branches and databases to the graph.
pub const BRANCHES: &str = "branch_worker";
/// Applies instances and branches to the documents.
pub const INSTANCE_EVENTS: &str = "projection_worker:instance_events";
/// Applies classes to the documents.
pub const ONTOLOGY_EVENTS: &str = "projection_worker:ontology_events";

impl Projection {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Graph, Self::Documents];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Documents => "documents",
        }
    }

    /// The worker that writes it. Its lease and its position have this name.
    pub const fn worker(self) -> &'static str {
        match self {
            Self::Graph => "graph_worker",
            Self::Documents => "projection_worker",
        }
    }

    /// The handlers under which the worker records its work.
    pub const fn handlers(self) -> &'static [&'static str] {
        match self {
            Self::Graph => &[ONTOLOGY, INSTANCES, BRANCHES],
            Self::Documents => &[INSTANCE_EVENTS, ONTOLOGY_EVENTS],
        }
    }

    /// The projection of a handler; none if the handler does not count.
    pub fn of(handler: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|projection| projection.handlers().contains(&handler))
    }
}
