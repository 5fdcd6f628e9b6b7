//! Conditions: their types, their reasons, and how new ones replace old ones.

use spice_crds::{Condition, ConditionStatus};

/// The types of conditions.
pub mod kind {
    /// The declared state is applied and projected.
    pub const READY: &str = "Ready";
    /// The declaration is valid, and what it refers to exists.
    pub const ACCEPTED: &str = "Accepted";
    /// The api has the declared state.
    pub const SYNCED: &str = "Synced";
    /// The projections show the declared state.
    pub const PROJECTED: &str = "Projected";
    /// Present only when true: work is in progress.
    pub const RECONCILING: &str = "Reconciling";
    /// Present only when true: nothing happens until a person acts.
    pub const STALLED: &str = "Stalled";
    /// Present only when true: the api differs from the declaration, and the policy is to report
    /// it.
    pub const DRIFTED: &str = "Drifted";
    /// Present only when true: the declared thing could not be deleted.
    pub const DELETION_BLOCKED: &str = "DeletionBlocked";
    /// Of a job: it has done what it should.
    pub const COMPLETE: &str = "Complete";
    /// Of a job: it has ended without that.
    pub const FAILED: &str = "Failed";
    /// Of a job: it is paused.
    pub const SUSPENDED: &str = "Suspended";

    /// All types.
    pub const ALL: [&str; 11] = [
        READY,
        ACCEPTED,
        SYNCED,
        PROJECTED,
        RECONCILING,
        STALLED,
        DRIFTED,
        DELETION_BLOCKED,
        COMPLETE,
        FAILED,
        SUSPENDED,
    ];
    /// The types that are always present on a job.
    pub const ALWAYS_ON_JOBS: [&str; 4] = [READY, COMPLETE, FAILED, SUSPENDED];
    /// The types that are always present on a declaration.
    pub const ALWAYS: [&str; 4] = [READY, ACCEPTED, SYNCED, PROJECTED];
}

/// The reasons of conditions.
pub mod reason {
    /// The operator has not looked at the object yet.
    pub const PENDING: &str = "Pending";
    /// Applied and projected.
    pub const AVAILABLE: &str = "Available";
    /// The declaration is valid, and what it refers to exists.
    pub const ACCEPTED: &str = "Accepted";
    /// The api has the declared state.
    pub const SYNCED: &str = "Synced";
    /// The projections show the declared state.
    pub const CAUGHT_UP: &str = "CaughtUp";
    /// The projections do not show the declared state yet.
    pub const LAGGING: &str = "Lagging";
    /// A projection cannot apply the change; it is parked until a person retries or discards it.
    pub const PROJECTION_FAILED: &str = "ProjectionFailed";
    /// The declaration breaks a rule.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// A thing that the declaration refers to does not exist.
    pub const REF_NOT_FOUND: &str = "RefNotFound";
    /// The Database does not allow references from this namespace.
    pub const REF_NOT_ALLOWED: &str = "RefNotAllowed";
    /// The declared thing exists, has no owner, and `spec.adopt` refuses it.
    pub const NOT_ADOPTED: &str = "NotAdopted";
    /// The change loses or invalidates data: see `status.plan`.
    pub const UNSAFE_CHANGE: &str = "UnsafeChange";
    /// The api refused the command.
    pub const COMMAND_REJECTED: &str = "CommandRejected";
    /// The command was accepted, then discarded.
    pub const COMMAND_FAILED: &str = "CommandFailed";
    /// The thing was deleted in the api, and is not created again unless a person asks for it.
    pub const EXTERNALLY_DELETED: &str = "ExternallyDeleted";
    /// The api is unavailable.
    pub const API_UNAVAILABLE: &str = "ApiUnavailable";
    /// The state changed during the write, or another object owns the declared thing.
    pub const CONFLICT: &str = "Conflict";
    /// The api differs from the declaration.
    pub const DRIFTED: &str = "Drifted";
    /// `spec.suspend` is set.
    pub const SUSPENDED: &str = "Suspended";
    /// The object is being deleted.
    pub const DELETING: &str = "Deleting";
    /// Of a job: its projections are filled from the log.
    pub const FILLING: &str = "Filling";
    /// Of a job: its result is compared with the log.
    pub const COMPARING: &str = "Comparing";
    /// Of a job: a person must approve the result.
    pub const AWAITING_APPROVAL: &str = "AwaitingApproval";
    /// Of a job: its result becomes what reads see.
    pub const SWAPPING: &str = "Swapping";
    /// Of a job: what was built is dropped.
    pub const DROPPING: &str = "Dropping";
    /// Of a job: reads see its result.
    pub const COMPLETE: &str = "Complete";
    /// Of a job: somebody cancelled it in the api.
    pub const CANCELLED: &str = "Cancelled";
    /// Of a job: the api no longer has it.
    pub const REPLAY_LOST: &str = "ReplayLost";
    /// Of a job: it has failed for a reason that this operator does not know.
    pub const REPLAY_FAILED: &str = "ReplayFailed";
    /// Of a job: its result differs from the log.
    pub const PROJECTION_DIFFERS: &str = "ProjectionDiffers";
    /// Of a job: the copy refuses events that the live projection has.
    pub const EVENTS_REFUSED: &str = "EventsRefused";
    /// Of a job: somebody dropped the copy.
    pub const SHADOW_DROPPED: &str = "ShadowDropped";
    /// Of a job: the log is not the one that the stores have seen, or is damaged.
    pub const LOG_REFUSED: &str = "LogRefused";
    /// Of a job: the content of a store is damaged.
    pub const STORE_DAMAGED: &str = "StoreDamaged";
    /// Of a job: a store refuses a request.
    pub const STORE_REFUSED: &str = "StoreRefused";
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

/// The maximum number of characters in a message.
const LONGEST: usize = 4_000;

/// Merges `drafts` into the conditions `old`. A condition of `always` without a draft stays as it is;
/// any other one without a draft stays only if `keep` is set. The transition time changes only with
/// the status.
pub fn merge_conditions(
    always: &[&'static str],
    old: &[Condition],
    drafts: &[Draft],
    keep: bool,
    generation: Option<i64>,
    now: &str,
) -> Vec<Condition> {
    let missing: Vec<Draft> = always
        .iter()
        .copied()
        .filter(|kind| find(old, kind).is_none() && !drafts.iter().any(|it| it.kind == *kind))
        .map(|kind| Draft {
            kind,
            status: ConditionStatus::Unknown,
            reason: reason::PENDING,
            message: "waiting for the operator".to_owned(),
        })
        .collect();
    let mut merged: Vec<Condition> = drafts
        .iter()
        .chain(&missing)
        .map(|draft| {
            let same = find(old, draft.kind).filter(|condition| condition.status == draft.status);
            Condition {
                kind: draft.kind.to_owned(),
                status: draft.status,
                reason: draft.reason.to_owned(),
                message: draft.message.chars().take(LONGEST).collect(),
                last_transition_time: same
                    .map_or(now, |condition| condition.last_transition_time.as_str())
                    .to_owned(),
                observed_generation: generation,
            }
        })
        .collect();
    let stays = |condition: &Condition| keep || always.contains(&condition.kind.as_str());
    for condition in old {
        if find(&merged, &condition.kind).is_none() && stays(condition) {
            merged.push(condition.clone());
        }
    }
    // The order is that of the constants, then alphabetical, so that equal statuses have equal
    // bytes.
    let rank = |condition: &Condition| always.iter().position(|it| *it == condition.kind);
    merged.sort_by_key(|condition| {
        (
            rank(condition).unwrap_or(always.len()),
            condition.kind.clone(),
        )
    });
    merged
}

/// The condition of a type.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}
