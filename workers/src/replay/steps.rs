//! The steps of a replay. Each reads stores, does one thing that may be repeated, and returns the
//! record as it is afterwards; none writes the record.

use futures::future::{pending, try_join_all};
use spice_core::{
    handler::Projection,
    port::{
        StoreResult,
        clock::Clock,
        hints::{Hints, Topic},
    },
    replay::{Approval, FINDINGS, Replay, ReplayFault, ReplayState, Strategy, Target},
};

use super::{
    compare::{compare, describe, find_newly_refused},
    sinks::{abandon, drop_old, find, swap_in, wait_caught_up},
};
use crate::verify::{Sources, repair};

/// What the steps use.
pub(super) struct Steps<'a> {
    pub(super) sources: Sources<'a>,
    pub(super) hints: &'a dyn Hints,
    pub(super) clock: &'a dyn Clock,
}

impl Steps<'_> {
    /// Does the next step. It waits for ever where a person must do something first.
    pub(super) async fn take(&self, replay: &Replay) -> StoreResult<Replay> {
        let mut next = replay.clone();
        match replay.state {
            ReplayState::Pending => self.begin(&mut next).await?,
            ReplayState::Filling => self.fill(&mut next).await?,
            ReplayState::Comparing => self.compare(&mut next).await?,
            ReplayState::AwaitingApproval => self.decide(&mut next).await?,
            ReplayState::Swapping => match replay.request.strategy {
                Strategy::BlueGreen => self.swap(&mut next).await?,
                Strategy::InPlace => self.rewrite(&mut next).await?,
            },
            ReplayState::Dropping => self.drop_shadows(&mut next).await?,
            ReplayState::Complete | ReplayState::Failed | ReplayState::Cancelled => {}
        }
        Ok(next)
    }

    /// Creates the shadows, or finds those that are there.
    async fn begin(&self, next: &mut Replay) -> StoreResult<()> {
        let stream = &next.stream;
        let end = self.sources.log.end(stream).await?;
        for target in &mut next.targets {
            let sinks = self.sources.sinks(target.projection);
            let sink = match next.request.strategy {
                Strategy::BlueGreen => sinks.create_shadow(stream).await?,
                Strategy::InPlace => sinks.sink(stream).await?,
            };
            target.sink = Some(sink.generation);
            target.until = Some(end);
        }
        self.hints.give(&Topic::Request(stream.clone()));
        next.started_at = Some(self.clock.now());
        next.state = ReplayState::Filling;
        Ok(())
    }

    /// Waits until the workers have filled the sinks.
    async fn fill(&self, next: &mut Replay) -> StoreResult<()> {
        let (sources, stream) = (self.sources, &next.stream);
        let waits = next.targets.iter().map(|target| {
            let place = (stream, Some(sink_of(target)));
            let sinks = sources.sinks(target.projection);
            let until = target.until.unwrap_or_default();
            wait_caught_up(sinks, sources.registry, self.hints, place, until)
        });
        try_join_all(waits).await?;
        next.filled_at = Some(self.clock.now());
        let compares = next.request.verify || next.request.strategy == Strategy::InPlace;
        next.state = if compares {
            ReplayState::Comparing
        } else {
            ReplayState::AwaitingApproval
        };
        Ok(())
    }

    /// Compares the sinks with the log. A shadow that differs never becomes live.
    async fn compare(&self, next: &mut Replay) -> StoreResult<()> {
        let mut total = 0;
        next.findings.clear();
        for at in 0..next.targets.len() {
            let (projection, sink) = place_of(&next.targets[at]);
            let report = Box::pin(compare(self.sources, next, projection, sink)).await?;
            let count = report.surprises().count();
            next.targets[at].differences = Some(count as u64);
            let free = FINDINGS.saturating_sub(next.findings.len());
            next.findings
                .extend(report.surprises().take(free).map(describe));
            total += count;
        }
        next.digests_match = Some(total == 0);
        match next.request.strategy {
            Strategy::InPlace if total == 0 => self.complete(next),
            Strategy::BlueGreen if total > 0 => {
                let message = format!("{total} entities differ from the log");
                next.fail(ReplayFault::ProjectionDiffers, message);
            }
            Strategy::InPlace | Strategy::BlueGreen => next.state = ReplayState::AwaitingApproval,
        }
        Ok(())
    }

    /// Waits for the approval, if the request asks for one. A shadow that refuses events of the live
    /// sink never becomes live.
    async fn decide(&self, next: &mut Replay) -> StoreResult<()> {
        if next.request.approval == Approval::Manual && next.approved_at.is_none() {
            return pending().await;
        }
        if next.request.strategy == Strategy::BlueGreen {
            for target in &next.targets {
                let (projection, shadow) = place_of(target);
                find(self.sources.sinks(projection), &next.stream, shadow).await?;
                let refused = find_newly_refused(self.sources, projection, &next.stream, shadow);
                let refused = refused.await?;
                if let Some(first) = refused.first() {
                    let count = refused.len();
                    let message = format!(
                        "the new {} refuses {count} event(s) that the live one has, the first at \
                         position {first}",
                        projection.as_str()
                    );
                    next.fail(ReplayFault::EventsRefused, message);
                    return Ok(());
                }
            }
        }
        next.state = ReplayState::Swapping;
        Ok(())
    }

    /// Makes the shadows live, one after the other.
    async fn swap(&self, next: &mut Replay) -> StoreResult<()> {
        let (stream, hints) = (&next.stream, self.hints);
        for target in &next.targets {
            let (projection, shadow) = place_of(target);
            swap_in(self.sources.sinks(projection), hints, stream, shadow).await?;
        }
        hints.give(&Topic::Request(stream.clone()));
        if !next.request.keep_old {
            for projection in &next.request.targets {
                drop_old(self.sources, hints, *projection, stream).await?;
            }
        }
        self.complete(next);
        Ok(())
    }

    /// Rewrites what differs in the live sinks.
    async fn rewrite(&self, next: &mut Replay) -> StoreResult<()> {
        let mut left = 0;
        for at in 0..next.targets.len() {
            let (projection, sink) = place_of(&next.targets[at]);
            let report = Box::pin(compare(self.sources, next, projection, sink)).await?;
            let repaired = Box::pin(repair(self.sources, &report)).await?;
            if next.request.verify {
                let report = Box::pin(compare(self.sources, next, projection, sink)).await?;
                left += report.surprises().count();
            }
            next.targets[at].rewritten += repaired.entities;
        }
        if left > 0 {
            let message = format!("{left} entities differ from the log after they were rewritten");
            next.fail(ReplayFault::ProjectionDiffers, message);
            return Ok(());
        }
        next.digests_match = next.request.verify.then_some(true);
        self.complete(next);
        Ok(())
    }

    /// Drops what was built, and ends the replay.
    async fn drop_shadows(&self, next: &mut Replay) -> StoreResult<()> {
        if next.request.strategy == Strategy::BlueGreen {
            for target in &mut next.targets {
                let (sources, projection) = (self.sources, target.projection);
                let sinks = sources.sinks(projection).sinks(&next.stream).await?;
                let mut sinks = sinks.iter();
                if let Some(sink) = sinks.find(|it| target.sink.as_ref() == Some(&it.generation)) {
                    target.reached = sink.position.min(target.until.unwrap_or_default());
                }
                abandon(sources, self.hints, projection, &next.stream).await?;
            }
        }
        let has_failed = next.failure.is_some();
        let state = if has_failed {
            ReplayState::Failed
        } else {
            ReplayState::Cancelled
        };
        self.end(next, state);
        Ok(())
    }

    fn complete(&self, next: &mut Replay) {
        for target in &mut next.targets {
            target.is_live = true;
            target.reached = target.until.unwrap_or_default();
        }
        self.end(next, ReplayState::Complete);
    }

    fn end(&self, next: &mut Replay, state: ReplayState) {
        next.state = state;
        next.ended_at = Some(self.clock.now());
    }
}

fn place_of(target: &Target) -> (Projection, &str) {
    (target.projection, sink_of(target))
}

/// The generation of a target's sink; known since the first step.
fn sink_of(target: &Target) -> &str {
    target.sink.as_deref().unwrap_or_default()
}
