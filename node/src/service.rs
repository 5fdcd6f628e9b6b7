//! The services of a process.

use std::fmt;

/// A service of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The api for clients.
    Gateway,
    /// The ontology management service.
    Oms,
    /// The funnel.
    Funnel,
    /// Metrics and health checks only; the one service of a process that only runs workers.
    Metrics,
}

impl Service {
    /// The name of the service.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Oms => "oms",
            Self::Funnel => "funnel",
            Self::Metrics => "metrics",
        }
    }

    /// Whether it shows or changes data, so that someone must have said who may call.
    pub(crate) fn needs_principals(self) -> bool {
        self != Self::Metrics
    }

    /// Whether it accepts commands, so that the process appends to logs.
    pub(crate) fn accepts_commands(self) -> bool {
        matches!(self, Self::Gateway | Self::Oms)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
