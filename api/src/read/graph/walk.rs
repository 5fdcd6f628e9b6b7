//! The walk: start nodes in order of their id; each hop is an inner join, and each store is asked
//! once per hop for a whole batch of start nodes.

use std::collections::HashMap;

use spice_core::{
    error::StoreError,
    id::InstanceRef,
    lineage::View,
    name::PropertyName,
    port::graph::{Entity, Graph, Version},
    query::Filter,
};

use super::{
    layer::Layer,
    page::Page,
    plan::{Hop, Plan},
    request::Direction,
};
use crate::read::scan::Scan;

/// The maximum number of start nodes in a batch with hops.
const BATCH: usize = 256;

/// The maximum number of nodes in a layer: more than any page shows, few enough for memory.
pub(super) const LAYER: usize = 20_000;
/// The number of referrers per read.
const REFERRERS: usize = 1_000;

/// What every step of a walk needs.
#[derive(Clone, Copy)]
struct Walk<'a> {
    graph: &'a dyn Graph,
    view: &'a View,
    plan: &'a Plan,
}

/// Executes a plan. Keeps one batch and its result in memory: a batch with too large a result is
/// repeated in parts, and a single start node with too large a result is answered as far as
/// possible.
pub(crate) async fn walk<'a>(
    graph: &dyn Graph,
    view: &View,
    plan: &'a Plan,
) -> Result<Page<'a>, StoreError> {
    let steps = Walk { graph, view, plan };
    let mut page = Page::new(plan);
    let mut most = BATCH;
    let mut scan = Scan::new(graph, view, &plan.start.id, &plan.filters);
    while !page.is_full() {
        let before = scan.clone();
        let wanted = page.wanted().min(BATCH_WITHOUT_HOPS);
        let limit = if plan.hops.is_empty() {
            wanted
        } else {
            wanted.min(most)
        };
        let Some(versions) = scan.next(limit.max(1)).await? else {
            break;
        };
        let batch = steps.start(versions, before.is_at_start()).await?;
        let count = batch.nodes.len();
        if count == 0 {
            break;
        }
        let layers = steps.expand(batch).await?;
        let is_cut = layers.iter().any(|layer| layer.is_cut);
        if is_cut && count > 1 {
            scan = before;
            most = count / 2;
            continue;
        }
        page.take(&layers, is_cut);
        most = most.saturating_mul(2).min(BATCH);
    }
    Ok(page)
}

/// The maximum number of start nodes in a batch without hops.
const BATCH_WITHOUT_HOPS: usize = 1_001;

impl Walk<'_> {
    /// A batch of start nodes. A deleted instance is shown if it is requested by its id.
    async fn start(&self, versions: Vec<Version>, is_first: bool) -> Result<Layer, StoreError> {
        let mut layer = Layer::default();
        for version in versions {
            if let Entity::Instance(at) = &version.state.entity {
                layer.put(at.clone(), version);
            }
        }
        if let Some(id) = &self.plan.address
            && is_first
            && layer.nodes.is_empty()
        {
            let at = InstanceRef {
                class: self.plan.start.id.clone(),
                id: id.clone(),
            };
            let entity = [Entity::Instance(at.clone())];
            let found = self.graph.get(self.view, &entity).await?;
            if let Some(version) = found.into_iter().flatten().next()
                && version.state.data.is_none()
            {
                layer.put(at, version);
            }
        }
        Ok(layer)
    }

    /// Follows every hop, then drops what does not reach the end.
    async fn expand(&self, starts: Layer) -> Result<Vec<Layer>, StoreError> {
        let mut layers = vec![starts];
        for hop in &self.plan.hops {
            let Some(frontier) = layers.last_mut() else {
                break;
            };
            let next = match hop.direction {
                Direction::Out => self.follow(hop, frontier).await?,
                Direction::In => self.follow_back(hop, frontier).await?,
            };
            layers.push(next);
        }
        prune(&mut layers);
        Ok(layers)
    }

    /// The nodes that a layer refers to.
    async fn follow(&self, hop: &Hop, frontier: &mut Layer) -> Result<Layer, StoreError> {
        let targets = collect_targets(frontier, hop);
        let mut layer = Layer {
            is_cut: targets.is_cut,
            ..Layer::default()
        };
        if targets.entities.is_empty() {
            return Ok(layer);
        }
        let versions = self.graph.get(self.view, &targets.entities).await?;
        let mut placed: Vec<Option<usize>> = Vec::with_capacity(versions.len());
        for (entity, version) in targets.entities.into_iter().zip(versions) {
            let (Entity::Instance(at), Some(version)) = (entity, version) else {
                placed.push(None);
                continue;
            };
            let passes = passes(&at, &version, &hop.filters);
            placed.push(passes.then(|| layer.put(at, version)));
        }
        for (node, own) in targets.by_node.into_iter().enumerate() {
            frontier.next[node] = own.into_iter().filter_map(|index| placed[index]).collect();
            frontier.next[node].dedup();
        }
        Ok(layer)
    }

    /// The nodes that refer to a layer.
    async fn follow_back(&self, hop: &Hop, frontier: &mut Layer) -> Result<Layer, StoreError> {
        let mut layer = Layer::default();
        let targets = frontier.references();
        if targets.is_empty() {
            return Ok(layer);
        }
        for source in &hop.kinds {
            let mut after: Option<String> = None;
            loop {
                let (name, from) = (&hop.predicate, after.as_deref());
                let page = self
                    .graph
                    .referrers(self.view, source, name, &targets, from, REFERRERS)
                    .await?;
                let last = page.versions.last();
                after = last.map(|last| last.state.entity.id().to_owned());
                let more = page.more && after.is_some();
                join_all(frontier, &mut layer, hop, page.versions);
                if layer.is_cut {
                    return Ok(layer);
                }
                if !more {
                    break;
                }
            }
        }
        Ok(layer)
    }
}

/// The references of a layer: each target once, and the targets of each node.
struct Targets {
    entities: Vec<Entity>,
    by_node: Vec<Vec<usize>>,
    is_cut: bool,
}

fn collect_targets(frontier: &Layer, hop: &Hop) -> Targets {
    let mut targets = Targets {
        entities: Vec::new(),
        by_node: Vec::with_capacity(frontier.nodes.len()),
        is_cut: false,
    };
    let mut known: HashMap<&InstanceRef, usize> = HashMap::new();
    for node in &frontier.nodes {
        let mut own = Vec::new();
        for target in references(&node.version, &hop.predicate) {
            if !hop.kinds.contains(&target.class) {
                continue;
            }
            if targets.entities.len() == LAYER && !known.contains_key(target) {
                targets.is_cut = true;
                continue;
            }
            let index = *known.entry(target).or_insert_with(|| {
                targets.entities.push(Entity::Instance(target.clone()));
                targets.entities.len() - 1
            });
            own.push(index);
        }
        targets.by_node.push(own);
    }
    targets
}

/// The references of a version through a predicate, in the written order.
fn references<'a>(
    version: &'a Version,
    predicate: &'a PropertyName,
) -> impl Iterator<Item = &'a InstanceRef> {
    let held = version.references.iter();
    held.filter(move |(name, _)| name == predicate)
        .map(|(_, target)| target)
}

/// Adds matching nodes to the next layer, until it is full.
fn join_all(frontier: &mut Layer, layer: &mut Layer, hop: &Hop, versions: Vec<Version>) {
    for version in versions {
        let Entity::Instance(at) = version.state.entity.clone() else {
            continue;
        };
        if !passes(&at, &version, &hop.filters) {
            continue;
        }
        if layer.nodes.len() == LAYER {
            layer.is_cut = true;
            return;
        }
        join(frontier, layer, hop, at, version);
    }
}

/// Adds a node to the next layer, with the edges to it.
fn join(frontier: &mut Layer, layer: &mut Layer, hop: &Hop, at: InstanceRef, version: Version) {
    let targets: Vec<InstanceRef> = references(&version, &hop.predicate).cloned().collect();
    let reached = layer.put(at, version);
    for target in targets {
        if let Some(node) = frontier.index.get(&target)
            && frontier.next[*node].last() != Some(&reached)
        {
            frontier.next[*node].push(reached);
        }
    }
}

/// Drops paths that end before the last layer.
fn prune(layers: &mut [Layer]) {
    for index in (1..layers.len().saturating_sub(1)).rev() {
        let alive: Vec<bool> = layers[index]
            .next
            .iter()
            .map(|next| !next.is_empty())
            .collect();
        for next in &mut layers[index - 1].next {
            next.retain(|node| alive[*node]);
        }
    }
}

/// Whether a node matches a hop's filters. A tombstone has no values: it matches only without
/// filters.
fn passes(at: &InstanceRef, version: &Version, filters: &[Filter]) -> bool {
    let matches = |data| Filter::match_all(filters, at.id.as_str(), data);
    filters.is_empty() || version.state.data.as_ref().is_some_and(matches)
}
