//! The names of the stores, each written once.

use std::fmt;

use crate::handler::Projection;

/// A store behind a port, as errors, metrics and settings name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// The log.
    Log,
    /// The bus.
    Bus,
    /// The registry.
    Registry,
    /// The graph.
    Graph,
    /// The documents.
    Documents,
    /// The hints.
    Hints,
}

impl Store {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Log,
        Self::Bus,
        Self::Registry,
        Self::Graph,
        Self::Documents,
        Self::Hints,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Bus => "bus",
            Self::Registry => "registry",
            Self::Graph => Projection::Graph.as_str(),
            Self::Documents => Projection::Documents.as_str(),
            Self::Hints => "hints",
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Projection> for Store {
    fn from(projection: Projection) -> Self {
        match projection {
            Projection::Graph => Self::Graph,
            Projection::Documents => Self::Documents,
        }
    }
}
