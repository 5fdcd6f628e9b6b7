//! Runs the four steps for one object. The caller publishes the result.

use spice_crds::{ReplayJob, ReplayJobStatus};

use super::{
    api::ReplayApi,
    decide::{Plan, decide},
    execute::execute,
    gather::{Known, Surroundings, gather},
    observe::observe,
};
use crate::observe::Next;

/// The result of a pass.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What was decided. What concerns the object itself is left to the caller.
    pub(crate) plan: Plan,
    /// The status to publish.
    pub(crate) status: ReplayJobStatus,
    /// When to look again; none: when the object changes.
    pub(crate) next: Option<Next>,
    /// Whether the object goes although its replay may go on.
    pub(crate) is_abandoned: bool,
}

/// Runs one pass, which sends at most one request that changes something.
pub(crate) async fn reconcile<A: ReplayApi>(
    api: &A,
    job: &ReplayJob,
    around: Surroundings,
    now: &str,
) -> Outcome {
    let mut world = gather(api, job, around).await;
    let plan = decide(job, &world);
    let known = std::mem::replace(&mut world.replay, Known::Nothing);
    let known = execute(api, &plan, known).await;
    let (status, next) = observe(job, &world, &plan, &known, now);
    Outcome {
        is_abandoned: plan == Plan::Release && matches!(known, Known::Failed(_)),
        plan,
        status,
        next,
    }
}
