//! Fourth step: the status of an object, and when to look again. Pure.

use std::time::Duration;

use spice_client::{Error, Replay, ReplayState};
use spice_crds::{Condition, ConditionStatus, ReplayJob, ReplayJobStatus};

use super::decide::has_ended;
use crate::condition::{find, kind, reason};

/// How often the progress of a running replay is shown.
const PROGRESS: Duration = Duration::from_secs(5);
/// How soon something is tried again that failed or must be waited for.
const RETRY: Duration = Duration::from_secs(10);
/// How soon an answer is followed.
const SOON: Duration = Duration::from_millis(500);

/// The types of conditions that only jobs have.
const COMPLETE: &str = "Complete";
const FAILED: &str = "Failed";
const SUSPENDED: &str = "Suspended";

use ConditionStatus::{False, True, Unknown};

/// What a pass has learned.
#[derive(Debug)]
pub(crate) enum Learned {
    /// The Database object is missing.
    NoDatabase,
    /// The state of the replay.
    Replay(Box<Replay>),
    /// The api failed or refused.
    Failure(Error),
    /// Nothing new.
    Nothing,
}

/// The status after a pass, and when to look again; none: when the object changes.
pub(crate) fn observe(
    job: &ReplayJob,
    database: Option<&str>,
    learned: &Learned,
    resync: Duration,
    now: &str,
) -> (ReplayJobStatus, Option<Duration>) {
    let mut status = job.status.clone().unwrap_or_default();
    if has_ended(job) {
        return (status, None);
    }
    status.observed_generation = job.metadata.generation;
    if let Some(database) = database {
        status.database = Some(database.to_owned());
    }
    let (drafts, next) = match learned {
        Learned::Nothing => return (status, Some(resync)),
        Learned::NoDatabase => {
            let name = &job.spec.database_ref.name;
            let message = format!("there is no Database {name}");
            (not_ready(reason::REF_NOT_FOUND, message), Some(RETRY))
        }
        Learned::Failure(error) => fail(error),
        Learned::Replay(replay) => {
            copy(&mut status, replay);
            describe(replay, resync)
        }
    };
    let generation = job.metadata.generation;
    status.conditions = merge(&status.conditions, drafts, generation, now);
    (status, next)
}

/// A condition: its type, its status, its reason, its message.
type Draft = (&'static str, ConditionStatus, String, String);

fn not_ready(reason: &str, message: String) -> Vec<Draft> {
    vec![(kind::READY, False, reason.to_owned(), message)]
}

/// A failure that passes leaves `Ready` unknown; a refusal is told, and tried again.
fn fail(error: &Error) -> (Vec<Draft>, Option<Duration>) {
    if error.is_transient() {
        let message = "the api is unavailable".to_owned();
        let reason = reason::API_UNAVAILABLE.to_owned();
        return (vec![(kind::READY, Unknown, reason, message)], Some(RETRY));
    }
    let message = match error.refusal() {
        Some(refusal) => refusal.message.clone(),
        None => error.to_string(),
    };
    let reason = if error.code() == Some("already_exists") {
        reason::CONFLICT
    } else {
        reason::COMMAND_REJECTED
    };
    (not_ready(reason, message), Some(RETRY))
}

/// Copies the progress of a replay.
fn copy(status: &mut ReplayJobStatus, replay: &Replay) {
    let number = |count: u64| i64::try_from(count).ok();
    status.external_id = Some(replay.task_id.clone());
    status.events_total = number(replay.events_total);
    status.events_replayed = number(replay.events_replayed);
    status.events_per_second = number(replay.events_per_second);
    status.digests_match = replay.digests_match;
    status.start_time.clone_from(&replay.started_at);
    if replay.state.is_finished() {
        status.completion_time.clone_from(&replay.ended_at);
    }
}

fn describe(replay: &Replay, resync: Duration) -> (Vec<Draft>, Option<Duration>) {
    let message = replay.error.as_ref().map_or_else(
        || words(replay.state).to_owned(),
        |failure| failure.message.clone(),
    );
    let ready = |status, reason: &str| (kind::READY, status, reason.to_owned(), message.clone());
    let also = |kind, reason: &str| (kind, True, reason.to_owned(), message.clone());
    match replay.state {
        ReplayState::Complete => {
            let drafts = vec![ready(True, COMPLETE), also(COMPLETE, COMPLETE)];
            (drafts, Some(SOON))
        }
        ReplayState::Failed | ReplayState::Cancelled => {
            let code = replay.error.as_ref().map_or("cancelled", |failure| &failure.code);
            let reason = camel_case(code);
            let drafts = vec![
                ready(False, &reason),
                also(FAILED, &reason),
                also(kind::STALLED, &reason),
            ];
            (drafts, Some(SOON))
        }
        _ if replay.suspended => {
            let drafts = vec![ready(False, SUSPENDED), also(SUSPENDED, SUSPENDED)];
            (drafts, Some(resync))
        }
        ReplayState::AwaitingApproval => {
            let mut waits = not_ready("AwaitingApproval", message);
            waits[0].3.push_str(
                "; set the annotation spiceharvester.dev/approve to the id in status.externalId",
            );
            (waits, Some(resync))
        }
        state => {
            let reason = camel_case(name(state));
            let drafts = vec![ready(False, &reason), also(kind::RECONCILING, &reason)];
            (drafts, Some(PROGRESS))
        }
    }
}

/// What a state means, the same at every pass.
fn words(state: ReplayState) -> &'static str {
    match state {
        ReplayState::Pending => "the replay is requested",
        ReplayState::Filling => "the copies are being filled",
        ReplayState::Comparing => "the copies are being compared with the log",
        ReplayState::AwaitingApproval => "the comparison is done",
        ReplayState::Swapping => "the copies become live",
        ReplayState::Dropping => "the copies are being dropped",
        ReplayState::Complete => "reads see the rebuilt projections",
        ReplayState::Failed => "the replay has failed; reads see what they saw before",
        ReplayState::Cancelled => "the replay was cancelled; reads see what they saw before",
        ReplayState::Unknown => "the replay is in a state that this operator does not know",
    }
}

fn name(state: ReplayState) -> &'static str {
    match state {
        ReplayState::Pending => "pending",
        ReplayState::Filling => "filling",
        ReplayState::Comparing => "comparing",
        ReplayState::AwaitingApproval => "awaiting_approval",
        ReplayState::Swapping => "swapping",
        ReplayState::Dropping => "dropping",
        ReplayState::Complete => "complete",
        ReplayState::Failed => "failed",
        ReplayState::Cancelled => "cancelled",
        ReplayState::Unknown => "unknown",
    }
}

/// A code as the reason of a condition: `projection_differs` is `ProjectionDiffers`.
fn camel_case(code: &str) -> String {
    let parts = code.split('_').map(|part| {
        let mut letters = part.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    parts.collect()
}

/// The conditions of a pass. `Ready`, `Complete`, `Failed` and `Suspended` are always there, the
/// others only when true. The transition time changes only with the status.
fn merge(
    old: &[Condition],
    drafts: Vec<Draft>,
    generation: Option<i64>,
    now: &str,
) -> Vec<Condition> {
    let absent = [COMPLETE, FAILED, SUSPENDED].into_iter();
    let absent = absent.filter(|kind| drafts.iter().all(|draft| draft.0 != *kind));
    let absent: Vec<Draft> = absent
        .map(|kind| (kind, False, format!("Not{kind}"), String::new()))
        .collect();
    let all = drafts.into_iter().chain(absent);
    let mut merged: Vec<Condition> = all
        .map(|(kind, status, reason, message)| {
            let same = find(old, kind).filter(|condition| condition.status == status);
            Condition {
                kind: kind.to_owned(),
                status,
                reason,
                message,
                last_transition_time: same
                    .map_or(now, |condition| condition.last_transition_time.as_str())
                    .to_owned(),
                observed_generation: generation,
            }
        })
        .collect();
    merged.sort_by(|one, other| one.kind.cmp(&other.kind));
    merged
}
