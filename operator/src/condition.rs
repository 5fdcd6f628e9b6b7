//! Conditions: their names, their reasons, and how new ones follow old ones.

use spice_crds::{Condition, ConditionStatus};

/// What conditions are called.
pub mod kind {
    /// All is as declared, and projected.
    pub const READY: &str = "Ready";
    /// The api has what is declared.
    pub const SYNCED: &str = "Synced";
    /// Only when true: work is under way.
    pub const RECONCILING: &str = "Reconciling";
    /// Only when true: the api has something else, and the policy is to say so.
    pub const DRIFTED: &str = "Drifted";
    /// Only when true: what is declared could not be deleted.
    pub const DELETION_BLOCKED: &str = "DeletionBlocked";
}

/// Why a condition is what it is.
pub mod reason {
    /// In force and projected.
    pub const AVAILABLE: &str = "Available";
    /// The api has what is declared.
    pub const SYNCED: &str = "Synced";
    /// The declaration breaks a rule.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// What is in the api differs in a field that cannot be changed.
    pub const IMMUTABLE: &str = "Immutable";
    /// What it refers to is not there.
    pub const REF_NOT_FOUND: &str = "RefNotFound";
    /// A command waits for the projections.
    pub const COMMAND_PENDING: &str = "CommandPending";
    /// The api refused the command.
    pub const COMMAND_REJECTED: &str = "CommandRejected";
    /// The command was accepted, then discarded.
    pub const COMMAND_FAILED: &str = "CommandFailed";
    /// The api has something else although it took the declaration.
    pub const STILL_DIFFERENT: &str = "StillDifferent";
    /// The api is away.
    pub const API_UNAVAILABLE: &str = "ApiUnavailable";
    /// The state changed while it was being written, or another object declares the same.
    pub const CONFLICT: &str = "Conflict";
    /// The api has something else.
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
    /// For people; the same for the same state.
    pub message: String,
}

/// The conditions that follow `old`: those of `drafts`, and the time of transition moves only
/// with the status.
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
