//! Decisions as tables: accepted commands with their events, and refused commands with their codes.
#![allow(clippy::needless_pass_by_value)]

mod branches;
mod cells;
mod class_deletion;
mod class_sets;
mod databases;
mod declare;
mod gone;
mod histories;
mod instances;
mod many;
mod merge;
mod rebase;
mod references;
mod together;
mod unique;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Changes, LiveInstances, Moment, Need, Stop, WriteState, decide, receipt, schema_of};
use crate::{
    command::{Action, Change, ClassChange, Command, InstanceChange, OnError, Origin},
    envelope::{Envelope, Kind},
    error::{ErrorCode, Refusal},
    event::InstanceEvent,
    id::{BranchGeneration, CommandId, EventId, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::{Lineage, Span},
    model::{AggregateState, ModelEntry, ModelKey},
    name::{DatabaseName, PropertyName},
    time::Timestamp,
};

/// A log in memory, with a registry that has every entry. Recent entries need no request.
#[derive(Clone)]
struct Desk {
    state: WriteState,
    registry: BTreeMap<ModelKey, Vec<ModelEntry>>,
    log: Vec<Envelope>,
    commands: u128,
    /// The frozen time of the clock, if any.
    frozen: Option<Timestamp>,
}

impl Desk {
    fn new() -> Self {
        let stream = StreamId::first(database());
        Self {
            state: WriteState::empty(stream),
            registry: BTreeMap::new(),
            log: Vec::new(),
            commands: 0,
            frozen: None,
        }
    }

    /// A database with `Customer` and `Product` (unique `code`, strict `owned_by`).
    fn with_ontology() -> Self {
        let mut desk = Self::new();
        desk.accept(create_database());
        for class in [
            json!({"id": "Customer", "label": "Customer", "properties": [
                {"name": "customer_id", "type": "string", "primaryKey": true},
                {"name": "name", "type": "string"},
            ]}),
            json!({"id": "Product", "label": "Product", "properties": [
                {"name": "product_id", "type": "string", "primaryKey": true},
                {"name": "price", "type": "decimal"},
                {"name": "code", "type": "string", "constraints": {"unique": true}},
            ], "relationships": [
                {"predicate": "owned_by", "target": "Customer", "cardinality": "n:1",
                 "integrity": "strict"},
            ]}),
        ] {
            desk.accept(Action::CreateClass {
                branch: branch("main"),
                definition: class.into(),
            });
        }
        desk
    }

    /// A command, and the time of its decision.
    fn ask(&mut self, action: Action) -> (Moment, Command) {
        self.commands += 1;
        self.state.forget_fetched();
        let command = Command {
            id: CommandId(Uuid::from_u128(self.commands)),
            database: database(),
            action,
            origin: Origin {
                actor: Some("tester".into()),
                service: "gateway".into(),
                correlation_id: Uuid::from_u128(7),
                traceparent: None,
                client: None,
            },
        };
        let moment = Moment {
            stream: self.state.stream().clone(),
            position: self.state.end(),
            occurred_at: self.frozen.map_or_else(
                || Timestamp::from_micros(1_000_000 + i64::try_from(self.commands).unwrap()),
                |now| now.max(self.state.last_time()),
            ),
        };
        (moment, command)
    }

    fn try_decide(&mut self, action: Action) -> Result<Vec<Envelope>, Refusal> {
        let (moment, command) = self.ask(action);
        loop {
            match decide(&self.state, &moment, &command) {
                Ok(envelopes) => return Ok(envelopes),
                Err(Stop::Refused(refusal)) => return Err(refusal),
                Err(Stop::Needs(needs)) => self.provide(needs),
            }
        }
    }

    /// Provides the needed facts; for too many changes, only as many as needed.
    fn provide(&mut self, needs: Vec<Need>) {
        let is_new = |need: &Need| !self.state.knows(need);
        assert!(needs.iter().any(is_new), "{needs:?} was told before");
        for need in needs {
            match need {
                Need::Entry(generation, key) => {
                    let lineage = self.lineage(generation);
                    let entry = self.find_stored(&lineage, &key).cloned();
                    self.state.put_entry(generation, key, entry);
                }
                Need::LiveInstances(asked) => {
                    let keys = self.live_instances(&asked);
                    self.state.put_live_instances(asked, keys);
                }
                Need::EntryAt(lineage, key) => {
                    let entry = self.find_stored(&lineage, &key).cloned();
                    self.state.put_entry_at(lineage, key, entry);
                }
                Need::Changed(changes) => {
                    let keys = self.list_changed(&changes);
                    self.state.put_changed(changes, keys);
                }
                Need::Schema(generation) => {
                    let lineage = self.lineage(generation);
                    let classes = (self.registry.keys())
                        .filter(|key| key.as_str().starts_with(ModelKey::CLASSES))
                        .filter_map(|key| self.find_stored(&lineage, key).cloned());
                    let schema = schema_of(&classes.collect::<Vec<_>>());
                    self.state.put_schema(generation, Arc::new(schema));
                }
            }
        }
    }

    /// The live instances of a class, up to the useful maximum.
    fn live_instances(&self, asked: &LiveInstances) -> BTreeSet<ModelKey> {
        let lineage = self.lineage(asked.branch);
        let prefix = ModelKey::instances_of(&asked.class);
        let is_live = |key: &&ModelKey| {
            let entry = self.find_stored(&lineage, key);
            entry.is_some_and(|entry| entry.value.read::<AggregateState>().unwrap().data.is_some())
        };
        let keys = self.registry.keys();
        let keys = keys
            .filter(|key| key.as_str().starts_with(&prefix))
            .filter(is_live);
        keys.take(asked.most + 1).cloned().collect()
    }

    /// The written keys, up to the useful maximum.
    fn list_changed(&self, changes: &Changes) -> BTreeSet<ModelKey> {
        let is_within = |entry: &&ModelEntry| {
            let holds = |span: &Span| span.generation == entry.branch && span.holds(entry.position);
            changes.concern(&entry.key) && changes.spans.iter().any(holds)
        };
        let versions = self.registry.values();
        let keys = versions.filter_map(|versions| versions.iter().find(is_within));
        let keys = keys.map(|entry| entry.key.clone());
        keys.take(changes.most.saturating_add(1)).collect()
    }

    fn lineage(&self, generation: BranchGeneration) -> Lineage {
        let mut branches = self.state.live_branches();
        let branch = branches.find(|branch| branch.generation == generation);
        branch.unwrap().lineage.clone()
    }

    /// The newest entry that is visible through a lineage.
    fn find_stored(&self, lineage: &Lineage, key: &ModelKey) -> Option<&ModelEntry> {
        let versions = self.registry.get(key)?;
        lineage.levels().iter().find_map(|level| {
            let shows = |entry: &&ModelEntry| {
                entry.branch == level.generation && entry.position <= level.until
            };
            versions.iter().rev().find(shows)
        })
    }

    /// What a branch shows of a key: its sequence and state; none if it never existed.
    fn show(&self, on: &str, key: &ModelKey) -> Option<AggregateState> {
        let branch = self.state.live_branch(&branch(on)).unwrap();
        let entry = self.find_stored(&branch.lineage, key)?;
        Some(entry.value.read().unwrap())
    }

    /// Applies an envelope.
    fn apply(&mut self, envelope: &Envelope) {
        for entry in self.state.apply(envelope).unwrap() {
            let versions = self.registry.entry(entry.key.clone()).or_default();
            versions.push(entry);
        }
        self.log.push(envelope.clone());
    }

    /// Puts an envelope's data into the log as an earlier version of this program wrote it.
    fn accept_written(&mut self, action: Action, rewrite: impl Fn(&mut InstanceEvent)) {
        let mut envelopes = self.try_decide(action).unwrap();
        let mut event = event(&envelopes);
        rewrite(&mut event);
        envelopes.last_mut().unwrap().data = Json::of(&event).unwrap();
        for envelope in &envelopes {
            self.apply(envelope);
        }
    }

    fn accept(&mut self, action: Action) -> Vec<Envelope> {
        let envelopes = self.try_decide(action).unwrap();
        for envelope in &envelopes {
            assert_eq!(envelope.position, self.state.end());
            self.apply(envelope);
        }
        envelopes
    }

    fn refuse(&mut self, action: Action) -> Refusal {
        let before = self.state.end();
        let refusal = self.try_decide(action).unwrap_err();
        assert_eq!(self.state.end(), before, "a refusal leaves no trace");
        refusal
    }
}

fn database() -> DatabaseName {
    "demo".parse().unwrap()
}

fn branch(name: &str) -> crate::name::BranchName {
    name.parse().unwrap()
}

fn create_database() -> Action {
    Action::CreateDatabase {
        description: "tests".into(),
        options: None,
    }
}

fn change(on: &str, change: Value) -> Action {
    let Change::Instance(change) = read_change(&change) else {
        panic!("not a change of an instance");
    };
    Action::ChangeInstance {
        branch: branch(on),
        change,
    }
}

/// A change as the body of a transaction writes it.
fn read_change(written: &Value) -> Change {
    let id = || written["id"].as_str().map(|id| id.parse().unwrap());
    let class = || written["class"].as_str().unwrap().to_owned();
    let class_name = || class().parse().unwrap();
    let data = || serde_json::from_str(&written["data"].to_string()).unwrap();
    let definition = || written["definition"].clone().into();
    let expected_seq = || Sequence(written["expected_seq"].as_u64().unwrap());
    match written["type"].as_str().unwrap() {
        "CREATE_INSTANCE" => InstanceChange::CreateInstance {
            class: class(),
            id: id(),
            data: data(),
        }
        .into(),
        "UPDATE_INSTANCE" => InstanceChange::UpdateInstance {
            class: class(),
            id: id().unwrap(),
            data: data(),
            expected_seq: expected_seq(),
        }
        .into(),
        "DELETE_INSTANCE" => InstanceChange::DeleteInstance {
            class: class(),
            id: id().unwrap(),
            expected_seq: expected_seq(),
        }
        .into(),
        "CREATE_ONTOLOGY_CLASS" => ClassChange::CreateOntologyClass {
            definition: definition(),
        }
        .into(),
        "UPDATE_ONTOLOGY_CLASS" => ClassChange::UpdateOntologyClass {
            class: class_name(),
            definition: definition(),
            expected_seq: expected_seq(),
        }
        .into(),
        _ => ClassChange::DeleteOntologyClass {
            class: class_name(),
            expected_seq: expected_seq(),
        }
        .into(),
    }
}

fn create(on: &str, class: &str, data: Value) -> Action {
    change(
        on,
        json!({"type": "CREATE_INSTANCE", "class": class, "data": data}),
    )
}

fn update(on: &str, id: &str, data: Value, expected: u64) -> Action {
    change(
        on,
        json!({"type": "UPDATE_INSTANCE", "class": "Product", "id": id, "data": data,
        "expected_seq": expected}),
    )
}

fn delete(on: &str, id: &str, expected: u64) -> Action {
    change(
        on,
        json!({"type": "DELETE_INSTANCE", "class": "Product", "id": id,
        "expected_seq": expected}),
    )
}

fn fork(name: &str, from: &str, at: Option<u64>) -> Action {
    Action::CreateBranch {
        branch: branch(name),
        from_branch: branch(from),
        from_position: at.map(LogPosition),
    }
}

fn bulk(rows: Value, on_error: OnError) -> Action {
    let instances = serde_json::from_str(&rows.to_string()).unwrap();
    Action::BulkCreate {
        branch: branch("main"),
        class: "Product".into(),
        instances,
        ids: Vec::new(),
        without_defaults: false,
        on_error,
    }
}

fn transaction(commands: Value) -> Action {
    let commands = commands.as_array().unwrap().iter();
    let commands = commands.map(read_change).collect();
    Action::Transaction {
        branch: branch("main"),
        commands,
    }
}

fn types(envelopes: &[Envelope]) -> Vec<&'static str> {
    envelopes
        .iter()
        .map(|envelope| envelope.event_type.as_str())
        .collect()
}

fn event(envelopes: &[Envelope]) -> InstanceEvent {
    envelopes.last().unwrap().data.read().unwrap()
}
