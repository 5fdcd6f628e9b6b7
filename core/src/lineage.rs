//! The lineage of a branch, which reads follow: its own changes, then its parent at the branch
//! point, then the parent's parent … (design, Branches).

use serde::{Deserialize, Serialize};

use crate::{
    id::{BranchGeneration, LogPosition, StreamId},
    name::BranchName,
};

/// One layer of a lineage: a branch at a position.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Level {
    /// The branch's name, used in index names.
    pub name: BranchName,
    /// Its generation.
    pub generation: BranchGeneration,
    /// The last visible position, inclusive.
    pub until: LogPosition,
}

/// The layers that a read follows: the branch itself first, `main` last. The first layer that has
/// the aggregate (as a state or a tombstone) determines it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(Vec<Level>);

impl Lineage {
    /// The lineage of `main`: only itself.
    pub fn main() -> Self {
        Self(vec![Level {
            name: BranchName::main(),
            generation: BranchGeneration::MAIN,
            until: LogPosition::MAX,
        }])
    }

    /// A lineage of one layer, without its parents.
    pub fn only(level: Level) -> Self {
        Self(vec![level])
    }

    /// The lineage of a branch on top of this lineage at `position`.
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

    /// A lineage on top of a stored base ([`crate::event::BranchCreated`]).
    pub fn above(name: BranchName, generation: BranchGeneration, base: &Self) -> Self {
        let mut levels = vec![Level {
            name,
            generation,
            until: LogPosition::MAX,
        }];
        levels.extend(base.0.iter().cloned());
        Self(levels)
    }

    /// This lineage at `position`.
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

    /// The depth of a branch in the layers; none if the lineage does not contain it.
    pub fn depth(&self, generation: BranchGeneration) -> Option<usize> {
        let mut levels = self.0.iter();
        levels.position(|level| level.generation == generation)
    }

    /// The branch itself.
    pub fn own(&self) -> Option<&Level> {
        self.0.first()
    }

    /// The branch points: the parents with their positions.
    pub fn points(&self) -> &[Level] {
        self.0.get(1..).unwrap_or_default()
    }

    /// The layers from one branch down: that branch as this lineage shows it.
    pub fn down_from(&self, generation: BranchGeneration) -> Option<Self> {
        let depth = self.depth(generation)?;
        Some(Self(self.0[depth..].to_vec()))
    }

    /// The spans that this lineage contains and `base` does not.
    pub fn spans_beyond(&self, base: &Self) -> Vec<Span> {
        let shown = |level: &Level| {
            let mut known = base.0.iter();
            known.find(|known| known.generation == level.generation)
        };
        self.0
            .iter()
            .map(|level| Span {
                generation: level.generation,
                after: shown(level).map(|known| known.until),
                until: level.until,
            })
            .filter(|span| span.after.is_none_or(|after| after < span.until))
            .collect()
    }

    /// Whether a version that was written on `generation` at `position` is visible.
    pub fn shows(&self, generation: BranchGeneration, position: LogPosition) -> bool {
        self.0
            .iter()
            .any(|level| level.generation == generation && position <= level.until)
    }
}

/// A span of positions of one branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The branch.
    pub generation: BranchGeneration,
    /// The position before the first; none starts at the branch's beginning.
    pub after: Option<LogPosition>,
    /// The last position, inclusive.
    pub until: LogPosition,
}

impl Span {
    /// Whether the span contains a position of the branch.
    pub fn holds(&self, position: LogPosition) -> bool {
        self.after.is_none_or(|after| position > after) && position <= self.until
    }
}

/// The view of a read: a log, and its visible layers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// The log (a generation of a database).
    pub stream: StreamId,
    /// The visible layers.
    pub lineage: Lineage,
}
