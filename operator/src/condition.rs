//! Conditions: their types, their reasons, and how new ones replace old ones.

use spice_crds::{Condition, ConditionStatus};

/// The types of conditions.
pub mod kind {
    /// The declared state is applied and projected.
    pub const READY: &str = "Ready";
    /// The api has the declared state.
    pub const SYNCED: &str = "Synced";
    /// Present only when true: work is in progress.
    pub const RECONCILING: &str = "Reconciling";
    /// Present only when true: the api differs from the declaration, and the policy is to report
    /// it.
    pub const DRIFTED: &str = "Drifted";
    /// Present only when true: the declared thing could not be deleted.
    pub const DELETION_BLOCKED: &str = "DeletionBlocked";
}

/// The reasons of conditions.
pub mod reason {
    /// Applied and projected.
    pub const AVAILABLE: &str = "Available";
    /// The api has the declared state.
    pub const SYNCED: &str = "Synced";
    /// The declaration breaks a rule.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// The api differs in a field that cannot be changed.
    pub const IMMUTABLE: &str = "Immutable";
    /// A thing that the declaration refers to does not exist.
    pub const REF_NOT_FOUND: &str = "RefNotFound";
    /// A command waits for the projections.
    pub const COMMAND_PENDING: &str = "CommandPending";
    /// The api refused the command.
    pub const COMMAND_REJECTED: &str = "CommandRejected";
    /// The command was accepted, then discarded.
    pub const COMMAND_FAILED: &str = "CommandFailed";
    /// The api still differs although it accepted the declaration.
    pub const STILL_DIFFERENT: &str = "StillDifferent";
    /// The api is unavailable.
    pub const API_UNAVAILABLE: &str = "ApiUnavailable";
    /// The state changed during the write, or another object declares the same thing.
    pub const CONFLICT: &str = "Conflict";
    /// The api differs from the declaration.
    pub const DRIFTED: &str = "Drifted";
    /// `spec.suspend` is set.
    pub const SUSPENDED: &str = "Suspended";
    /// The object is being deleted.
    pub const DELETING: &str = "Deleting";
}

/// A condition without its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// One of [`kind`].
    pub kind: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One of [`reason`].
    pub reason: &'static str,
    /// For people; constant for a given state.
    pub message: String,
}

/// Merges `drafts` into the conditions `old`. The transition time changes only with the status.
pub fn merge_conditions(
    old: &[Condition],
    drafts: &[Draft],
    generation: Option<i64>,
    now: &str,
) -> Vec<Condition> {
    let transition = |draft: &Draft| {
        old.iter()
            .find(|condition| condition.kind == draft.kind && condition.status == draft.status)
            .map_or(now, |condition| condition.last_transition_time.as_str())
            .to_owned()
    };
    drafts
        .iter()
        .map(|draft| Condition {
            kind: draft.kind.to_owned(),
            status: draft.status,
            reason: draft.reason.to_owned(),
            message: draft.message.chars().take(4_000).collect(),
            last_transition_time: transition(draft),
            observed_generation: generation,
        })
        .collect()
}
