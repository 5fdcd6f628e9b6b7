//! A page of the answer: counts start nodes, lists nodes and edges once each, reports limits.

use std::collections::{BTreeSet, HashMap, HashSet};

use spice_core::id::{InstanceRef, LogPosition};

use super::{
    layer::{Layer, Reached},
    plan::Plan,
    request::Direction,
};

/// The maximum number of steps to list paths, and to separate those with a cycle.
const STEPS: usize = 200_000;

/// An edge between nodes of the page, from the node with the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The hop that found it; its predicate is the edge's.
    pub(crate) hop: usize,
}

/// A page while it is filled.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    plan: &'a Plan,
    pub(crate) nodes: Vec<Reached>,
    pub(crate) edges: Vec<Edge>,
    /// Each requested path, as nodes of the page.
    pub(crate) paths: Vec<Vec<usize>>,
    /// The start of the next page, if there is one.
    pub(crate) next_offset: Option<usize>,
    index: HashMap<InstanceRef, usize>,
    known_edges: HashSet<(usize, usize, &'a str)>,
    seen: usize,
    taken: usize,
    capped: BTreeSet<Cap>,
    cycles_filtered: bool,
    /// Steps taken to separate paths with a cycle, and to list paths.
    search_steps: usize,
    list_steps: usize,
    paths_cut: bool,
    full: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cap {
    Nodes,
    Edges,
    Paths,
}

/// The result of one start node: nodes as (layer, index), and edges between them, in order.
#[derive(Debug, Default)]
struct Reach {
    nodes: Vec<(usize, usize)>,
    /// Layer of the near node, near node, far node.
    edges: Vec<(usize, usize, usize)>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            nodes: Vec::new(),
            edges: Vec::new(),
            paths: Vec::new(),
            next_offset: None,
            index: HashMap::new(),
            known_edges: HashSet::new(),
            seen: 0,
            taken: 0,
            capped: BTreeSet::new(),
            cycles_filtered: false,
            search_steps: 0,
            list_steps: 0,
            paths_cut: false,
            full: false,
        }
    }

    /// The nodes of the page, in order.
    pub(super) fn instances(&self) -> Vec<InstanceRef> {
        self.nodes.iter().map(|node| node.at.clone()).collect()
    }

    /// The positions of the versions of the nodes, in order.
    pub(super) fn positions(&self) -> Vec<LogPosition> {
        let nodes = self.nodes.iter();
        let positions: BTreeSet<_> = nodes.map(|node| node.version.state.position).collect();
        positions.into_iter().collect()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// The number of start nodes that would fill the page, plus one to see whether there are more.
    pub(crate) fn wanted(&self) -> usize {
        (self.plan.offset + self.plan.limit + 1).saturating_sub(self.seen)
    }

    /// What the limits left out, in words.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self
            .capped
            .iter()
            .map(|cap| match cap {
                Cap::Nodes => format!("node_limit_reached(max_nodes={})", self.plan.max_nodes),
                Cap::Edges => format!("edge_limit_reached(max_edges={})", self.plan.max_edges),
                Cap::Paths => format!(
                    "path_limit_reached(max_paths={})",
                    self.plan.max_paths.unwrap_or_default()
                ),
            })
            .collect();
        if self.cycles_filtered {
            warnings.push("cycle_filtered(no_cycles=true)".to_owned());
        }
        warnings
    }

    /// Takes the start nodes of a batch in order, until the page is full. One whose result was cut
    /// (`is_cut`) starts a page.
    pub(crate) fn take(&mut self, layers: &[Layer], is_cut: bool) {
        let Some(starts) = layers.first() else {
            return;
        };
        for start in 0..starts.nodes.len() {
            if layers.len() > 1 && starts.next[start].is_empty() {
                continue;
            }
            let Some(reach) = self.reach(layers, start) else {
                continue;
            };
            if self.seen < self.plan.offset {
                self.seen += 1;
                continue;
            }
            if is_cut {
                self.capped.insert(Cap::Nodes);
            }
            let is_over = self.taken == self.plan.limit || (is_cut && self.taken > 0);
            if is_over || !self.put(layers, &reach) {
                self.next_offset = Some(self.seen);
                self.full = true;
                return;
            }
            self.seen += 1;
            self.taken += 1;
            self.list_paths(layers, start);
        }
    }

    /// The result of a start node; none if only paths with a cycle reach the end.
    fn reach(&mut self, layers: &[Layer], start: usize) -> Option<Reach> {
        let reach = all_ways(layers, start);
        if !self.plan.no_cycles {
            return Some(reach);
        }
        let mut met = HashSet::new();
        let repeats = reach
            .nodes
            .iter()
            .any(|(layer, node)| !met.insert(&layers[*layer].nodes[*node].at));
        if !repeats {
            return Some(reach);
        }
        let mut search = SimpleWays {
            layers,
            way: Vec::new(),
            nodes: HashSet::new(),
            edges: HashSet::new(),
            filtered: false,
            steps: &mut self.search_steps,
        };
        search.visit(0, start);
        let (nodes, edges, filtered) = (search.nodes, search.edges, search.filtered);
        self.cycles_filtered |= filtered;
        if self.search_steps >= STEPS {
            self.capped.insert(Cap::Paths);
        }
        if nodes.is_empty() {
            return None;
        }
        Some(Reach {
            nodes: reach
                .nodes
                .into_iter()
                .filter(|node| nodes.contains(node))
                .collect(),
            edges: reach
                .edges
                .into_iter()
                .filter(|edge| edges.contains(edge))
                .collect(),
        })
    }

    /// Adds the result of a start node to the page. Returns false and adds nothing if it is too
    /// large; the first start node is added as far as possible, so that pages always advance.
    fn put(&mut self, layers: &[Layer], reach: &Reach) -> bool {
        let first = self.taken == 0;
        let (nodes, edges) = (self.nodes.len(), self.edges.len());
        let mut over = false;
        for (layer, node) in &reach.nodes {
            let reached = &layers[*layer].nodes[*node];
            if self.index.contains_key(&reached.at) {
                continue;
            }
            if self.nodes.len() == self.plan.max_nodes {
                self.capped.insert(Cap::Nodes);
                over = true;
                break;
            }
            self.index.insert(reached.at.clone(), self.nodes.len());
            self.nodes.push(reached.clone());
        }
        if !over || first {
            over |= !self.put_edges(layers, reach);
        }
        if over && !first {
            self.take_back(nodes, edges);
            return false;
        }
        true
    }

    fn put_edges(&mut self, layers: &[Layer], reach: &Reach) -> bool {
        for (hop, near, far) in &reach.edges {
            let near = self.index.get(&layers[*hop].nodes[*near].at);
            let far = self.index.get(&layers[hop + 1].nodes[*far].at);
            let (Some(near), Some(far)) = (near, far) else {
                continue;
            };
            let (from, to) = match self.plan.hops[*hop].direction {
                Direction::Out => (*near, *far),
                Direction::In => (*far, *near),
            };
            let key = (from, to, self.plan.hops[*hop].predicate.as_str());
            if self.known_edges.contains(&key) {
                continue;
            }
            if self.edges.len() == self.plan.max_edges {
                self.capped.insert(Cap::Edges);
                return false;
            }
            self.known_edges.insert(key);
            self.edges.push(Edge {
                from,
                to,
                hop: *hop,
            });
        }
        true
    }

    fn take_back(&mut self, nodes: usize, edges: usize) {
        for reached in self.nodes.drain(nodes..) {
            self.index.remove(&reached.at);
        }
        for edge in self.edges.drain(edges..) {
            let predicate = self.plan.hops[edge.hop].predicate.as_str();
            self.known_edges.remove(&(edge.from, edge.to, predicate));
        }
    }

    fn list_paths(&mut self, layers: &[Layer], start: usize) {
        let Some(most) = self.plan.max_paths else {
            return;
        };
        let mut way = vec![start];
        self.list_paths_from(layers, &mut way, most);
    }

    fn list_paths_from(&mut self, layers: &[Layer], way: &mut Vec<usize>, most: usize) {
        self.list_steps += 1;
        if self.paths_cut || self.list_steps > STEPS {
            self.paths_cut = true;
            self.capped.insert(Cap::Paths);
            return;
        }
        let depth = way.len() - 1;
        if depth == self.plan.path_depth {
            let nodes: Option<Vec<usize>> = way
                .iter()
                .enumerate()
                .map(|(layer, node)| self.index.get(&layers[layer].nodes[*node].at).copied())
                .collect();
            let Some(nodes) = nodes else {
                return;
            };
            if self.paths.len() == most {
                self.paths_cut = true;
                self.capped.insert(Cap::Paths);
                return;
            }
            self.paths.push(nodes);
            return;
        }
        let Some(node) = way.last().copied() else {
            return;
        };
        for next in &layers[depth].next[node] {
            let at = &layers[depth + 1].nodes[*next].at;
            if !self.index.contains_key(at) {
                continue;
            }
            let met = way
                .iter()
                .enumerate()
                .any(|(layer, node)| layers[layer].nodes[*node].at == *at);
            if self.plan.no_cycles && met {
                self.cycles_filtered = true;
                continue;
            }
            way.push(*next);
            self.list_paths_from(layers, way, most);
            way.pop();
        }
    }
}

/// The complete result of a start node, layer by layer.
fn all_ways(layers: &[Layer], start: usize) -> Reach {
    let mut reach = Reach {
        nodes: vec![(0, start)],
        edges: Vec::new(),
    };
    let mut frontier = vec![start];
    for (hop, layer) in layers
        .iter()
        .enumerate()
        .take(layers.len().saturating_sub(1))
    {
        let mut met = HashSet::new();
        let mut next = Vec::new();
        for near in frontier {
            for far in &layer.next[near] {
                reach.edges.push((hop, near, *far));
                if met.insert(*far) {
                    next.push(*far);
                    reach.nodes.push((hop + 1, *far));
                }
            }
        }
        frontier = next;
    }
    reach
}

/// The search for paths that visit no node twice.
struct SimpleWays<'a> {
    layers: &'a [Layer],
    way: Vec<usize>,
    nodes: HashSet<(usize, usize)>,
    edges: HashSet<(usize, usize, usize)>,
    filtered: bool,
    steps: &'a mut usize,
}

impl SimpleWays<'_> {
    fn visit(&mut self, layer: usize, node: usize) {
        *self.steps += 1;
        if *self.steps > STEPS {
            return;
        }
        let at = &self.layers[layer].nodes[node].at;
        let met = |(layer, node): (usize, &usize)| self.layers[layer].nodes[*node].at == *at;
        if self.way.iter().enumerate().any(met) {
            self.filtered = true;
            return;
        }
        self.way.push(node);
        if layer + 1 == self.layers.len() {
            self.nodes.extend(self.way.iter().copied().enumerate());
            let pairs = self.way.windows(2).enumerate();
            self.edges
                .extend(pairs.map(|(hop, pair)| (hop, pair[0], pair[1])));
        } else {
            for next in &self.layers[layer].next[node] {
                self.visit(layer + 1, *next);
            }
        }
        self.way.pop();
    }
}
