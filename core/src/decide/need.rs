//! The facts that a decision asks for if the state does not contain them.

use std::collections::BTreeSet;

use crate::{
    id::BranchGeneration,
    lineage::{Lineage, Span},
    model::ModelKey,
    name::ClassName,
    port::graph::Entity,
};

/// A fact that a decision needs and the state does not contain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// The newest visible entry of a key on a branch.
    Entry(BranchGeneration, ModelKey),
    /// The live instances of a class on a branch.
    LiveInstances(LiveInstances),
    /// The classes of a branch.
    Schema(BranchGeneration),
    /// The newest entry of a key that is visible through a lineage, at any position.
    EntryAt(Lineage, ModelKey),
    /// The classes and instances that were written in spans.
    Changed(Changes),
}

/// The selection of live instances of a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiveInstances {
    /// The branch.
    pub branch: BranchGeneration,
    /// The class itself, without its subclasses.
    pub class: ClassName,
    /// The maximum that the decision uses. If there are more, the answer may be any `most + 1` of
    /// them.
    pub most: usize,
}

/// The selection of written classes and instances.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Changes {
    /// The spans.
    pub spans: Vec<Span>,
    /// Only instances of these classes; by default all.
    pub classes: Option<BTreeSet<ClassName>>,
    /// The maximum that the decision uses. If there are more, the answer may be any subset with
    /// more than `most`.
    pub most: usize,
}

impl Changes {
    /// Whether a key matches the selection, wherever it was written.
    pub fn concern(&self, key: &ModelKey) -> bool {
        match key.entity() {
            Some(Entity::Class(_)) => true,
            Some(Entity::Instance(instance)) => {
                let classes = self.classes.as_ref();
                classes.is_none_or(|classes| classes.contains(&instance.class))
            }
            None => false,
        }
    }
}
