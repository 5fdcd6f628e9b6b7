//! What the oracle finds: the violations, and the final state.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use spice_core::{id::Sequence, json::Json, name::BranchName, port::graph::Entity};

/// The final state of a run, as far as it must not depend on the faults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Final {
    /// The answer to each command: its sequence, or the code of its refusal.
    pub answers: BTreeMap<String, Result<Option<Sequence>, &'static str>>,
    /// The visible state of each live branch of each log.
    pub shown: BTreeMap<(String, BranchName, Entity), (Sequence, Option<Json>)>,
    /// The parked events: handler, aggregate, and the letter's number among its aggregate's.
    pub parked: BTreeSet<(String, String, usize)>,
}

/// All violations, and the final state.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Descriptions of the violations.
    pub wrong: Vec<String>,
    /// The final state.
    pub state: Final,
}

impl Verdict {
    /// Notes a violation.
    pub(super) fn report(&mut self, what: impl Display) {
        self.wrong.push(what.to_string());
    }

    /// Notes a violation unless the condition holds.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }
}
