//! What a replay is asked to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::Violation,
    handler::Projection,
    id::{BranchGeneration, LogPosition},
    name::{BranchName, ClassName, InstanceId},
    port::entity::Entity,
};

/// How projections are rebuilt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Strategy {
    /// A copy is built beside the live one, and takes its place.
    #[default]
    BlueGreen,
    /// What differs from the log is rewritten in the live one.
    InPlace,
}

impl Strategy {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlueGreen => "BlueGreen",
            Self::InPlace => "InPlace",
        }
    }
}

/// Whether a person must approve the swap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Approval {
    /// Nobody has to.
    #[default]
    None,
    /// A person approves after the comparison.
    Manual,
}

impl Approval {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Manual => "Manual",
        }
    }
}

/// Classes or instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Part {
    /// The classes.
    Ontologies,
    /// The instances.
    Instances,
}

/// A branch, as it was when the replay was requested.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BranchScope {
    /// Its name.
    pub name: BranchName,
    /// Its generation.
    pub generation: BranchGeneration,
}

/// What is rewritten in place. Each restriction that is given must be met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// What was written on this branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchScope>,
    /// Classes or instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// This class and its instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassName>,
    /// The instance of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// What was written at this position of the log or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<LogPosition>,
}

impl Scope {
    /// Whether it restricts nothing.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an entity of a branch is meant, whenever it was written.
    pub fn covers(&self, branch: BranchGeneration, entity: &Entity) -> bool {
        let (class, instance) = match entity {
            Entity::Class(class) => (class, None),
            Entity::Instance(instance) => (&instance.class, Some(&instance.id)),
        };
        let is_part = |part: &Part| (*part == Part::Instances) == instance.is_some();
        self.branch
            .as_ref()
            .is_none_or(|it| it.generation == branch)
            && self.part.as_ref().is_none_or(is_part)
            && self.class.as_ref().is_none_or(|it| it == class)
            && self.instance.as_ref().is_none_or(|it| Some(it) == instance)
    }
}

/// What a replay is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReplayRequest {
    /// The projections, each once.
    pub targets: Vec<Projection>,
    /// How.
    pub strategy: Strategy,
    /// Whether the result is compared with the log.
    pub verify: bool,
    /// Whether a person must approve.
    pub approval: Approval,
    /// Whether the former live sinks are kept until somebody drops them.
    pub keep_old: bool,
    /// What is rewritten in place; everything with [`Strategy::BlueGreen`].
    #[serde(default)]
    pub scope: Scope,
}

impl ReplayRequest {
    /// A copy of projections that takes the place of the live ones.
    pub fn blue_green(targets: impl IntoIterator<Item = Projection>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            strategy: Strategy::BlueGreen,
            verify: true,
            approval: Approval::None,
            keep_old: false,
            scope: Scope::default(),
        }
    }

    /// The live projections, rewritten where they differ from the log.
    pub fn in_place(targets: impl IntoIterator<Item = Projection>, scope: Scope) -> Self {
        Self {
            strategy: Strategy::InPlace,
            scope,
            ..Self::blue_green(targets)
        }
    }

    /// What does not fit together, by field.
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let targets = &self.targets;
        let is_repeated = (0..targets.len()).any(|at| targets[..at].contains(&targets[at]));
        if targets.is_empty() || is_repeated {
            let names: Vec<&str> = targets.iter().map(|it| it.as_str()).collect();
            let message = "targets must name each projection at most once, and at least one";
            found.push(Violation::new("targets", "targets", names, message));
        }
        let is_copied = self.strategy == Strategy::BlueGreen;
        let scope = &self.scope;
        for (field, is_given) in [
            ("branch", scope.branch.is_some()),
            ("from", scope.from.is_some()),
        ] {
            if is_copied && is_given {
                let message = format!(
                    "{field} needs the strategy InPlace: a copy is always built from the whole log"
                );
                found.push(Violation::new(
                    field,
                    "strategy",
                    self.strategy.as_str(),
                    message,
                ));
            }
        }
        found
    }
}
