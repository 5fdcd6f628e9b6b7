//! Assembles the answer: nodes of the graph joined with their documents.

use std::collections::HashMap;

use spice_core::{
    id::LogPosition,
    naming,
    ontology::{Class, Schema},
    port::graph::{State, Version},
    time::Timestamp,
};

use super::nodes::{
    Audit, DataStatus, Display, GraphAnswer, GraphEdge, GraphNode, GraphPage, GraphPath,
    IndexReference, IndexStatus, IndexSummary, Provenance,
};
use crate::{
    http::render::Frame,
    read::{
        graph::{GraphRequest, Plan, Reached, Walked},
        member::member,
    },
};

/// The parts of an answer.
pub(crate) struct Assembly<'a> {
    pub(crate) request: &'a GraphRequest,
    pub(crate) plan: &'a Plan,
    pub(crate) schema: &'a Schema,
    pub(crate) walked: &'a Walked<'a>,
    pub(crate) frame: Frame<'a>,
    pub(crate) now: Timestamp,
    pub(crate) position: LogPosition,
}

/// The texts that an answer borrows.
pub(crate) struct Texts {
    ids: Vec<String>,
    index: String,
}

impl<'a> Assembly<'a> {
    /// The texts that [`Assembly::answer`] borrows.
    pub(crate) fn texts(&self) -> Texts {
        let nodes = self.walked.page.nodes.iter();
        Texts {
            ids: nodes.map(|node| node.at.to_string()).collect(),
            index: naming::instances_index(self.frame.database, self.frame.branch),
        }
    }

    /// Assembles the answer.
    pub(crate) fn answer(&'a self, texts: &'a Texts) -> GraphAnswer<'a> {
        let names = self.names();
        let nodes: Vec<GraphNode<'a>> = (0..self.walked.page.nodes.len())
            .map(|index| self.node(index, texts, &names))
            .collect();
        GraphAnswer {
            count: nodes.len(),
            index_summary: summarise(&nodes),
            nodes,
            edges: self.edges(texts),
            query: self.request,
            warnings: self.walked.page.warnings(),
            page: GraphPage {
                limit: self.plan.limit,
                offset: self.plan.offset,
                next_offset: self.walked.page.next_offset,
            },
            paths: self.plan.max_paths.map(|_| self.paths(texts)),
            position: self.position,
        }
    }

    /// For each class of nodes, the property that names its instances.
    fn names(&self) -> HashMap<&'a str, Option<&'a str>> {
        let kinds = self.plan.hops.iter().flat_map(|hop| &hop.kinds);
        std::iter::once(&self.plan.start.id)
            .chain(kinds)
            .filter_map(|class| self.schema.get(class))
            .map(|class| (class.id.as_str(), naming_property(class)))
            .collect()
    }

    fn node(
        &'a self,
        index: usize,
        texts: &'a Texts,
        names: &HashMap<&'a str, Option<&'a str>>,
    ) -> GraphNode<'a> {
        let reached = &self.walked.page.nodes[index];
        let id = texts.ids[index].as_str();
        let shown = self.shown(index);
        let is_deleted = |state: &State| state.data.is_none();
        let tombstoned = is_deleted(&reached.version.state) || shown.is_some_and(is_deleted);
        let live = shown.filter(|_| !tombstoned);
        let class = self.schema.get(&reached.at.class).map(|class| &**class);
        let asked = self.walked.from_graph || self.walked.documents.is_some();
        let name = (!tombstoned).then(|| name(reached, shown, names)).flatten();
        GraphNode {
            id,
            class: reached.at.class.as_str(),
            es_doc_id: id,
            db_name: self.frame.database.as_str(),
            es_ref: IndexReference {
                index: &texts.index,
                id,
            },
            data_status: self.data_status(reached, shown),
            display: Display {
                primary_key: reached.at.id.as_str(),
                summary: name.clone().unwrap_or_else(|| id.to_owned()),
                name,
            },
            data: live.and_then(|state| self.frame.instance(state, class)),
            index_status: (asked || tombstoned)
                .then(|| self.index_status(&reached.version.state, shown, tombstoned)),
            provenance: self.provenance(&reached.version),
            audit: self.audit(&reached.version),
        }
    }

    /// The state whose values a node shows: that of its document, or for a past read its version.
    fn shown(&self, index: usize) -> Option<&'a State> {
        if self.walked.from_graph {
            return Some(&self.walked.page.nodes[index].version.state);
        }
        let documents = self.walked.documents.as_ref()?;
        Some(&documents[index].as_ref()?.state)
    }

    fn provenance(&self, version: &Version) -> Option<Provenance<'a>> {
        let origin = self.walked.origins.get(&version.state.position);
        self.request.include_provenance.then(|| Provenance {
            event_id: version.state.event_id,
            event_type: origin.map(|origin| origin.event_type.as_str()),
            event_sequence: version.state.sequence,
            position: version.state.position,
            command_id: origin.map(|origin| origin.metadata.command_id),
            command_type: origin.and_then(|origin| origin.metadata.command_type.as_deref()),
            occurred_at: version.state.occurred_at,
        })
    }

    fn audit(&self, version: &Version) -> Option<Audit<'a>> {
        let origin = self.walked.origins.get(&version.state.position);
        self.request.include_audit.then(|| Audit {
            actor: origin.and_then(|origin| origin.actor.as_deref()),
            command_id: origin.map(|origin| origin.metadata.command_id),
            command_type: origin.and_then(|origin| origin.metadata.command_type.as_deref()),
            occurred_at: version.state.occurred_at,
        })
    }

    fn data_status(&self, reached: &Reached, shown: Option<&State>) -> DataStatus {
        let state = &reached.version.state;
        let is_asked = self.walked.from_graph || self.walked.documents.is_some();
        match shown.filter(|shown| shown.data.is_some()) {
            _ if state.data.is_none() => DataStatus::Missing,
            Some(shown) if shown.sequence >= state.sequence => DataStatus::Full,
            None if is_asked => DataStatus::Missing,
            Some(_) | None => DataStatus::Partial,
        }
    }

    fn index_status(&self, graph: &State, shown: Option<&State>, tombstoned: bool) -> IndexStatus {
        let graph = graph.occurred_at;
        let indexed = shown.map(|shown| shown.occurred_at);
        IndexStatus {
            last_indexed_at: indexed,
            index_age_seconds: indexed.map(|at| self.now.seconds_since(at).max(0.0)),
            event_sequence: shown.map(|shown| shown.sequence),
            tombstoned,
            graph_last_updated_at: graph,
            projection_lag_seconds: indexed.map(|at| graph.seconds_since(at).max(0.0)),
        }
    }

    fn edges(&'a self, texts: &'a Texts) -> Vec<GraphEdge<'a>> {
        let edges = self.walked.page.edges.iter();
        edges
            .map(|edge| GraphEdge {
                from_node: &texts.ids[edge.from],
                to_node: &texts.ids[edge.to],
                predicate: self.plan.hops[edge.hop].predicate.as_str(),
            })
            .collect()
    }

    fn paths(&'a self, texts: &'a Texts) -> Vec<GraphPath<'a>> {
        let predicates = || self.plan.hops.iter().map(|hop| hop.predicate.as_str());
        let paths = self.walked.page.paths.iter();
        paths
            .map(|way| GraphPath {
                nodes: way.iter().map(|node| texts.ids[*node].as_str()).collect(),
                predicates: predicates().take(way.len().saturating_sub(1)).collect(),
            })
            .collect()
    }
}

fn summarise(nodes: &[GraphNode<'_>]) -> IndexSummary {
    let mut summary = IndexSummary::default();
    for node in nodes {
        match node.data_status {
            DataStatus::Full => summary.documents_found += 1,
            DataStatus::Partial => {
                summary.documents_partial += 1;
                summary.documents_found += usize::from(node.data.is_some());
            }
            DataStatus::Missing => summary.documents_missing += 1,
        }
        if let Some(status) = &node.index_status {
            summary.tombstoned += usize::from(status.tombstoned);
            let lag = status.projection_lag_seconds.unwrap_or_default();
            summary.max_projection_lag_seconds = summary.max_projection_lag_seconds.max(lag);
        }
    }
    summary
}

/// The name of an instance, by the naming property of its class.
fn name(
    reached: &Reached,
    shown: Option<&State>,
    names: &HashMap<&str, Option<&str>>,
) -> Option<String> {
    let key = names.get(reached.at.class.as_str()).copied().flatten()?;
    let data = shown.and_then(|shown| shown.data.as_ref());
    member(data.or(reached.version.state.data.as_ref())?, key)
}

/// The property that names the instances of a class: `name`, `title` or `label`, otherwise one that
/// ends in `_name`.
fn naming_property(class: &Class) -> Option<&str> {
    let keys = || class.properties().iter().map(|it| it.name.as_str());
    ["name", "title", "label"]
        .into_iter()
        .find_map(|wanted| keys().find(|key| key.eq_ignore_ascii_case(wanted)))
        .or_else(|| keys().find(|key| key.ends_with("_name")))
}
