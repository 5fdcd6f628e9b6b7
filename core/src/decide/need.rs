//! What a decision asks for when the state does not hold it.

use std::collections::BTreeSet;

use crate::{
    id::BranchGeneration,
    lineage::{Lineage, Span},
    model::ModelKey,
    name::ClassName,
    port::graph::Entity,
};

/// Something that a decision has to know, and that the state does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// The newest entry of a key that shows on a branch.
    Entry(BranchGeneration, ModelKey),
    /// The live instances of a class on a branch.
    LiveInstances(LiveInstances),
    /// The classes of a branch.
    Schema(BranchGeneration),
    /// The newest entry of a key that shows through a lineage, of whatever position.
    EntryAt(Lineage, ModelKey),
    /// The classes and instances that were written somewhere.
    Changed(Changes),
}

/// Which of the live instances of a class are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiveInstances {
    /// The branch.
    pub branch: BranchGeneration,
    /// The class itself, without the classes below it.
    pub class: ClassName,
    /// The most that the decision uses. When there are more, the answer may be any `most + 1` of them.
    pub most: usize,
}

/// Which of the classes and instances that were written are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Changes {
    /// Where they were written.
    pub spans: Vec<Span>,
    /// Of the instances only those of these classes; all of them when absent.
    pub classes: Option<BTreeSet<ClassName>>,
    /// The most that the decision uses. When there are more, the answer may be any subset that has
    /// more than `most`.
    pub most: usize,
}

impl Changes {
    /// Whether a key is of those that are asked for, wherever it was written.
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
