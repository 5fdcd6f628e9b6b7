//! The content of the log, read in the simplest way: lists and loops, nothing shared with the
//! tested code except the shapes of envelopes and events.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use anyhow::{Context, ensure};
use spice_core::{
    envelope::{Envelope, EventType, Kind},
    event::{BranchCreated, BranchDeleted, BranchRebased, ClassEvent, InstanceEvent, Superseded},
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::Lineage,
    model::is_past,
    name::BranchName,
    port::graph::Entity,
};
use spice_testing::MemoryLog;

/// One version of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The branch where it was written.
    pub branch: BranchGeneration,
    /// The entity.
    pub entity: Entity,
    /// Its position.
    pub position: LogPosition,
    /// Its sequence.
    pub sequence: Sequence,
    /// Its event.
    pub event_id: EventId,
    /// The state; none for a tombstone.
    pub data: Option<Json>,
}

/// The content of one log.
#[derive(Debug, Default)]
pub struct Story {
    /// Every envelope.
    pub envelopes: Vec<Envelope>,
    /// Every version, in order.
    pub facts: Vec<Fact>,
    /// For each fact, the version that it supersedes, if the event carries it.
    superseded: Vec<Option<Superseded>>,
    /// The branches that are live at the end.
    pub branches: BTreeMap<BranchName, (BranchGeneration, Lineage)>,
    /// Points of live branches that were created after the log had passed the position: what they
    /// show there is read from the log.
    past: BTreeMap<BranchGeneration, Vec<Point>>,
    /// Every branch that ever existed.
    pub generations: BTreeSet<BranchGeneration>,
}

/// A parent branch, and the position at which a child sees it.
type Point = (BranchGeneration, LogPosition);

/// The place of an entity: the branch that it is written on.
pub type Place = (BranchGeneration, Entity);

/// The place of a document: its entity, and the positions at which a superseded version was
/// current.
pub type Shelf = (Place, Option<(LogPosition, LogPosition)>);

impl Story {
    /// Reads a log.
    pub fn read(log: &MemoryLog, stream: &StreamId) -> anyhow::Result<Self> {
        let mut story = Self::default();
        story.branches.insert(
            BranchName::main(),
            (BranchGeneration::MAIN, Lineage::main()),
        );
        story.generations.insert(BranchGeneration::MAIN);
        for (position, line) in (0..).zip(log.lines(stream)) {
            let envelope = Envelope::from_line(&line)
                .with_context(|| format!("{stream} at {position} cannot be read"))?;
            ensure!(
                envelope.position == LogPosition(position),
                "{stream} at {position} says {}",
                envelope.position
            );
            if envelope.metadata.kind == Kind::Domain {
                story.apply(&envelope)?;
            }
            story.envelopes.push(envelope);
        }
        Ok(story)
    }

    fn apply(&mut self, envelope: &Envelope) -> anyhow::Result<()> {
        match envelope.event_type {
            EventType::BranchCreated => {
                let event: BranchCreated = envelope.data.read()?;
                let generation = BranchGeneration(envelope.position);
                let lineage = Lineage::above(event.branch.clone(), generation, &event.base);
                self.generations.insert(generation);
                if is_past(event.from_position, envelope.position) {
                    let levels = event.base.levels().iter();
                    let points = levels.map(|level| (level.generation, level.until));
                    self.past.insert(generation, points.collect());
                }
                self.branches.insert(event.branch, (generation, lineage));
            }
            EventType::BranchRebased => {
                let event: BranchRebased = envelope.data.read()?;
                let generation = BranchGeneration(envelope.position);
                let lineage = Lineage::above(event.branch.clone(), generation, &event.base);
                self.generations.insert(generation);
                self.branches.insert(event.branch, (generation, lineage));
            }
            EventType::BranchDeleted => {
                let event: BranchDeleted = envelope.data.read()?;
                self.branches.remove(&event.branch);
            }
            EventType::OntologyClassCreated
            | EventType::OntologyClassUpdated
            | EventType::OntologyClassDeleted => {
                let event: ClassEvent = envelope.data.read()?;
                let entity = Entity::Class(event.class_id);
                self.add(envelope, entity, event.class, event.superseded);
            }
            EventType::InstanceCreated
            | EventType::InstanceUpdated
            | EventType::InstanceDeleted => {
                let event: InstanceEvent = envelope.data.read()?;
                let data = event.data.as_ref().map(Json::of).transpose()?;
                let entity = Entity::Instance(InstanceRef {
                    class: event.class_id,
                    id: event.instance_id,
                });
                self.add(envelope, entity, data, event.superseded);
            }
            _ => {}
        }
        Ok(())
    }

    fn add(
        &mut self,
        envelope: &Envelope,
        entity: Entity,
        data: Option<Json>,
        superseded: Option<Superseded>,
    ) {
        self.facts.push(Fact {
            branch: envelope.generation.branch.unwrap_or(BranchGeneration::MAIN),
            entity,
            position: envelope.position,
            sequence: envelope.sequence.unwrap_or_default(),
            event_id: envelope.event_id,
            data,
        });
        self.superseded.push(superseded);
    }

    /// Returns every entity that was ever written.
    pub fn entities(&self) -> BTreeSet<Entity> {
        self.facts.iter().map(|fact| fact.entity.clone()).collect()
    }

    /// Returns the newest version of each entity on each branch that it was written on.
    pub fn newest(&self) -> BTreeMap<Place, Fact> {
        self.facts
            .iter()
            .map(|fact| ((fact.branch, fact.entity.clone()), fact.clone()))
            .collect()
    }

    /// Returns every expected document, without the events at `skipped` positions: the latest of
    /// each place, and those superseded versions in events that a live branch shows.
    pub fn documents(&self, skipped: &BTreeSet<LogPosition>) -> BTreeMap<Shelf, Fact> {
        let mut documents: BTreeMap<Shelf, Fact> = BTreeMap::new();
        let facts = self.facts.iter().zip(&self.superseded);
        for (fact, superseded) in facts.filter(|(fact, _)| !skipped.contains(&fact.position)) {
            let place = (fact.branch, fact.entity.clone());
            let range = |old: &Superseded| old.position..fact.position;
            if let Some(old) = superseded
                && old.position >= fact.branch.0
                && self.has_point_within(fact.branch, &range(old))
            {
                let version = Fact {
                    branch: fact.branch,
                    entity: fact.entity.clone(),
                    position: old.position,
                    sequence: old.sequence_number,
                    event_id: old.event_id,
                    data: Some(old.data.clone()),
                };
                let until = LogPosition(fact.position.0 - 1);
                documents.insert((place.clone(), Some((old.position, until))), version);
            }
            documents.insert((place, None), fact.clone());
        }
        documents
    }

    /// Returns whether a superseded version may exist although no event carries it: a live branch
    /// was created at a past position, and shows it.
    pub fn may_show_past(&self, (place, range): &Shelf) -> bool {
        let Some((from, until)) = range else {
            return false;
        };
        let live = self.branches.values();
        live.filter_map(|(generation, _)| self.past.get(generation))
            .flatten()
            .any(|(branch, at)| *branch == place.0 && (*from..=*until).contains(at))
    }

    /// Returns whether a live branch has its point on another one within a range.
    fn has_point_within(&self, branch: BranchGeneration, range: &Range<LogPosition>) -> bool {
        let mut lineages = self.branches.values().map(|(_, lineage)| lineage.levels());
        lineages.any(|levels| {
            let mut below = levels.iter().skip(1);
            below.any(|level| level.generation == branch && range.contains(&level.until))
        })
    }

    /// Returns what a read through a lineage shows of an entity: the newest version on the first
    /// layer that has one.
    pub fn show(
        &self,
        lineage: &Lineage,
        entity: &Entity,
        skipped: &BTreeSet<LogPosition>,
    ) -> Option<&Fact> {
        lineage.levels().iter().find_map(|level| {
            self.facts.iter().rev().find(|fact| {
                fact.branch == level.generation
                    && fact.entity == *entity
                    && fact.position <= level.until
                    && !skipped.contains(&fact.position)
            })
        })
    }

    /// Returns the positions at which an entity was written, as far as a lineage shows them.
    pub fn history(&self, lineage: &Lineage, entity: &Entity) -> Vec<LogPosition> {
        self.facts
            .iter()
            .filter(|fact| fact.entity == *entity && lineage.shows(fact.branch, fact.position))
            .map(|fact| fact.position)
            .collect()
    }
}
