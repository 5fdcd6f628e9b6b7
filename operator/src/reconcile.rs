//! Runs the four steps for one object. The caller publishes the result.

use spice_crds::ResourceStatus;

use crate::{
    client::{Api, Verb},
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

async fn pass<K: Kind, A: Api>(
    api: &A,
    resource: &K,
    around: &Surroundings,
    now: &str,
    may_send: bool,
) -> Outcome {
    let mode = Mode::of(resource);
    let world = if mode.needs_world() {
        match gather(api, resource, around).await {
            Ok(world) => world,
            Err(error) => return failed(resource, mode, &observe_failure(&error, mode), now),
        }
    } else {
        World::default()
    };
    let plan = decide(resource, &world);
    if !may_send && matches!(plan.step, Step::Send(_)) {
        return failed(resource, mode, &observe_still_different(), now);
    }
    let receipt = execute(api, &plan).await;
    let observation = observe(resource, &plan, &receipt);
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
