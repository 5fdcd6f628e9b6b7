//! The walk: start nodes in order of their id, each hop an inner join, every store asked once a
//! hop for a whole batch of start nodes.

use std::collections::HashMap;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use spice_core::{
    error::StoreError,
    id::InstanceRef,
    json::{Json, Properties},
    lineage::View,
    name::PropertyName,
    port::graph::{Entity, Graph, Version},
    query::Filter,
};

use crate::graph_query::{
    page::Page,
    plan::{Hop, Plan},
    request::Direction,
};

/// The most start nodes of one batch, with hops to take from them.
const BATCH: usize = 256;

/// A node of one layer: where it is, and its version; a tombstone's has no data.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) at: InstanceRef,
    pub(crate) version: Version,
}

/// The nodes that are `n` hops away from a batch of start nodes, each once, and for each the
/// nodes of the next layer that it leads to.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) nodes: Vec<Reached>,
    pub(crate) next: Vec<Vec<usize>>,
    index: HashMap<InstanceRef, usize>,
}

impl Layer {
    fn put(&mut self, at: InstanceRef, version: Version) -> usize {
        let position = self.nodes.len();
        self.index.insert(at.clone(), position);
        self.nodes.push(Reached { at, version });
        self.next.push(Vec::new());
        position
    }

    fn references(&self) -> Vec<InstanceRef> {
        self.nodes.iter().map(|node| node.at.clone()).collect()
    }
}

/// Walks a plan.
pub(crate) async fn walk<'a>(
    graph: &dyn Graph,
    view: &View,
    plan: &'a Plan,
) -> Result<Page<'a>, StoreError> {
    let mut page = Page::new(plan);
    let mut starts = Starts {
        graph,
        view,
        plan,
        after: None,
        done: false,
    };
    while !page.is_full() {
        let batch = starts.next(page.wanted().min(BATCH_WITHOUT_HOPS)).await?;
        if batch.nodes.is_empty() {
            return Ok(page);
        }
        let layers = expand(graph, view, plan, batch).await?;
        page.take(&layers);
    }
    Ok(page)
}

/// The most start nodes of one batch when there are no hops.
const BATCH_WITHOUT_HOPS: usize = 1_001;

/// The start nodes, batch after batch.
struct Starts<'a> {
    graph: &'a dyn Graph,
    view: &'a View,
    plan: &'a Plan,
    after: Option<String>,
    done: bool,
}

impl Starts<'_> {
    async fn next(&mut self, wanted: usize) -> Result<Layer, StoreError> {
        let mut layer = Layer::default();
        if self.done {
            return Ok(layer);
        }
        let limit = if self.plan.hops.is_empty() {
            wanted
        } else {
            wanted.min(BATCH)
        };
        let (class, filters) = (&self.plan.start.id, &self.plan.filters);
        let after = self.after.as_deref();
        let page = self
            .graph
            .scan(self.view, class, filters, after, limit.max(1))
            .await?;
        self.done = !page.more || page.versions.is_empty();
        for version in page.versions {
            if let Entity::Instance(at) = &version.entity {
                self.after = Some(at.id.as_str().to_owned());
                layer.put(at.clone(), version);
            }
        }
        if layer.nodes.is_empty() && self.after.is_none() {
            self.put_tombstone(&mut layer).await?;
        }
        Ok(layer)
    }

    /// What was deleted is shown to those who ask for it by its id.
    async fn put_tombstone(&mut self, layer: &mut Layer) -> Result<(), StoreError> {
        let Some(id) = &self.plan.address else {
            return Ok(());
        };
        self.done = true;
        let at = InstanceRef {
            class: self.plan.start.id.clone(),
            id: id.clone(),
        };
        let found = self
            .graph
            .get(self.view, &[Entity::Instance(at.clone())])
            .await?;
        if let Some(version) = found.into_iter().flatten().next()
            && version.data.is_none()
        {
            layer.put(at, version);
        }
        Ok(())
    }
}

/// Takes every hop, then drops what does not get to the end.
async fn expand(
    graph: &dyn Graph,
    view: &View,
    plan: &Plan,
    starts: Layer,
) -> Result<Vec<Layer>, StoreError> {
    let mut layers = vec![starts];
    for hop in &plan.hops {
        let Some(frontier) = layers.last_mut() else {
            break;
        };
        let next = match hop.direction {
            Direction::Out => follow(graph, view, hop, frontier).await?,
            Direction::In => follow_back(graph, view, hop, frontier).await?,
        };
        layers.push(next);
    }
    prune(&mut layers);
    Ok(layers)
}

async fn follow(
    graph: &dyn Graph,
    view: &View,
    hop: &Hop,
    frontier: &mut Layer,
) -> Result<Layer, StoreError> {
    let mut targets: Vec<Entity> = Vec::new();
    let mut known: HashMap<InstanceRef, usize> = HashMap::new();
    let mut held: Vec<Vec<usize>> = Vec::with_capacity(frontier.nodes.len());
    for node in &frontier.nodes {
        let mut own = Vec::new();
        for target in references(&node.version, &hop.predicate) {
            if target.class != hop.target.id {
                continue;
            }
            let index = *known.entry(target).or_insert_with_key(|target| {
                targets.push(Entity::Instance(target.clone()));
                targets.len() - 1
            });
            own.push(index);
        }
        held.push(own);
    }
    let mut layer = Layer::default();
    if targets.is_empty() {
        return Ok(layer);
    }
    let versions = graph.get(view, &targets).await?;
    let mut placed: Vec<Option<usize>> = Vec::with_capacity(targets.len());
    for (entity, version) in targets.into_iter().zip(versions) {
        let (Entity::Instance(at), Some(version)) = (entity, version) else {
            placed.push(None);
            continue;
        };
        let passes = passes(&at, &version, &hop.filters);
        placed.push(passes.then(|| layer.put(at, version)));
    }
    for (node, own) in held.into_iter().enumerate() {
        frontier.next[node] = own.into_iter().filter_map(|index| placed[index]).collect();
        frontier.next[node].dedup();
    }
    Ok(layer)
}

async fn follow_back(
    graph: &dyn Graph,
    view: &View,
    hop: &Hop,
    frontier: &mut Layer,
) -> Result<Layer, StoreError> {
    let mut layer = Layer::default();
    if frontier.nodes.is_empty() {
        return Ok(layer);
    }
    let source = &hop.target.id;
    let mut referrers = graph
        .referrers(view, source, &hop.predicate, &frontier.references())
        .await?;
    referrers.sort_by(|left, right| left.entity.cmp(&right.entity));
    referrers.dedup_by(|left, right| left.entity == right.entity);
    for version in referrers {
        let Entity::Instance(at) = version.entity.clone() else {
            continue;
        };
        if !passes(&at, &version, &hop.filters) {
            continue;
        }
        let targets = references(&version, &hop.predicate);
        let reached = layer.put(at, version);
        for target in targets {
            if let Some(node) = frontier.index.get(&target)
                && frontier.next[*node].last() != Some(&reached)
            {
                frontier.next[*node].push(reached);
            }
        }
    }
    Ok(layer)
}

/// Drops the ways that end before the last layer.
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

/// Whether a node passes a hop's filters. A tombstone has no values: only no filters let it pass.
fn passes(at: &InstanceRef, version: &Version, filters: &[Filter]) -> bool {
    if filters.is_empty() {
        return true;
    }
    let Some(data) = &version.data else {
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

/// The references that a version holds through a predicate, in the order written.
fn references(version: &Version, predicate: &PropertyName) -> Vec<InstanceRef> {
    if version.data.is_none() {
        return Vec::new();
    }
    if !version.references.is_empty() {
        let held = version
            .references
            .iter()
            .filter(|(name, _)| name == predicate);
        return held.map(|(_, target)| target.clone()).collect();
    }
    let value = version
        .data
        .as_ref()
        .and_then(|data| member::<OneOrMany>(data, predicate.as_str()));
    match value {
        None => Vec::new(),
        Some(OneOrMany::One(text)) => text.parse().ok().into_iter().collect(),
        Some(OneOrMany::Many(texts)) => texts.iter().filter_map(|text| text.parse().ok()).collect(),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// One field of an object, without reading the others.
pub(super) fn member<'a, T: Deserialize<'a>>(data: &'a Json, key: &str) -> Option<T> {
    struct Field<'k, T>(&'k str, std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Field<'_, T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                if name == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(data.as_str());
    deserializer
        .deserialize_map(Field(key, std::marker::PhantomData))
        .ok()
        .flatten()
}
