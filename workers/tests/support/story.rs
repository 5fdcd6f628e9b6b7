//! Builds a log: real envelopes with commands before their events.
#![allow(clippy::needless_pass_by_value)]

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use serde::Serialize;
use serde_json::{Value, json};
use spice_core::{
    envelope::{Envelope, EventType, Generations, Kind, Metadata},
    event::{
        BranchAt, BranchCreated, BranchDeleted, ClassEvent, DatabaseMark, EventDiscarded,
        InstanceEvent, Superseded, UniqueChange,
    },
    id::{
        AggregateId, BranchGeneration, CommandId, EventId, InstanceRef, LogPosition, Sequence,
        StreamId,
    },
    json::Json,
    lineage::Lineage,
    name::BranchName,
    port::{
        graph::Entity,
        hints::{Hints, Topic},
        log::Batch,
    },
    time::Timestamp,
};
use spice_store_local::LocalHints;
use spice_testing::MemoryLog;
use uuid::Uuid;

pub struct Story {
    pub stream: StreamId,
    log: MemoryLog,
    hints: LocalHints,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    envelopes: Vec<Envelope>,
    branches: Vec<(BranchName, BranchGeneration)>,
    sequences: HashMap<(BranchGeneration, String), u64>,
}

pub fn entity(id: &str) -> Entity {
    Entity::Instance(InstanceRef {
        class: "Part".parse().unwrap(),
        id: id.parse().unwrap(),
    })
}

impl Story {
    pub fn new(log: MemoryLog, hints: LocalHints) -> Self {
        let stream = StreamId::first("demo".parse().unwrap());
        Self::of(log, hints, stream)
    }

    pub fn of(log: MemoryLog, hints: LocalHints, stream: StreamId) -> Self {
        let story = Self {
            stream,
            log,
            hints,
            inner: Mutex::default(),
        };
        let main = (BranchName::main(), BranchGeneration::MAIN);
        story.lock().branches.push(main);
        let mark = DatabaseMark {
            db_name: story.stream.database.clone(),
        };
        story.control(EventType::DatabaseOpened, &mark);
        story
    }

    pub fn branches(&self) -> Vec<BranchGeneration> {
        self.lock().branches.iter().map(|(_, it)| *it).collect()
    }

    pub fn event_id(&self, position: u64) -> EventId {
        let index = usize::try_from(position).unwrap();
        self.lock().envelopes[index].event_id
    }

    pub fn envelope(&self, position: u64) -> Envelope {
        self.lock().envelopes[usize::try_from(position).unwrap()].clone()
    }

    pub fn end(&self) -> u64 {
        self.lock().envelopes.len() as u64
    }

    /// Creates or updates an instance on `main`; returns the position of the event.
    pub fn put(&self, id: &str, data: Value) -> u64 {
        self.put_on(BranchGeneration::MAIN, id, Some(data), &[])
    }

    /// Creates an instance, with a command before it only where a bulk begins.
    pub fn put_bulk(&self, id: &str, data: Value, begins: bool) -> u64 {
        let branch = BranchGeneration::MAIN;
        let event = InstanceEvent {
            db_name: self.stream.database.clone(),
            branch: BranchName::main(),
            class_id: "Part".parse().unwrap(),
            instance_id: id.parse().unwrap(),
            created_at: Timestamp::from_micros(1),
            data: Some(Json::from(data).read().unwrap()),
            unique: UniqueChange::default(),
            superseded: None,
        };
        let aggregate = event.aggregate();
        if begins {
            self.command(
                EventType::BulkCreateInstancesRequested,
                &aggregate,
                Some(branch),
            );
        }
        self.domain(EventType::InstanceCreated, aggregate, Some(branch), &event)
    }

    pub fn delete(&self, id: &str) -> u64 {
        self.put_on(BranchGeneration::MAIN, id, None, &[])
    }

    /// Writes an instance on a branch; if any branches are named, the event carries the superseded
    /// version that they still show.
    pub fn put_on(
        &self,
        branch: BranchGeneration,
        id: &str,
        data: Option<Value>,
        shown_by: &[BranchGeneration],
    ) -> u64 {
        let name = self.name(branch);
        let superseded = self.find_superseded(branch, id);
        let is_first = superseded.is_none() && self.sequence(branch, id) == 0;
        let event = InstanceEvent {
            db_name: self.stream.database.clone(),
            branch: name,
            class_id: "Part".parse().unwrap(),
            instance_id: id.parse().unwrap(),
            created_at: Timestamp::from_micros(1),
            data: data
                .as_ref()
                .map(|data| Json::of(data).unwrap().read().unwrap()),
            unique: UniqueChange::default(),
            superseded: superseded.filter(|_| !shown_by.is_empty()),
        };
        let event_type = match (&event.data, is_first) {
            (None, _) => EventType::InstanceDeleted,
            (Some(_), true) => EventType::InstanceCreated,
            (Some(_), false) => EventType::InstanceUpdated,
        };
        let aggregate = event.aggregate();
        self.command(EventType::UpdateInstanceRequested, &aggregate, Some(branch));
        self.domain(event_type, aggregate, Some(branch), &event)
    }

    pub fn class(&self, class: &str, definition: Value) -> u64 {
        let branch = BranchGeneration::MAIN;
        let event = ClassEvent {
            db_name: self.stream.database.clone(),
            branch: BranchName::main(),
            class_id: class.parse().unwrap(),
            class: Some(definition.into()),
            created_at: Timestamp::from_micros(1),
            superseded: None,
        };
        let aggregate = AggregateId::OntologyClass(
            self.stream.database.clone(),
            event.branch.clone(),
            event.class_id.clone(),
        );
        self.command(
            EventType::CreateOntologyClassRequested,
            &aggregate,
            Some(branch),
        );
        self.domain(
            EventType::OntologyClassCreated,
            aggregate,
            Some(branch),
            &event,
        )
    }

    pub fn branch(&self, name: &str) -> BranchGeneration {
        let position = LogPosition(self.end());
        let name: BranchName = name.parse().unwrap();
        let event = BranchCreated {
            contains: Vec::new(),
            db_name: self.stream.database.clone(),
            branch: name.clone(),
            from: BranchAt {
                name: BranchName::main(),
                generation: BranchGeneration::MAIN,
            },
            from_position: LogPosition(position.0 - 1),
            base: Lineage::main().at(LogPosition(position.0 - 1)),
        };
        let aggregate = AggregateId::Branch(self.stream.database.clone(), name.clone());
        self.domain(EventType::BranchCreated, aggregate, None, &event);
        let generation = BranchGeneration(position);
        self.lock().branches.push((name, generation));
        generation
    }

    pub fn delete_branch(&self, generation: BranchGeneration) {
        let name = self.name(generation);
        let event = BranchDeleted {
            db_name: self.stream.database.clone(),
            branch: name.clone(),
            branch_generation: generation,
        };
        let aggregate = AggregateId::Branch(self.stream.database.clone(), name);
        self.domain(EventType::BranchDeleted, aggregate, None, &event);
    }

    /// Writes an event of an instance whose data has another shape.
    pub fn put_unreadable(&self, id: &str) -> u64 {
        let aggregate = AggregateId::Instance(
            self.stream.database.clone(),
            BranchName::main(),
            "Part".parse().unwrap(),
            id.parse().unwrap(),
        );
        let branch = Some(BranchGeneration::MAIN);
        let data = json!({"class_id": "Part"});
        self.domain(EventType::InstanceUpdated, aggregate, branch, &data)
    }

    /// Writes a branch whose data has another shape.
    pub fn put_unreadable_branch(&self, name: &str) -> u64 {
        let database = self.stream.database.clone();
        let aggregate = AggregateId::Branch(database, name.parse().unwrap());
        let data = json!({"branch": name});
        self.domain(EventType::BranchCreated, aggregate, None, &data)
    }

    pub fn discard(&self, handler: &str, position: u64) {
        let envelope = self.envelope(position);
        let event = EventDiscarded {
            db_name: self.stream.database.clone(),
            handler: handler.to_owned(),
            event_id: envelope.event_id,
            event_position: envelope.position,
            aggregate_id: envelope.aggregate.to_string(),
            reason: String::new(),
        };
        self.control(EventType::EventDiscarded, &event);
    }

    pub fn seal(&self) {
        let mark = DatabaseMark {
            db_name: self.stream.database.clone(),
        };
        self.control(EventType::DatabaseSealed, &mark);
    }

    /// Writes a small story with every kind of event.
    pub fn tell(&self) {
        self.class("Part", json!({"id": "Part", "label": "Part"}));
        for number in 0..8 {
            let data = json!({"name": format!("part {number}"), "madeOf": ["Part/p1", "Part/p2"]});
            self.put(&format!("p{number}"), data);
        }
        let branch = self.branch("what-if");
        self.put_on(branch, "p1", Some(json!({"name": "other"})), &[]);
        self.put_on(
            BranchGeneration::MAIN,
            "p2",
            Some(json!({"name": "new"})),
            &[branch],
        );
        self.put("p3", json!({"name": "third"}));
        self.put("p3", json!({"name": "third again"}));
        self.delete("p4");
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn name(&self, generation: BranchGeneration) -> BranchName {
        let inner = self.lock();
        let found = inner.branches.iter().find(|(_, it)| *it == generation);
        found.unwrap().0.clone()
    }

    fn sequence(&self, branch: BranchGeneration, id: &str) -> u64 {
        let key = format!("{}:{}:Part:{id}", self.stream.database, self.name(branch));
        self.lock()
            .sequences
            .get(&(branch, key))
            .copied()
            .unwrap_or(0)
    }

    fn find_superseded(&self, branch: BranchGeneration, id: &str) -> Option<Superseded> {
        let aggregate = format!("{}:{}:Part:{id}", self.stream.database, self.name(branch));
        let inner = self.lock();
        let before = inner.envelopes.iter().rev().find(|envelope| {
            envelope.metadata.kind == Kind::Domain
                && envelope.generation.branch == Some(branch)
                && envelope.aggregate.to_string() == aggregate
        })?;
        let event: InstanceEvent = before.data.read().unwrap();
        Some(Superseded {
            event_id: before.event_id,
            sequence_number: before.sequence.unwrap(),
            position: before.position,
            occurred_at: before.occurred_at,
            created_at: event.created_at,
            data: Json::of(&event.data.unwrap()).unwrap(),
        })
    }

    fn command(&self, kind: EventType, aggregate: &AggregateId, branch: Option<BranchGeneration>) {
        let data = json!({"action": "whatever", "filler": "x".repeat(50)});
        self.append(Kind::Command, kind, aggregate.clone(), branch, None, &data);
    }

    fn control<T: Serialize>(&self, event_type: EventType, data: &T) {
        let aggregate = AggregateId::Database(self.stream.database.clone());
        self.append(Kind::Control, event_type, aggregate, None, None, data);
    }

    fn domain<T: Serialize>(
        &self,
        event_type: EventType,
        aggregate: AggregateId,
        branch: Option<BranchGeneration>,
        data: &T,
    ) -> u64 {
        let key = (
            branch.unwrap_or(BranchGeneration::MAIN),
            aggregate.to_string(),
        );
        let sequence = {
            let mut inner = self.lock();
            let on_main = (BranchGeneration::MAIN, key.1.replacen("what-if", "main", 1));
            let inherited = inner.sequences.get(&on_main).copied().unwrap_or(0);
            let sequence = inner.sequences.entry(key).or_insert(inherited);
            *sequence += 1;
            Sequence(*sequence)
        };
        self.append(
            Kind::Domain,
            event_type,
            aggregate,
            branch,
            Some(sequence),
            data,
        )
    }

    fn append<T: Serialize>(
        &self,
        kind: Kind,
        event_type: EventType,
        aggregate: AggregateId,
        branch: Option<BranchGeneration>,
        sequence: Option<Sequence>,
        data: &T,
    ) -> u64 {
        let mut inner = self.lock();
        let position = LogPosition(inner.envelopes.len() as u64);
        let command = CommandId(Uuid::from_u128(u128::from(position.0) + 1));
        let envelope = Envelope {
            event_id: EventId(command.0),
            event_type,
            aggregate,
            occurred_at: Timestamp::from_micros(1_700_000_000_000_000),
            actor: None,
            data: Json::of(data).unwrap(),
            metadata: Metadata {
                kind,
                command_id: command,
                command_type: None,
                service: "test".to_owned(),
                correlation_id: command.0,
                causation_id: None,
                traceparent: None,
                ontology: None,
                payload_digest: None,
                client: None,
                run_id: None,
                code_sha: None,
            },
            sequence,
            position,
            database: self.stream.database.clone(),
            generation: Generations {
                database: self.stream.generation,
                branch,
            },
            chain: None,
        };
        let batch = Batch {
            first: position,
            lines: vec![envelope.to_line().unwrap().into()],
        };
        self.log.append_late(&self.stream, batch).unwrap();
        if position == LogPosition::ZERO {
            self.hints.give(&Topic::Logs);
        }
        self.hints.give(&Topic::Log(self.stream.clone()));
        inner.envelopes.push(envelope);
        position.0
    }
}
