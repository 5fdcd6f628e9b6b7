//! What a read on a branch looks through: its own changes, then its parent as it stood at the
//! branch point, then the parent's parent … (design, Branches).

use serde::{Deserialize, Serialize};

use crate::{
    id::{BranchGeneration, LogPosition, StreamId},
    name::BranchName,
};

/// One layer of a lineage: a branch, as it stood at a position.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Level {
    /// The branch's name, for the names of its indices.
    pub name: BranchName,
    /// Which one of that name.
    pub generation: BranchGeneration,
    /// The last position that shows, inclusive.
    pub until: LogPosition,
}

/// The layers that a read looks through, the branch itself first, `main` last. The first layer
/// that knows an aggregate (a tombstone is knowing) tells its state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(Vec<Level>);

impl Lineage {
    /// The lineage of `main`: itself and nothing below.
    pub fn main() -> Self {
        Self(vec![Level {
            name: BranchName::main(),
            generation: BranchGeneration::MAIN,
            until: LogPosition::MAX,
        }])
    }

    /// The lineage of a branch that stands on this lineage as it stood at `position`.
    #[must_use]
    pub fn branch(
        &self,
        name: BranchName,
        generation: BranchGeneration,
        position: LogPosition,
    ) -> Self {
        let mut levels = vec![Level {
            name,
            generation,
            until: LogPosition::MAX,
        }];
        levels.extend(self.at(position).0);
        Self(levels)
    }

    /// The same lineage, above a base that was written down ([`crate::event::BranchCreated`]).
    pub fn above(name: BranchName, generation: BranchGeneration, base: &Self) -> Self {
        let mut levels = vec![Level {
            name,
            generation,
            until: LogPosition::MAX,
        }];
        levels.extend(base.0.iter().cloned());
        Self(levels)
    }

    /// This lineage as it stood at `position`.
    #[must_use]
    pub fn at(&self, position: LogPosition) -> Self {
        Self(
            self.0
                .iter()
                .map(|level| Level {
                    until: level.until.min(position),
                    ..level.clone()
                })
                .collect(),
        )
    }

    /// The layers, the branch itself first.
    pub fn levels(&self) -> &[Level] {
        &self.0
    }

    /// The branch itself.
    pub fn own(&self) -> Option<&Level> {
        self.0.first()
    }

    /// Whether a version that was written on `generation` at `position` lies within what shows.
    pub fn shows(&self, generation: BranchGeneration, position: LogPosition) -> bool {
        self.0
            .iter()
            .any(|level| level.generation == generation && position <= level.until)
    }
}

/// What a read stands on: a log, and what shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// The log (a generation of a database).
    pub stream: StreamId,
    /// The layers that show.
    pub lineage: Lineage,
}
