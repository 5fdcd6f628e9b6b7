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
        self.next_offset.is_some()
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
                return;
            }
            self.seen += 1;
            self.taken += 1;
            self.list_paths(layers, start);
        }
    }

    /// The result of a start node; none if only paths with a cycle reach the end.
    fn reach(&mut self, layers: &[Layer], start: usize) -> Option<Reach> {
        let mut reach = reach_all(layers, start);
        if !self.plan.no_cycles {
            return Some(reach);
        }
        let mut met = HashSet::new();
        let mut at = reach
            .nodes
            .iter()
            .map(|(layer, node)| &layers[*layer].nodes[*node].at);
        if at.all(|at| met.insert(at)) {
            return Some(reach);
        }
        let (mut nodes, mut edges) = (HashSet::new(), HashSet::new());
        let mut search = Search {
            layers,
            depth: layers.len() - 1,
            no_cycles: true,
            admits: |_: &InstanceRef| true,
            path: Vec::new(),
            cycles_filtered: &mut self.cycles_filtered,
            steps: &mut self.search_steps,
        };
        let is_whole = search.visit(start, &mut |path| {
            nodes.extend(path.iter().copied().enumerate());
            let pairs = path.windows(2).enumerate();
            edges.extend(pairs.map(|(hop, pair)| (hop, pair[0], pair[1])));
            true
        });
        if !is_whole {
            self.capped.insert(Cap::Paths);
        }
        reach.nodes.retain(|node| nodes.contains(node));
        reach.edges.retain(|edge| edges.contains(edge));
        (!reach.nodes.is_empty()).then_some(reach)
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
        let Some(most) = self.plan.max_paths.filter(|_| !self.paths_cut) else {
            return;
        };
        let (index, paths) = (&self.index, &mut self.paths);
        let mut search = Search {
            layers,
            depth: self.plan.path_depth,
            no_cycles: self.plan.no_cycles,
            admits: |at: &InstanceRef| index.contains_key(at),
            path: Vec::new(),
            cycles_filtered: &mut self.cycles_filtered,
            steps: &mut self.list_steps,
        };
        let is_whole = search.visit(start, &mut |path| {
            if paths.len() == most {
                return false;
            }
            let at = |(layer, node): (usize, &usize)| &layers[layer].nodes[*node].at;
            let nodes = path.iter().enumerate().map(at);
            paths.push(nodes.filter_map(|at| index.get(at).copied()).collect());
            true
        });
        if !is_whole {
            self.paths_cut = true;
            self.capped.insert(Cap::Paths);
        }
    }
}

/// The complete result of a start node, layer by layer.
fn reach_all(layers: &[Layer], start: usize) -> Reach {
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

/// A search for the paths from a start node to a depth.
struct Search<'a, F> {
    layers: &'a [Layer],
    depth: usize,
    /// Whether a path must not visit a node twice.
    no_cycles: bool,
    /// Which nodes a path may visit.
    admits: F,
    path: Vec<usize>,
    cycles_filtered: &'a mut bool,
    steps: &'a mut usize,
}

impl<F: Fn(&InstanceRef) -> bool> Search<'_, F> {
    /// Passes each path through a node to `take`, until that returns false or there were too many
    /// steps. Returns whether it has found all.
    fn visit(&mut self, node: usize, take: &mut impl FnMut(&[usize]) -> bool) -> bool {
        let (layers, layer) = (self.layers, self.path.len());
        let at = &layers[layer].nodes[node].at;
        if !(self.admits)(at) {
            return true;
        }
        *self.steps += 1;
        if *self.steps > STEPS {
            return false;
        }
        let mut met = self.path.iter().zip(layers);
        if self.no_cycles && met.any(|(node, layer)| layer.nodes[*node].at == *at) {
            *self.cycles_filtered = true;
            return true;
        }
        self.path.push(node);
        let is_whole = if layer == self.depth {
            take(&self.path)
        } else {
            let mut next = layers[layer].next[node].iter();
            next.all(|next| self.visit(*next, take))
        };
        self.path.pop();
        is_whole
    }
}
