//! Runs the four steps for one object. The caller publishes the result.

use std::time::Duration;

use spice_crds::{DeletionPolicy, FINALIZER, ResourceStatus};

use crate::{
    client::{Api, ApiError, ChangedThing, Comparison, Known, Owner},
    decide::{Mode, Plan, Step, decide},
    execute::{Receipt, execute},
    gather::{Surroundings, World, gather},
    kind::Kind,
    observe::{Next, changed, is_ready, observe, status},
};

/// The longest time for the reads of a pass, and for its command.
pub(crate) const READS: Duration = Duration::from_secs(20);
pub(crate) const WRITE: Duration = Duration::from_secs(30);

/// The result of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The status to publish; none if the pass was about an old state of the object.
    pub status: Option<ResourceStatus>,
    /// When to look again.
    pub next: Next,
    /// What was changed in the api.
    pub changes: Vec<ChangedThing>,
    /// The owner that holds the declared thing, and its newest generation.
    pub held_by: Option<(Owner, i64)>,
    /// The database, and its state at which there was nothing to do; none if there was something.
    pub settled: Option<(String, Known)>,
}

/// Whether the object needs the finalizer before a pass may send a command, so that the created
/// thing can be deleted later.
pub fn finalizer_missing<K: Kind>(resource: &K) -> bool {
    let present = resource
        .meta()
        .finalizers
        .iter()
        .flatten()
        .any(|f| f == FINALIZER);
    let deleting = resource.meta().deletion_timestamp.is_some();
    let wanted = resource.policies().deletion == DeletionPolicy::Delete;
    wanted && !present && !deleting
}

/// Runs one pass, which sends at most one command.
pub async fn reconcile<K: Kind, A: Api>(
    api: &A,
    resource: &K,
    around: &Surroundings,
    now: &str,
) -> Outcome {
    let mode = Mode::of(resource, around);
    let mut world = World {
        around: around.clone(),
        ..World::default()
    };
    let mut plan = Plan {
        mode,
        step: Step::Rest,
    };
    let receipt = match run(api, resource, &mut world, &mut plan).await {
        Ok(receipt) => receipt,
        Err(error) => Receipt::Failed(error),
    };
    let observation = observe(resource, &world, &plan, &receipt);
    let status = status(resource, &world, &plan, &receipt, &observation, now);
    let settled = match &receipt {
        Receipt::Accepted(accepted)
            if accepted.command.is_none()
                && accepted.changes.is_empty()
                && is_ready(&status)
                && is_compared(resource, &world) =>
        {
            world.database.clone().map(|name| (name, world.known))
        }
        _ => None,
    };
    let is_stale = matches!(receipt, Receipt::Failed(ApiError::Stale { .. }))
        && observation.next != Next::Release;
    Outcome {
        status: (!is_stale).then_some(status),
        next: observation.next,
        changes: changed(&receipt),
        held_by: match receipt {
            Receipt::Failed(ApiError::Owned {
                owner, generation, ..
            }) => Some((*owner, generation)),
            _ => None,
        },
        settled,
    }
}

async fn run<K: Kind, A: Api>(
    api: &A,
    resource: &K,
    world: &mut World,
    plan: &mut Plan,
) -> Result<Receipt, ApiError> {
    if plan.mode.needs_world() {
        *world = within(READS, gather(api, resource, &world.around)).await?;
    }
    *plan = decide(resource, plan.mode, world);
    let receipt = within(WRITE, execute(api, plan)).await?;
    if matches!(receipt, Receipt::Accepted(_))
        && matches!(plan.mode, Mode::Normal | Mode::Observing)
    {
        world.comparison = compare(api, resource, world).await;
    }
    Ok(receipt)
}

/// Whether nothing is left to compare.
fn is_compared<K: Kind>(resource: &K, world: &World) -> bool {
    let is_read = world.comparison.is_some() || world.around.cluster.is_none();
    is_read || resource.compared_branch().is_none()
}

/// How a branch differs from its parent. A failure changes nothing: the next pass reads it.
async fn compare<K: Kind, A: Api>(api: &A, resource: &K, world: &World) -> Option<Comparison> {
    let branch = resource.compared_branch()?;
    let database = world.database.as_ref()?;
    // Nobody reads it without Kubernetes.
    world.around.cluster.as_ref()?;
    let compared = within(READS, api.compare(database, &branch)).await;
    let compared = compared.inspect_err(|error| {
        tracing::debug!(database, branch, %error, "cannot compare the branch");
    });
    compared.ok()
}

/// The result of `work`; an error if it takes too long.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let late = |_| ApiError::Transient {
        message: "the api did not answer in time".into(),
    };
    tokio::time::timeout(limit, work).await.map_err(late)?
}

#[cfg(test)]
mod tests;
