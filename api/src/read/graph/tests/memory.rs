//! A graph in memory, with the primitives for a walk.

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::json;
use spice_core::{
    handler::Projection,
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, Sequence, StreamId},
    json::{Json, Properties},
    lineage::{Lineage, View},
    name::{ClassName, PropertyName},
    port::{
        StoreResult,
        graph::{Entity, Graph, Page, Version},
        sink::{Applied, Sink, SinkPosition, SinkRole, Sinks},
    },
    query::Filter,
    time::Timestamp,
};
use uuid::Uuid;

use super::PREDICATES;

/// One instance.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    class: &'static str,
    id: usize,
    pub(super) live: bool,
    pub(super) number: i64,
    references: Vec<(&'static str, String)>,
    /// Whether the store returns the references separately, or leaves them to be read from the
    /// data.
    tells_references: bool,
}

impl Entry {
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.class, self.id)
    }

    pub(super) fn refers(&self, predicate: &str, target: &str) -> bool {
        self.references
            .iter()
            .any(|(own, name)| *own == predicate && name == target)
    }

    fn version(&self) -> Version {
        let mut data = json!({"key": self.id.to_string(), "n": self.number});
        for (_, predicate, _) in PREDICATES {
            let held: Vec<&String> = self
                .references
                .iter()
                .filter(|(own, _)| *own == predicate)
                .map(|(_, target)| target)
                .collect();
            if !held.is_empty() {
                data[predicate] = json!(held);
            }
        }
        let references = self.references.iter().map(|(predicate, target)| {
            (
                predicate.parse::<PropertyName>().unwrap(),
                target.parse::<InstanceRef>().unwrap(),
            )
        });
        Version {
            branch: BranchGeneration::MAIN,
            entity: Entity::Instance(self.name().parse().unwrap()),
            position: LogPosition(1),
            sequence: Sequence(1),
            event_id: EventId(Uuid::nil()),
            occurred_at: Timestamp::default(),
            created_at: Timestamp::default(),
            data: self.live.then(|| Json::from(data)),
            references: if self.tells_references {
                references.collect()
            } else {
                Vec::new()
            },
        }
    }
}

/// All instances, by class and id.
#[derive(Debug, Clone)]
pub(super) struct MemoryGraph(Vec<Entry>);

impl MemoryGraph {
    /// Every node refers to every node, itself included.
    pub(super) fn complete(count: usize) -> Self {
        let names = || (0..count).map(|id| format!("A/{id}"));
        let entry = |id| Entry {
            class: "A",
            id,
            live: true,
            number: 0,
            references: names().map(|name| ("next", name)).collect(),
            tells_references: true,
        };
        let mut entries: Vec<Entry> = (0..count).map(entry).collect();
        entries.sort_by_key(Entry::name);
        Self(entries)
    }

    /// `B/0`, `B/1` …, each with this many referrers, of which three lead on.
    pub(super) fn hubs(referrers: &[usize]) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for (hub, count) in referrers.iter().enumerate() {
            let entry = |class, id, references| Entry {
                class,
                id,
                live: true,
                number: 0,
                references,
                tells_references: true,
            };
            entries.push(entry("B", hub, Vec::new()));
            let target = format!("B/{hub}");
            let first = entries.len();
            let refers = |id| {
                let mut references = vec![("to", target.clone())];
                if id < first + 3 {
                    references.push(("next", format!("A/{first}")));
                }
                entry("A", id, references)
            };
            entries.extend((first..first + count).map(refers));
        }
        entries.sort_by_key(Entry::name);
        Self(entries)
    }

    pub(super) fn entries(&self, class: &str) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| entry.class == class)
    }

    pub(super) fn named(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name() == name)
    }
}

/// Up to twelve instances of two classes; some deleted, some referred to but missing.
pub(super) fn graphs() -> impl Strategy<Value = MemoryGraph> {
    let entry = (
        prop::option::weighted(0.85, prop::bool::weighted(0.85)),
        0..5_i64,
        prop::collection::btree_set((0..3_usize, 0..6_usize), 0..7),
        any::<bool>(),
    );
    prop::collection::vec(entry, 12).prop_map(|rows| {
        let made =
            rows.into_iter()
                .enumerate()
                .filter_map(|(index, (live, number, links, tells))| {
                    let class = if index < 6 { "A" } else { "B" };
                    let references = links
                        .into_iter()
                        .map(|(predicate, id)| (PREDICATES[predicate], id))
                        .filter(|((holder, ..), _)| *holder == class)
                        .map(|((_, predicate, target), id)| (predicate, format!("{target}/{id}")))
                        .collect();
                    let live = live?;
                    Some(Entry {
                        class,
                        id: index % 6,
                        live,
                        number,
                        references,
                        tells_references: tells,
                    })
                });
        MemoryGraph(made.collect())
    })
}

pub(super) fn view() -> View {
    View {
        stream: StreamId::first("test".parse().unwrap()),
        lineage: Lineage::main(),
    }
}

#[async_trait]
impl Sinks for MemoryGraph {
    fn projection(&self) -> Projection {
        Projection::Graph
    }

    async fn sinks(&self, _: &StreamId) -> StoreResult<Vec<Sink>> {
        unimplemented!()
    }

    async fn create_shadow(&self, _: &StreamId) -> StoreResult<Sink> {
        unimplemented!()
    }

    async fn swap(&self, _: &StreamId, _: &str) -> StoreResult<bool> {
        unimplemented!()
    }

    async fn drop_sink(&self, _: &StreamId, _: &str, _: SinkRole) -> StoreResult<()> {
        unimplemented!()
    }
}

#[async_trait]
impl Graph for MemoryGraph {
    async fn get(&self, _: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        let find = |entity: &Entity| match entity {
            Entity::Instance(at) => self.named(&at.to_string()).map(Entry::version),
            Entity::Class(_) => None,
        };
        Ok(entities.iter().map(find).collect())
    }

    async fn scan(
        &self,
        _: &View,
        class: &ClassName,
        filters: &[Filter],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        let passes = |entry: &&Entry| {
            let version = entry.version();
            let data: Properties = version.data.as_ref().unwrap().read().unwrap();
            let id = entry.id.to_string();
            filters
                .iter()
                .all(|filter| filter.matches(&id, data.get(&filter.property)))
        };
        let mut versions: Vec<Version> = self
            .entries(class.as_str())
            .filter(|entry| {
                entry.live && after.is_none_or(|after| entry.id.to_string().as_str() > after)
            })
            .filter(passes)
            .take(limit + 1)
            .map(Entry::version)
            .collect();
        let more = versions.len() > limit;
        versions.truncate(limit);
        Ok(Page { versions, more })
    }

    async fn referrers(
        &self,
        _: &View,
        source: &ClassName,
        predicate: &PropertyName,
        targets: &[InstanceRef],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        let refers = |entry: &&Entry| {
            targets
                .iter()
                .any(|target| entry.refers(predicate.as_str(), &target.to_string()))
        };
        let live = self.entries(source.as_str()).filter(|entry| entry.live);
        assert!(limit <= 1_000, "a page is bounded");
        let mut versions: Vec<Version> = live
            .filter(|entry| after.is_none_or(|after| entry.id.to_string().as_str() > after))
            .filter(refers)
            .take(limit + 1)
            .map(Entry::version)
            .collect();
        let more = versions.len() > limit;
        versions.truncate(limit);
        Ok(Page { versions, more })
    }

    async fn apply(
        &self,
        _: &StreamId,
        _: &str,
        _: LogPosition,
        _: SinkPosition,
        _: &[Version],
    ) -> StoreResult<Applied> {
        unimplemented!()
    }

    async fn classes(&self, _: &View) -> StoreResult<Vec<Version>> {
        unimplemented!()
    }

    async fn history_before(
        &self,
        _: &View,
        _: &Entity,
        _: LogPosition,
        _: usize,
    ) -> StoreResult<Vec<Version>> {
        unimplemented!()
    }

    async fn latest(
        &self,
        _: &StreamId,
        _: &str,
        _: BranchGeneration,
        _: Option<&Entity>,
        _: usize,
    ) -> StoreResult<Vec<Version>> {
        unimplemented!()
    }

    async fn remove(
        &self,
        _: &StreamId,
        _: &str,
        _: BranchGeneration,
        _: &[Entity],
    ) -> StoreResult<()> {
        unimplemented!()
    }
}
