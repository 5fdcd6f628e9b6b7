//! A desk that accepts commands: real decisions over a log in memory.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};
use spice_core::{
    command::{Action, Command, Origin},
    decide::{Moment, Need, Stop, WriteState, decide, schema_of},
    envelope::Envelope,
    id::{BranchGeneration, CommandId, InstanceRef, LogPosition, StreamId},
    json::Json,
    lineage::Lineage,
    model::{AggregateState, BranchState, ModelKey},
    name::BranchName,
    port::log::Record,
    time::Timestamp,
};
use uuid::Uuid;

/// Everything that is written stays recent, so that anything unknown to the state does not exist.
pub struct Desk {
    pub state: WriteState,
    pub log: Vec<Envelope>,
    commands: u128,
}

impl Desk {
    /// A database with the classes `Item` and `Part`.
    pub fn new(stream: StreamId) -> Self {
        let mut desk = Self {
            state: WriteState::empty(stream),
            log: Vec::new(),
            commands: 0,
        };
        assert!(desk.accept(Action::CreateDatabase {
            description: String::new(),
            options: None,
        }));
        for class in ["Item", "Part"] {
            let definition = json!({"id": class, "label": class, "properties": [
                {"name": "id", "type": "string", "primaryKey": true},
                {"name": "price", "type": "integer"},
                {"name": "words", "type": "string"},
            ]});
            assert!(desk.accept(Action::CreateClass {
                branch: BranchName::main(),
                definition: definition.into(),
            }));
        }
        desk
    }

    /// Decides a command, and appends it unless it is refused.
    pub fn accept(&mut self, action: Action) -> bool {
        self.commands += 1;
        self.state.forget_fetched();
        let command = Command {
            id: CommandId(Uuid::from_u128(self.commands)),
            database: self.state.stream().database.clone(),
            action,
            origin: Origin {
                actor: None,
                service: "gateway".into(),
                correlation_id: Uuid::from_u128(7),
                traceparent: None,
                client: None,
            },
        };
        let moment = Moment {
            stream: self.state.stream().clone(),
            position: self.state.end(),
            occurred_at: Timestamp::from_micros(i64::try_from(self.commands).unwrap()),
        };
        loop {
            match decide(&self.state, &moment, &command) {
                Ok(envelopes) => {
                    for envelope in envelopes {
                        self.state.apply(&envelope).unwrap();
                        self.log.push(envelope);
                    }
                    return true;
                }
                Err(Stop::Refused(_)) => return false,
                Err(Stop::Needs(needs)) => {
                    let is_new = |need: &Need| !self.state.knows(need);
                    assert!(needs.iter().any(is_new), "{needs:?} were provided before");
                    for need in needs {
                        self.provide(need);
                    }
                }
            }
        }
    }

    fn provide(&mut self, need: Need) {
        match need {
            Need::Entry(branch, key) => self.state.put_entry(branch, key, None),
            Need::EntryAt(lineage, key) => self.state.put_entry_at(lineage, key, None),
            Need::Changed(changes) => self.state.put_changed(changes, BTreeSet::new()),
            Need::LiveInstances(asked) => {
                let lineage = self.lineage(asked.branch);
                let mut keys = self
                    .state
                    .recent_keys(&ModelKey::instances_of(&asked.class));
                keys.retain(|key| {
                    self.find_shown(&lineage, key)
                        .is_some_and(|it| it.data.is_some())
                });
                self.state
                    .put_live_instances(asked, keys.into_iter().collect());
            }
            Need::Schema(branch) => {
                let lineage = self.lineage(branch);
                let keys = self.state.recent_keys(ModelKey::CLASSES);
                let classes = keys
                    .iter()
                    .filter_map(|key| self.state.recent_entry(&lineage, key));
                let schema = schema_of(&classes.cloned().collect::<Vec<_>>());
                self.state.put_schema(branch, Arc::new(schema));
            }
        }
    }

    fn lineage(&self, generation: BranchGeneration) -> Lineage {
        let mut branches = self.state.live_branches();
        let found = branches.find(|branch| branch.generation == generation);
        found.unwrap().lineage.clone()
    }

    fn find_shown(&self, lineage: &Lineage, key: &ModelKey) -> Option<AggregateState> {
        let entry = self.state.recent_entry(lineage, key)?;
        Some(entry.value.read().unwrap())
    }

    /// Creates an instance, or updates it.
    pub fn put(&mut self, branch: &BranchState, instance: &InstanceRef, data: &Value) -> bool {
        let known = self.find_shown(
            &branch.lineage,
            &ModelKey::instance(&instance.class, &instance.id),
        );
        let (kind, expected) = match known.filter(|known| known.data.is_some()) {
            Some(known) => ("UPDATE_INSTANCE", Some(known.sequence)),
            None => ("CREATE_INSTANCE", None),
        };
        self.change(
            branch,
            instance,
            json!({"type": kind, "data": data, "expected_seq": expected}),
        )
    }

    /// Deletes an instance that is there.
    pub fn delete(&mut self, branch: &BranchState, instance: &InstanceRef) -> bool {
        let known = self.find_shown(
            &branch.lineage,
            &ModelKey::instance(&instance.class, &instance.id),
        );
        let expected = known.map(|known| known.sequence);
        expected.is_some() && {
            let change = json!({"type": "DELETE_INSTANCE", "expected_seq": expected});
            self.change(branch, instance, change)
        }
    }

    fn change(&mut self, branch: &BranchState, instance: &InstanceRef, mut change: Value) -> bool {
        change["class"] = json!(instance.class);
        change["id"] = json!(instance.id);
        if change["expected_seq"].is_null() {
            change.as_object_mut().unwrap().remove("expected_seq");
        }
        self.accept(Action::ChangeInstance {
            branch: branch.name.clone(),
            change: Json::from(change).read().unwrap(),
        })
    }

    /// Deletes a class with its instances.
    pub fn drop_class(&mut self, branch: &BranchState, class: &str) -> bool {
        let class = class.parse().unwrap();
        let known = self.find_shown(&branch.lineage, &ModelKey::class(&class));
        let expected = known.map(|known| known.sequence);
        expected.is_some_and(|expected_seq| {
            self.accept(Action::DeleteClass {
                branch: branch.name.clone(),
                class,
                expected_seq,
                force: true,
            })
        })
    }

    /// Returns the log from a position on.
    pub fn records(&self, from: usize) -> Vec<Record> {
        let envelopes = self.log.iter().skip(from);
        envelopes
            .map(|envelope| Record {
                position: envelope.position,
                line: envelope.to_line().unwrap().into(),
            })
            .collect()
    }

    /// The position after the last.
    pub fn end(&self) -> LogPosition {
        self.state.end()
    }
}
