//! One run: a world, the actions of its clients, rest, judgement.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;

use super::{
    client::Answers,
    faults::Call,
    oracle::{self, Verdict},
    scenario,
    world::{LEASE, Setup, World},
};

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The violations, and the final state.
    pub verdict: Verdict,
    /// Every port call.
    pub trace: Vec<Call>,
    /// The calls that were the first ones after a client had its answer.
    pub first_after_answers: BTreeSet<u64>,
}

/// Runs something on a runtime of its own, under paused time.
pub fn run_on_paused_time<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("no runtime")?;
    runtime.block_on(work)
}

/// The standard scenario under a plan.
pub fn standard(setup: Setup) -> anyhow::Result<Outcome> {
    run_on_paused_time(Box::pin(async move {
        let world = World::start(setup)?;
        let answers = Answers::default();
        scenario::standard(&world, &answers).await?;
        finish(&world, &answers).await
    }))
}

/// A scenario of its own in a world of its own, judged at its end.
pub fn scenario<F>(
    setup: Setup,
    play: impl FnOnce(Arc<World>, Answers) -> F,
) -> anyhow::Result<Outcome>
where
    F: Future<Output = anyhow::Result<()>>,
{
    run_on_paused_time(Box::pin(async move {
        let world = World::start(setup)?;
        let answers = Answers::default();
        Box::pin(play(Arc::clone(&world), Arc::clone(&answers))).await?;
        finish(&world, &answers).await
    }))
}

/// Brings a world to rest, judges it, ends it cleanly, and judges the remaining state.
pub async fn finish(world: &Arc<World>, answers: &Answers) -> anyhow::Result<Outcome> {
    world.settle().await?;
    let trace = world.faults.trace();
    let first_after_answers = world.faults.first_after_answers();
    if !world.setup.one_process {
        // A restarted node may still wait for the lease of the one before it.
        tokio::time::sleep(LEASE * 2).await;
    }
    let answered = answers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let mut verdict = oracle::judge(world, &answered).await?;
    world.shut_down().await;
    oracle::check_leases(world, &mut verdict).await?;
    Ok(Outcome {
        verdict,
        trace,
        first_after_answers,
    })
}

/// Processes many items on this many threads; the answers are in order.
pub fn run_in_parallel<I: Send, T: Send>(
    threads: usize,
    items: Vec<I>,
    work: impl Fn(I) -> T + Sync,
) -> Vec<T> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((number, item)) = next else { break };
                    let answer = work(item);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((number, answer));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, answer)| answer).collect()
}
