//! Runs the four steps for one object. The caller publishes the result.

use std::time::Duration;

use spice_crds::ResourceStatus;

use crate::{
    client::{Api, ApiError, Verb},
    decide::{Mode, Plan, Step, decide},
    execute::{Receipt, execute},
    gather::{Surroundings, World, gather},
    kind::Kind,
    observe::{Next, Observation, observe, observe_failure, observe_still_different, status},
};

/// The result of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The status to publish.
    pub status: ResourceStatus,
    /// When to look again.
    pub next: Next,
    /// The command that was sent and accepted.
    pub sent: Option<Verb>,
}

/// Whether the object needs the finalizer before a pass may send a command, so that the created
/// thing can be deleted later.
pub fn finalizer_missing<K: Kind>(resource: &K) -> bool {
    let present = resource
        .meta()
        .finalizers
        .iter()
        .flatten()
        .any(|f| f == spice_crds::FINALIZER);
    let deleting = resource.meta().deletion_timestamp.is_some();
    let wanted = resource.deletion_policy() == spice_crds::DeletionPolicy::Delete;
    wanted && !present && !deleting
}

/// Runs one pass, which sends at most one command. If the command is projected already, reads the
/// state again, so that the status shows the actual state.
pub async fn reconcile<K: Kind, A: Api>(
    api: &A,
    resource: &K,
    around: &Surroundings,
    now: &str,
) -> Outcome {
    let first = pass(api, resource, around, now, true).await;
    if first.next != Next::Now {
        return first;
    }
    let mut seen = resource.clone();
    seen.set_status(first.status.clone());
    let second = pass(api, &seen, around, now, false).await;
    Outcome {
        status: with_old_transitions(resource, second.status),
        next: second.next,
        sent: first.sent,
    }
}

/// The longest time for the reads of a pass, and for its command.
const READS: Duration = Duration::from_secs(20);
const WRITE: Duration = Duration::from_secs(30);

/// The result of `work`; an error if it takes too long.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let late = |_| ApiError::Transient {
        message: "the api did not answer in time".into(),
    };
    tokio::time::timeout(limit, work).await.map_err(late)?
}

async fn pass<K: Kind, A: Api>(
    api: &A,
    resource: &K,
    around: &Surroundings,
    now: &str,
    may_send: bool,
) -> Outcome {
    let mode = Mode::of(resource, around);
    let mut world = World {
        around: around.clone(),
        ..World::default()
    };
    if mode.needs_world() {
        match within(READS, gather(api, resource, around)).await {
            Ok(gathered) => world = gathered,
            Err(error) => {
                let observation = observe_failure(resource, &world, &error, mode);
                return failed(resource, mode, &observation, now);
            }
        }
    }
    let plan = decide(resource, mode, &world);
    if !may_send && matches!(plan.step, Step::Send(_)) {
        return failed(resource, mode, &observe_still_different(), now);
    }
    let receipt = match within(WRITE, execute(api, &plan)).await {
        Ok(receipt) => receipt,
        Err(error) => Receipt::Failed(error),
    };
    let observation = observe(resource, &world, &plan, &receipt);
    let sent = match (&plan.step, &receipt) {
        (Step::Send(command), Receipt::Accepted(_)) => Some(command.verb),
        _ => None,
    };
    Outcome {
        status: status(resource, &world, &plan, &receipt, &observation, now),
        next: observation.next,
        sent,
    }
}

fn failed<K: Kind>(resource: &K, mode: Mode, observation: &Observation, now: &str) -> Outcome {
    let plan = Plan {
        mode,
        step: Step::Await,
    };
    let world = World::default();
    Outcome {
        status: status(resource, &world, &plan, &Receipt::Nothing, observation, now),
        next: observation.next,
        sent: None,
    }
}

/// Keeps the transition time of a condition that is the same at the end of a pass as at its start.
fn with_old_transitions<K: Kind>(resource: &K, mut status: ResourceStatus) -> ResourceStatus {
    let old = resource
        .status()
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    for condition in &mut status.conditions {
        let before = old
            .iter()
            .find(|o| o.kind == condition.kind && o.status == condition.status);
        if let Some(before) = before {
            condition
                .last_transition_time
                .clone_from(&before.last_transition_time);
        }
    }
    status
}

#[cfg(test)]
mod tests;
