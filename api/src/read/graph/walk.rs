//! The walk: start nodes in order of their id; each hop is an inner join, and each store is asked
//! once per hop for a whole batch of start nodes.

use std::collections::HashMap;

use spice_core::{
    error::StoreError,
    id::InstanceRef,
    json::Properties,
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

/// The maximum number of start nodes in a batch with hops.
const BATCH: usize = 256;

/// The maximum number of nodes in a layer: more than any page shows, few enough for memory.
pub(super) const LAYER: usize = 20_000;
/// The number of referrers per read.
const REFERRERS: usize = 1_000;

/// The result of a batch of start nodes, layer by layer.
struct Expanded {
    layers: Vec<Layer>,
    /// Whether a layer was cut at its maximum size.
    is_cut: bool,
}

/// Executes a plan. Keeps one batch and its result in memory: a batch with too large a result is
/// repeated in parts, and a single start node with too large a result is answered as far as
/// possible.
pub(crate) async fn walk<'a>(
    graph: &dyn Graph,
    view: &View,
    plan: &'a Plan,
) -> Result<Page<'a>, StoreError> {
    let mut page = Page::new(plan);
    let mut most = BATCH;
    let mut starts = Starts {
        graph,
        view,
        plan,
        place: Place::default(),
    };
    while !page.is_full() {
        let place = starts.place.clone();
        let wanted = page.wanted().min(BATCH_WITHOUT_HOPS);
        let batch = starts.next(wanted, most).await?;
        let count = batch.nodes.len();
        if count == 0 {
            return Ok(page);
        }
        let expanded = expand(graph, view, plan, batch).await?;
        if expanded.is_cut && count > 1 {
            starts.place = place;
            most = count / 2;
            continue;
        }
        page.take(&expanded.layers, expanded.is_cut);
        most = most.saturating_mul(2).min(BATCH);
    }
    Ok(page)
}

/// The maximum number of start nodes in a batch without hops.
const BATCH_WITHOUT_HOPS: usize = 1_001;

/// The start nodes, batch by batch.
struct Starts<'a> {
    graph: &'a dyn Graph,
    view: &'a View,
    plan: &'a Plan,
    place: Place,
}

/// The progress of the start nodes.
#[derive(Debug, Clone, Default)]
struct Place {
    after: Option<String>,
    done: bool,
}

impl Starts<'_> {
    async fn next(&mut self, wanted: usize, most: usize) -> Result<Layer, StoreError> {
        let mut layer = Layer::default();
        if self.place.done {
            return Ok(layer);
        }
        let limit = if self.plan.hops.is_empty() {
            wanted
        } else {
            wanted.min(most)
        };
        let (class, filters) = (&self.plan.start.id, &self.plan.filters);
        let after = self.place.after.as_deref();
        let page = self
            .graph
            .scan(self.view, class, filters, after, limit.max(1))
            .await?;
        self.place.done = !page.more || page.versions.is_empty();
        for version in page.versions {
            if let Entity::Instance(at) = &version.state.entity {
                self.place.after = Some(at.id.as_str().to_owned());
                layer.put(at.clone(), version);
            }
        }
        if layer.nodes.is_empty() && self.place.after.is_none() {
            self.put_tombstone(&mut layer).await?;
        }
        Ok(layer)
    }

    /// A deleted instance is shown if it is requested by its id.
    async fn put_tombstone(&mut self, layer: &mut Layer) -> Result<(), StoreError> {
        let Some(id) = &self.plan.address else {
            return Ok(());
        };
        self.place.done = true;
        let at = InstanceRef {
            class: self.plan.start.id.clone(),
            id: id.clone(),
        };
        let found = self
            .graph
            .get(self.view, &[Entity::Instance(at.clone())])
            .await?;
        if let Some(version) = found.into_iter().flatten().next()
            && version.state.data.is_none()
        {
            layer.put(at, version);
        }
        Ok(())
    }
}

/// Follows every hop, then drops what does not reach the end.
async fn expand(
    graph: &dyn Graph,
    view: &View,
    plan: &Plan,
    starts: Layer,
) -> Result<Expanded, StoreError> {
    let mut layers = vec![starts];
    let mut is_cut = false;
    for hop in &plan.hops {
        let Some(frontier) = layers.last_mut() else {
            break;
        };
        let (next, next_is_cut) = match hop.direction {
            Direction::Out => follow(graph, view, hop, frontier).await?,
            Direction::In => follow_back(graph, view, hop, frontier).await?,
        };
        layers.push(next);
        is_cut |= next_is_cut;
    }
    prune(&mut layers);
    Ok(Expanded { layers, is_cut })
}

/// The references of a layer: each target once, and the targets of each node.
struct Held {
    targets: Vec<Entity>,
    by_node: Vec<Vec<usize>>,
    is_cut: bool,
}

fn held(frontier: &Layer, hop: &Hop) -> Held {
    let mut held = Held {
        targets: Vec::new(),
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
            if held.targets.len() == LAYER && !known.contains_key(target) {
                held.is_cut = true;
                continue;
            }
            let index = *known.entry(target).or_insert_with(|| {
                held.targets.push(Entity::Instance(target.clone()));
                held.targets.len() - 1
            });
            own.push(index);
        }
        held.by_node.push(own);
    }
    held
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

/// The nodes that a layer refers to, and whether there are too many.
async fn follow(
    graph: &dyn Graph,
    view: &View,
    hop: &Hop,
    frontier: &mut Layer,
) -> Result<(Layer, bool), StoreError> {
    let held = held(frontier, hop);
    let mut layer = Layer::default();
    if held.targets.is_empty() {
        return Ok((layer, held.is_cut));
    }
    let versions = graph.get(view, &held.targets).await?;
    let mut placed: Vec<Option<usize>> = Vec::with_capacity(versions.len());
    for (entity, version) in held.targets.into_iter().zip(versions) {
        let (Entity::Instance(at), Some(version)) = (entity, version) else {
            placed.push(None);
            continue;
        };
        let passes = passes(&at, &version, &hop.filters);
        placed.push(passes.then(|| layer.put(at, version)));
    }
    for (node, own) in held.by_node.into_iter().enumerate() {
        frontier.next[node] = own.into_iter().filter_map(|index| placed[index]).collect();
        frontier.next[node].dedup();
    }
    Ok((layer, held.is_cut))
}

/// The nodes that refer to a layer, and whether there are too many.
async fn follow_back(
    graph: &dyn Graph,
    view: &View,
    hop: &Hop,
    frontier: &mut Layer,
) -> Result<(Layer, bool), StoreError> {
    let mut layer = Layer::default();
    let targets = frontier.references();
    if targets.is_empty() {
        return Ok((layer, false));
    }
    for source in &hop.kinds {
        let mut after: Option<String> = None;
        loop {
            let (name, from) = (&hop.predicate, after.as_deref());
            let page = graph
                .referrers(view, source, name, &targets, from, REFERRERS)
                .await?;
            after = page.versions.last().and_then(id_of);
            let more = page.more && after.is_some();
            if !join_all(frontier, &mut layer, hop, page.versions) {
                return Ok((layer, true));
            }
            if !more {
                break;
            }
        }
    }
    Ok((layer, false))
}

fn id_of(version: &Version) -> Option<String> {
    match &version.state.entity {
        Entity::Instance(at) => Some(at.id.as_str().to_owned()),
        Entity::Class(_) => None,
    }
}

/// Adds matching nodes to the next layer. Returns false if one does not fit.
fn join_all(frontier: &mut Layer, layer: &mut Layer, hop: &Hop, versions: Vec<Version>) -> bool {
    for version in versions {
        let Entity::Instance(at) = version.state.entity.clone() else {
            continue;
        };
        if !passes(&at, &version, &hop.filters) {
            continue;
        }
        if layer.nodes.len() == LAYER {
            return false;
        }
        join(frontier, layer, hop, at, version);
    }
    true
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
    if filters.is_empty() {
        return true;
    }
    let Some(data) = &version.state.data else {
        return false;
    };
    let Ok(properties) = data.read::<Properties>() else {
        return false;
    };
    let id = at.id.as_str();
    filters
        .iter()
        .all(|filter| filter.matches(id, properties.get(&filter.property)))
}
