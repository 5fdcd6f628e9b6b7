//! The services of the api, as the interfaces of requests.

use std::fmt;

/// A service of the api. Gateway and oms differ in paths, and in the status for a body of the wrong
/// shape (contract §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    /// The api for clients.
    Gateway,
    /// The ontology management service: older and lower-level, over the same engine.
    Oms,
    /// The funnel: schema inference; so far only health checks.
    Funnel,
    /// Metrics and health checks only; the one service of a process that only runs workers.
    Metrics,
}

impl Surface {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Oms, Self::Funnel, Self::Metrics];

    /// The name of the service.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Oms => "oms",
            Self::Funnel => "funnel",
            Self::Metrics => "metrics",
        }
    }

    /// Whether it shows or changes data, so that its callers must be declared.
    pub fn needs_principals(self) -> bool {
        self != Self::Metrics
    }

    /// Whether it accepts commands, so that the process appends to logs.
    pub fn accepts_commands(self) -> bool {
        matches!(self, Self::Gateway | Self::Oms)
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
