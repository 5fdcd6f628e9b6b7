//! What the changes of one command share: the branch, and what earlier changes did.

use std::{collections::HashMap, sync::Arc};

use crate::{
    decide::{
        draft::{Draft, class_not_found},
        stop::Stop,
    },
    error::{Refusal, Violation},
    id::AggregateId,
    model::{BranchState, ModelKey},
    name::{BranchName, InstanceId},
    ontology::{Class, Schema},
};

/// The branch of a command, with its classes after the command.
pub(in crate::decide) struct Scope<'a> {
    pub(in crate::decide) branch: &'a BranchState,
    pub(in crate::decide) schema: &'a Schema,
    /// The classes before the command.
    pub(in crate::decide) before: &'a Schema,
}

impl<'a> Scope<'a> {
    pub(super) fn of(draft: &Draft<'a>, branch: &'a BranchState) -> Result<Self, Stop> {
        let schema = draft.state.schema(branch)?;
        Ok(Self {
            branch,
            schema,
            before: schema,
        })
    }

    /// The scope of a live branch.
    pub(super) fn find(draft: &Draft<'a>, branch: &BranchName) -> Result<Self, Stop> {
        Self::of(draft, draft.branch(branch)?)
    }

    /// A class by id or label.
    pub(super) fn class(&self, name: &str) -> Result<&'a Arc<Class>, Refusal> {
        self.schema
            .resolve(name)
            .ok_or_else(|| class_not_found(name))
    }

    /// The class of an instance that is deleted: the command may delete the class, too.
    pub(super) fn class_of_deleted(&self, name: &str) -> Result<&'a Arc<Class>, Refusal> {
        let known = self.before.resolve(name);
        known.map_or_else(|| self.class(name), Ok)
    }
}

/// The effects of earlier changes of the same command, which the state does not contain yet.
#[derive(Default)]
pub(in crate::decide) struct Pending {
    /// Instances that were created (true) or deleted (false).
    pub(super) instances: HashMap<ModelKey, bool>,
    pub(super) owners: HashMap<ModelKey, Option<InstanceId>>,
    /// The collision with other changes, if that is why the last change was refused.
    pub(super) collision: Option<Collision>,
}

/// The other changes that have an instance's unique values or id.
pub(super) struct Collision {
    pub(super) instance: ModelKey,
    pub(super) with: Vec<ModelKey>,
}

impl Pending {
    /// Refuses an instance that already occurs in the command.
    pub(super) fn refuse_twice(
        &mut self,
        key: &ModelKey,
        aggregate: &AggregateId,
    ) -> Result<(), Refusal> {
        if !self.instances.contains_key(key) {
            return Ok(());
        }
        self.collision = Some(Collision {
            with: vec![key.clone()],
            instance: key.clone(),
        });
        let message = format!("{aggregate} occurs twice in this command; it may occur only once");
        let violation = Violation::new("instance_id", "unique", aggregate.to_string(), message);
        Err(Refusal::validation(&[violation]))
    }
}
