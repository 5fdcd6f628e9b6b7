//! Instances that refer to each other, and a graph store that holds them.

use proptest::prelude::*;
use serde_json::json;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, Sequence},
    json::Json,
    lineage::{Lineage, View},
    name::PropertyName,
    port::{
        graph::{Entity, Graph, State, Version},
        sink::Sinks,
    },
    time::Timestamp,
};
use spice_store_sqlite::{Location, Mode, SqliteGraph};
use spice_testing::values::stream;
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

    fn version(&self, position: u64) -> Version {
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
            state: State {
                entity: Entity::Instance(self.name().parse().unwrap()),
                position: LogPosition(position),
                sequence: Sequence(1),
                event_id: EventId(Uuid::nil()),
                occurred_at: Timestamp::default(),
                created_at: Timestamp::default(),
                data: self.live.then(|| Json::from(data)),
            },
            references: references.filter(|_| self.live).collect(),
        }
    }
}

/// All instances, by class and id.
#[derive(Debug, Clone)]
pub(super) struct Instances(Vec<Entry>);

impl Instances {
    /// A store that holds them.
    pub(super) async fn store(&self) -> SqliteGraph {
        let graph = SqliteGraph::open(&Location::Memory, Mode::Inline, Guards::default()).unwrap();
        let stream = view().stream;
        let sink = graph.sink(&stream).await.unwrap().generation;
        let versions = self.0.iter().zip(0..);
        let versions: Vec<Version> = versions.map(|(entry, at)| entry.version(at)).collect();
        let end = LogPosition(versions.len() as u64);
        let applied = graph.apply(&stream, &sink, LogPosition::ZERO, end.into(), &versions);
        assert!(applied.await.unwrap().refused.is_empty());
        graph
    }

    /// Every node refers to every node, itself included.
    pub(super) fn complete(count: usize) -> Self {
        let names = || (0..count).map(|id| format!("A/{id}"));
        let entry = |id| Entry {
            class: "A",
            id,
            live: true,
            number: 0,
            references: names().map(|name| ("next", name)).collect(),
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
pub(super) fn graphs() -> impl Strategy<Value = Instances> {
    let entry = (
        prop::option::weighted(0.85, prop::bool::weighted(0.85)),
        0..5_i64,
        prop::collection::btree_set((0..3_usize, 0..6_usize), 0..7),
    );
    prop::collection::vec(entry, 12).prop_map(|rows| {
        let made = rows
            .into_iter()
            .enumerate()
            .filter_map(|(index, (live, number, links))| {
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
                })
            });
        Instances(made.collect())
    })
}

pub(super) fn view() -> View {
    View {
        stream: stream("test"),
        lineage: Lineage::main(),
    }
}
