//! Compares the walk with a naive model that lists every path.

mod instances;

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    ontology::{Class, Schema},
    port::graph::Graph,
};
use spice_testing::{
    double::{Call, Double},
    values::block_on,
};

use self::instances::{Entry, Instances, view};
use super::{
    plan::plan,
    request::{Direction, GraphRequest},
    walk::walk,
};

const PREDICATES: [(&str, &str, &str); 3] =
    [("A", "next", "A"), ("A", "to", "B"), ("B", "from", "A")];

fn schema() -> Schema {
    let mut schema = Schema::default();
    for id in ["A", "B"] {
        let relationships: Vec<Value> = PREDICATES
            .iter()
            .filter(|(holder, ..)| *holder == id)
            .map(|(_, predicate, target)| json!({"predicate": predicate, "target": target, "cardinality": "n:m"}))
            .collect();
        let definition = json!({
            "id": id,
            "label": id,
            "properties": [
                {"name": "key", "type": "string", "primaryKey": true},
                {"name": "n", "type": "integer"},
            ],
            "relationships": relationships,
        });
        schema.put(Arc::new(Class::create(&definition.into()).unwrap()));
    }
    schema
}

/// One hop, as the model takes it.
#[derive(Debug, Clone)]
struct ModelHop {
    predicate: &'static str,
    target: &'static str,
    direction: Direction,
    least: Option<i64>,
}

/// A query, as the model takes it.
#[derive(Debug, Clone)]
struct ModelQuery {
    start: &'static str,
    least: Option<i64>,
    hops: Vec<ModelHop>,
    no_cycles: bool,
}

impl ModelQuery {
    fn request(&self, limit: u64, offset: u64) -> GraphRequest {
        let filter = |least: Option<i64>| least.map(|least| json!({"n": {"gte": least}}));
        let hops: Vec<Value> = self
            .hops
            .iter()
            .map(|hop| {
                let mut shape = json!({
                    "predicate": hop.predicate,
                    "target_class": hop.target,
                    "direction": if hop.direction == Direction::Out { "out" } else { "in" },
                });
                if let Some(filter) = filter(hop.least) {
                    shape["target_filters"] = filter;
                }
                shape
            })
            .collect();
        let mut request = json!({
            "start_class": self.start,
            "hops": hops,
            "limit": limit,
            "offset": offset,
            "max_nodes": 10_000,
            "max_edges": 50_000,
            "max_paths": 2_000,
            "include_paths": true,
            "no_cycles": self.no_cycles,
        });
        if let Some(filter) = filter(self.least) {
            request["filters"] = filter;
        }
        serde_json::from_value(request).unwrap()
    }

    /// Every path, from every start node in order of id.
    fn ways(&self, graph: &Instances) -> Vec<Vec<String>> {
        let mut ways: Vec<Vec<String>> = graph
            .entries(self.start)
            .filter(|entry| entry.live && passes(entry, self.least))
            .map(|entry| vec![entry.name()])
            .collect();
        for hop in &self.hops {
            ways = ways
                .into_iter()
                .flat_map(|way| longer(graph, hop, &way))
                .collect();
        }
        if self.no_cycles {
            ways.retain(|way| way.iter().collect::<BTreeSet<_>>().len() == way.len());
        }
        ways
    }

    fn edges(&self, way: &[String]) -> Vec<(String, String, &'static str)> {
        let steps = way.windows(2).zip(&self.hops);
        steps
            .map(|(pair, hop)| match hop.direction {
                Direction::Out => (pair[0].clone(), pair[1].clone(), hop.predicate),
                Direction::In => (pair[1].clone(), pair[0].clone(), hop.predicate),
            })
            .collect()
    }
}

fn passes(entry: &Entry, least: Option<i64>) -> bool {
    least.is_none_or(|least| entry.live && entry.number >= least)
}

fn longer(graph: &Instances, hop: &ModelHop, way: &[String]) -> Vec<Vec<String>> {
    let last = way.last().unwrap();
    let current = graph.named(last).unwrap();
    graph
        .entries(hop.target)
        .filter(|candidate| match hop.direction {
            Direction::Out => current.live && current.refers(hop.predicate, &candidate.name()),
            Direction::In => candidate.live && candidate.refers(hop.predicate, last),
        })
        .filter(|candidate| passes(candidate, hop.least))
        .map(|candidate| way.iter().cloned().chain([candidate.name()]).collect())
        .collect()
}

/// What a page says, as names.
#[derive(Debug, PartialEq)]
struct Said {
    nodes: BTreeSet<String>,
    edges: BTreeSet<(String, String, String)>,
    ways: BTreeSet<Vec<String>>,
    next_offset: Option<usize>,
    warnings: Vec<String>,
}

/// The store of instances; a read of too many at once fails.
fn store(instances: &Instances) -> impl Graph + use<> {
    let is_bounded = |call: Call<'_>| {
        assert!(call.method != "referrers" || call.count <= 1_000);
        Ok(())
    };
    Double::new(Arc::new(block_on(instances.store())), is_bounded)
}

fn ask(graph: &dyn Graph, schema: &Schema, request: &GraphRequest) -> Said {
    let plan = plan(schema, request).unwrap();
    let page = block_on(walk(graph, &view(), &plan)).unwrap();
    let name = |node: usize| page.nodes[node].at.to_string();
    let said = Said {
        nodes: (0..page.nodes.len()).map(name).collect(),
        edges: page
            .edges
            .iter()
            .map(|edge| {
                (
                    name(edge.from),
                    name(edge.to),
                    plan.hops[edge.hop].predicate.to_string(),
                )
            })
            .collect(),
        ways: page
            .paths
            .iter()
            .map(|way| way.iter().map(|node| name(*node)).collect())
            .collect(),
        next_offset: page.next_offset,
        warnings: page.warnings(),
    };
    assert_eq!(said.nodes.len(), page.nodes.len(), "a node twice");
    assert_eq!(said.edges.len(), page.edges.len(), "an edge twice");
    assert_eq!(said.ways.len(), page.paths.len(), "a way twice");
    said
}

fn hops(start: &'static str) -> impl Strategy<Value = Vec<ModelHop>> {
    let choice = (any::<usize>(), prop::option::weighted(0.2, 0..4_i64));
    prop::collection::vec(choice, 0..4).prop_map(move |choices| {
        let mut from = start;
        let mut hops = Vec::new();
        for (choice, least) in choices {
            let mut possible = Vec::new();
            for (holder, predicate, target) in PREDICATES {
                if holder == from {
                    possible.push((predicate, target, Direction::Out));
                }
                if target == from {
                    possible.push((predicate, holder, Direction::In));
                }
            }
            let (predicate, target, direction) = possible[choice % possible.len()];
            hops.push(ModelHop {
                predicate,
                target,
                direction,
                least,
            });
            from = target;
        }
        hops
    })
}

fn queries() -> impl Strategy<Value = ModelQuery> {
    prop_oneof![Just("A"), Just("B")].prop_flat_map(|start| {
        (
            hops(start),
            prop::option::weighted(0.3, 0..4_i64),
            any::<bool>(),
        )
            .prop_map(move |(hops, least, no_cycles)| ModelQuery {
                start,
                least,
                hops,
                no_cycles,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_finds_the_paths_of_the_naive_model(
        graph in instances::graphs(),
        query in queries(),
        limit in 1..6_usize,
    ) {
        let (schema, store) = (schema(), store(&graph));
        let ways = query.ways(&graph);
        let mut starts: Vec<&String> = ways.iter().map(|way| &way[0]).collect();
        starts.dedup();
        let mut offset = 0;
        loop {
            let on_page: Vec<&String> = starts.iter().copied().skip(offset).take(limit).collect();
            let expected: Vec<&Vec<String>> =
                ways.iter().filter(|way| on_page.contains(&&way[0])).collect();
            let said = ask(&store, &schema, &query.request(limit as u64, offset as u64));
            prop_assert_eq!(&said.nodes, &expected.iter().flat_map(|way| way.iter().cloned()).collect());
            prop_assert_eq!(&said.ways, &expected.iter().map(|way| (*way).clone()).collect());
            let edges = expected.iter().flat_map(|way| query.edges(way));
            let edges = edges.map(|(from, to, predicate)| (from, to, predicate.to_owned())).collect();
            prop_assert_eq!(&said.edges, &edges);
            let next = offset + on_page.len();
            prop_assert_eq!(said.next_offset, (next < starts.len()).then_some(next));
            if next >= starts.len() {
                break;
            }
            offset = next;
        }
    }

    #[test]
    fn caps_cut_whole_start_nodes_and_pages_still_reach_every_one(
        graph in instances::graphs(),
        query in queries(),
        max_nodes in 1..5_u64,
        max_edges in 1..5_u64,
    ) {
        let (schema, store) = (schema(), store(&graph));
        let whole = ask(&store, &schema, &query.request(1_000, 0));
        let ways = query.ways(&graph);
        let starts: BTreeSet<String> = ways.iter().map(|way| way[0].clone()).collect();
        let mut met = BTreeSet::new();
        let mut offset = Some(0);
        while let Some(from) = offset {
            let mut request = query.request(1_000, from as u64);
            (request.max_nodes, request.max_edges) = (max_nodes, max_edges);
            let page = ask(&store, &schema, &request);
            prop_assert!(page.nodes.len() <= usize::try_from(max_nodes).unwrap());
            prop_assert!(page.edges.len() <= usize::try_from(max_edges).unwrap());
            prop_assert!(page.nodes.is_subset(&whole.nodes));
            prop_assert!(page.edges.is_subset(&whole.edges));
            for (from, to, _) in &page.edges {
                prop_assert!(page.nodes.contains(from) && page.nodes.contains(to));
            }
            let capped = page.nodes.len() < whole.nodes.len() || page.edges.len() < whole.edges.len();
            prop_assert!(from > 0 || !capped || !page.warnings.is_empty());
            prop_assert!(page.next_offset.is_none_or(|next| next > from), "no way on from {}", from);
            met.extend(page.nodes);
            offset = page.next_offset;
        }
        prop_assert!(starts.is_subset(&met), "{starts:?} {met:?}");
    }
}

#[test]
fn a_dense_graph_is_walked_without_listing_its_paths() {
    let graph = Instances::complete(12);
    let hop = ModelHop {
        predicate: "next",
        target: "A",
        direction: Direction::Out,
        least: None,
    };
    let query = ModelQuery {
        start: "A",
        least: None,
        hops: vec![hop; 10],
        no_cycles: true,
    };
    let mut request = query.request(1, 0);
    request.max_paths = 5;
    let said = ask(&store(&graph), &schema(), &request);
    assert_eq!(said.nodes.len(), 12);
    assert_eq!(said.ways.len(), 5);
    assert!(
        said.warnings
            .contains(&"path_limit_reached(max_paths=5)".to_owned())
    );
}

/// Of each page: where it begins, how many nodes it has, how many warnings.
fn pages(graph: &dyn Graph, hops: Vec<ModelHop>) -> Vec<(usize, usize, usize)> {
    let query = ModelQuery {
        start: "B",
        least: None,
        hops,
        no_cycles: false,
    };
    let mut pages = Vec::new();
    let mut offset = Some(0);
    while let Some(from) = offset {
        let mut request = query.request(10, from as u64);
        (request.max_nodes, request.max_edges) = (500, 2_000);
        let page = ask(graph, &schema(), &request);
        pages.push((from, page.nodes.len(), page.warnings.len()));
        offset = page.next_offset;
    }
    pages
}

#[test]
fn a_hub_that_begins_a_page_is_answered_up_to_the_cap() {
    let many = super::walk::LAYER + 10;
    let graph = store(&Instances::hubs(&[5, many, 3, many]));
    let hop = |predicate, direction| ModelHop {
        predicate,
        target: "A",
        direction,
        least: None,
    };
    let back = hop("to", Direction::In);
    let told = pages(&graph, vec![back.clone()]);
    assert_eq!(told, [(0, 6, 1), (1, 500, 1), (2, 4, 1), (3, 500, 1)]);
    // A result that is cut in the middle says so, however little of it remains.
    let told = pages(&graph, vec![back, hop("next", Direction::Out)]);
    assert_eq!(told, [(0, 4, 1), (1, 8, 1), (3, 4, 1)]);
}
