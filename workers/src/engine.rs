//! The worker engine: order, batches, records and dead letters of every worker. It works under a
//! lease that its caller holds; a handler only applies batches. An engine is a plain future that
//! may be dropped at any await point: everything that it needs to continue is in the log, the sink
//! and the registry.

mod batch;
mod follow;
mod handler;
mod items;
mod ledger;
mod letters;
mod patience;
mod retries;
mod session;
mod worker;

use std::time::Duration;

use spice_backoff::Seeded;
use spice_core::{
    chain::{ChainHead, check_end},
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        log::Log,
        sink::{Sink, SinkRole},
    },
};
use tokio_util::sync::CancellationToken;

pub use self::{
    handler::Handler,
    worker::{Engine, EngineConfig, EnginePorts, Job},
};
pub(crate) use self::{
    items::Items,
    patience::{Halt, Patience},
};

use self::session::Session;
use crate::{audit::check_sink, event::is_seal, status::WorkerState};

/// How long a clean end waits for the registry or the bus.
pub(crate) const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// Why an engine or a relay ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The caller stopped it.
    Stopped,
    /// There was nothing left to do.
    Idle,
    /// The sink no longer exists.
    Gone,
    /// The log is sealed, and all of it is processed.
    Sealed,
}

impl Engine {
    /// Works until it is stopped, has been idle, has processed a sealed log, or fails with an error
    /// that waiting does not fix.
    pub async fn run(self, token: CancellationToken) -> Result<End, StoreError> {
        let patience = Patience {
            reporter: self.reporter.clone(),
            token,
            backoff: Seeded::new(
                self.config.backoff,
                self.config.seed,
                &format!("{}/{}", self.key.worker, self.stream),
            ),
        };
        let mut turns = 0;
        let mut reached = LogPosition::ZERO;
        loop {
            let halt = Box::pin(self.turn(&patience)).await;
            let end = match halt {
                Halt::Stopped => End::Stopped,
                Halt::Idle => End::Idle,
                Halt::Gone => End::Gone,
                Halt::Sealed => {
                    self.leave_bus().await;
                    End::Sealed
                }
                Halt::Refused(error) | Halt::Damaged(error) => {
                    self.reporter.report_damage(error.to_string());
                    return Err(error);
                }
                Halt::LookAgain(reason) => {
                    let position = self.reporter.subscribe().borrow().position;
                    turns = if position == reached { turns + 1 } else { 1 };
                    reached = position;
                    match patience.pause(reason, turns).await {
                        Ok(()) => continue,
                        Err(_) => End::Stopped,
                    }
                }
            };
            if !matches!(end, End::Idle | End::Gone) {
                self.reporter.set(WorkerState::Ended);
            }
            return Ok(end);
        }
    }

    /// Tells the bus that this worker needs nothing more of a sealed log, so that the bus keeps
    /// nothing for it. A failure here has no other effect.
    async fn leave_bus(&self) {
        let left = async {
            let end = self.ports.log.end(&self.stream).await?;
            let bus = &self.ports.bus;
            let mut subscription = bus.subscribe(&self.key.worker, &self.stream).await?;
            subscription.commit(end).await
        };
        match tokio::time::timeout(RELEASE_PATIENCE, left).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, stream = %self.stream, "cannot leave the bus"),
            Err(_) => tracing::warn!(stream = %self.stream, "cannot leave the bus in time"),
        }
    }

    /// Finds the position and works until it loses its place.
    async fn turn(&self, patience: &Patience) -> Halt {
        let mut session = match self.begin(patience).await {
            Ok(session) => session,
            Err(halt) => return halt,
        };
        match self.is_finished(patience, session.position).await {
            Ok(true) => session.finish().await,
            Ok(false) => session.work().await,
            Err(halt) => halt,
        }
    }

    async fn begin<'e>(&'e self, patience: &'e Patience) -> Result<Session<'e>, Halt> {
        let sinks = self.sinks(patience).await?;
        let sink = sinks.iter().find(|sink| sink.generation == self.key.sink);
        let sink = sink.ok_or(Halt::Gone)?;
        let worked = patience
            .attempt(|| self.ports.registry.recorded_position(&self.key))
            .await?;
        self.check_end(patience, sink.position.max(worked)).await?;
        let position = sink.position.min(worked);
        let seen = self.check_sink(patience, sink).await?;
        self.reporter.report_running(position);
        let place = (position, worked);
        let mut session = Session::new(self, patience, place, seen);
        session.load_letters(&sinks).await?;
        if sink.role == SinkRole::Live {
            session.confirm_farthest().await?;
        }
        Ok(session)
    }

    /// Fails when the sink is ahead of the log: then the log is not the one that the sink was
    /// filled from.
    async fn check_end(&self, patience: &Patience, seen: LogPosition) -> Result<(), Halt> {
        let end = patience
            .attempt(|| self.ports.log.end(&self.stream))
            .await?;
        check_end(&self.stream, end, seen).map_err(|fault| Halt::Damaged(fault.into()))
    }

    /// Returns the chain at the sink's anchor. Fails when the log has another chain there.
    async fn check_sink(&self, patience: &Patience, sink: &Sink) -> Result<ChainHead, Halt> {
        let (log, guards) = (&*self.ports.log, self.config.guards);
        patience
            .attempt(|| check_sink(log, &self.stream, sink, guards))
            .await
    }

    async fn is_finished(&self, patience: &Patience, done: LogPosition) -> Result<bool, Halt> {
        patience
            .attempt(|| is_finished(&*self.ports.log, &self.stream, done))
            .await
    }
}

/// Returns whether a log is sealed and `done` lies behind its seal.
pub(crate) async fn is_finished(
    log: &dyn Log,
    stream: &StreamId,
    done: LogPosition,
) -> StoreResult<bool> {
    let Some(last) = done.0.checked_sub(1) else {
        return Ok(false);
    };
    let tail = log.read(stream, LogPosition(last), 2).await?;
    Ok(tail.len() == 1 && is_seal(&tail[0], stream))
}
