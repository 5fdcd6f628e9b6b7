//! Random stories of a log: branches of branches, creates, updates, deletes; and a naive reader of
//! the whole story.

use std::collections::BTreeSet;

use proptest::prelude::*;
use spice_core::{
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, Sequence},
    json::Json,
    lineage::{Lineage, View},
    name::BranchName,
    port::graph::{Entity, State, Version},
};
use uuid::Uuid;

use crate::values::{at, json, stream};

/// One step; numbers are taken modulo the number of existing things.
#[derive(Debug, Clone)]
pub enum Step {
    /// A new branch on an existing one.
    Fork { parent: usize },
    /// A change of one instance on one branch.
    Write {
        branch: usize,
        class: usize,
        id: usize,
        delete: bool,
        number: i32,
        target: usize,
    },
    /// A change of one class on one branch.
    Define {
        branch: usize,
        class: usize,
        delete: bool,
    },
}

/// Up to 40 steps.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (
        0..6_usize,
        0..2_usize,
        0..6_usize,
        0..4_u8,
        -3..4_i32,
        0..6_usize,
    )
        .prop_map(|(branch, class, id, delete, number, target)| Step::Write {
            branch,
            class,
            id,
            delete: delete == 0,
            number,
            target,
        });
    let fork = (0..6_usize).prop_map(|parent| Step::Fork { parent });
    let define =
        (0..6_usize, 0..2_usize, 0..4_u8).prop_map(|(branch, class, delete)| Step::Define {
            branch,
            class,
            delete: delete == 0,
        });
    prop::collection::vec(prop_oneof![8 => write, 2 => fork, 1 => define], 1..40)
}

/// A story in the form for the stores.
pub struct Story {
    /// Every version, in order of position.
    pub versions: Vec<Version>,
    /// Every branch, as it is visible at the end.
    pub lineages: Vec<Lineage>,
    /// The position after the last step.
    pub end: LogPosition,
}

impl Story {
    /// Plays steps; skips those that a decision would refuse.
    pub fn play(steps: &[Step]) -> Self {
        let mut story = Self {
            versions: Vec::new(),
            lineages: vec![Lineage::main()],
            end: LogPosition(1),
        };
        for step in steps {
            story.step(step);
            story.end = story.end.next();
        }
        story
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Fork { parent } => {
                let parent = self.lineages[parent % self.lineages.len()].clone();
                let name: BranchName = format!("b{}", self.end).parse().unwrap();
                let before = LogPosition(self.end.0 - 1);
                let generation = BranchGeneration(self.end);
                self.lineages.push(parent.branch(name, generation, before));
            }
            Step::Write {
                branch,
                class,
                id,
                delete,
                number,
                target,
            } => {
                let entity = Entity::Instance(instance(*class, *id));
                let target = instance(1 - *class, *target);
                let data = json(&format!(
                    r#"{{"n":{number},"s":"w{} common","link":"{target}"}}"#,
                    number.rem_euclid(3)
                ));
                let references = vec![("link".parse().unwrap(), target)];
                self.write(*branch, entity, (!delete).then_some(data), references);
            }
            Step::Define {
                branch,
                class,
                delete,
            } => {
                let entity = Entity::Class(instance(*class, 0).class);
                let data = json(&format!(r#"{{"v":{}}}"#, self.end));
                self.write(*branch, entity, (!delete).then_some(data), Vec::new());
            }
        }
    }

    fn write(
        &mut self,
        branch: usize,
        entity: Entity,
        data: Option<Json>,
        references: Vec<(spice_core::name::PropertyName, InstanceRef)>,
    ) {
        let lineage = &self.lineages[branch % self.lineages.len()];
        let before = self.show(lineage, &entity).cloned();
        let (sequence, created_at) = match &before {
            None if data.is_none() => return,
            None => (Sequence(1), at(self.end.0)),
            Some(before) if before.state.data.is_none() => return,
            Some(before) => (before.state.sequence.next(), before.state.created_at),
        };
        let references = if data.is_some() {
            references
        } else {
            Vec::new()
        };
        self.versions.push(Version {
            branch: lineage.own().unwrap().generation,
            state: State {
                entity,
                position: self.end,
                sequence,
                event_id: EventId(Uuid::from_u128(u128::from(self.end.0))),
                occurred_at: at(self.end.0),
                created_at,
                data,
            },
            references,
        });
    }

    /// The visible version, including tombstones.
    pub fn show(&self, lineage: &Lineage, entity: &Entity) -> Option<&Version> {
        lineage.levels().iter().find_map(|level| {
            self.versions.iter().rev().find(|version| {
                version.state.entity == *entity
                    && version.branch == level.generation
                    && version.state.position <= level.until
            })
        })
    }

    /// Returns every entity that was ever written.
    pub fn entities(&self) -> BTreeSet<Entity> {
        self.versions
            .iter()
            .map(|version| version.state.entity.clone())
            .collect()
    }

    /// The visible live versions.
    pub fn show_live(&self, lineage: &Lineage) -> Vec<Version> {
        self.entities()
            .iter()
            .filter_map(|entity| self.show(lineage, entity))
            .filter(|version| version.state.data.is_some())
            .cloned()
            .collect()
    }

    /// Every branch, now and at a few earlier positions.
    pub fn views(&self) -> Vec<View> {
        let cuts = [
            LogPosition::MAX,
            LogPosition(self.end.0 / 2),
            LogPosition(3),
        ];
        let views = self.lineages.iter().flat_map(|lineage| {
            cuts.iter().map(|cut| View {
                stream: stream("demo"),
                lineage: lineage.at(*cut),
            })
        });
        views.collect()
    }
}

/// An instance by numbers; ids sort differently from their numbers.
pub fn instance(class: usize, id: usize) -> InstanceRef {
    InstanceRef {
        class: ["Airport", "Flight"][class].parse().unwrap(),
        id: ["a", "B", "a-1", "a:1", "zz", "a_1"][id].parse().unwrap(),
    }
}
