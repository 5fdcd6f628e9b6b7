//! Looks at a database beside its task: a state of its own at a position of the log, from the
//! registry alone. It holds no writer up and leaves no trace; what it answers is what the task
//! would answer there.

use std::{sync::Arc, time::Duration};

use spice_core::{
    command::Command,
    decide::{self, Moment, Plan, Stop, WriteState},
    error::{ErrorCode, Refusal, StoreError},
    id::{LogPosition, StreamId},
    name::{BranchName, DatabaseName},
    ontology::Schema,
};
use tokio::time::timeout;

use super::{
    Ports, Writer,
    fetch::{self, Rounds, Source},
    reflect,
};

/// How long the registry may take to follow the log before it is done here, and then before the
/// client is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// A database as it stood at a position, beside its task.
pub(super) struct Look {
    ports: Ports,
    stream: StreamId,
    pub(super) state: WriteState,
}

impl Writer {
    /// What a merge, a rebase or a rollback would do now: decided as the command would be, conflicts
    /// and all, without any trace.
    pub async fn plan(&self, command: &Command) -> Result<Plan, Refusal> {
        let mut look = self.look(&command.database, None).await?;
        let moment = Moment {
            stream: look.stream.clone(),
            position: look.state.end(),
            occurred_at: look.ports.clock.now().max(look.state.last_time()),
        };
        look.ask(|state| decide::plan(state, &moment, command))
            .await
    }

    /// The classes of a branch as they were at a position (inclusive), by the write model; none
    /// where the branch was not there.
    pub async fn schema_at(
        &self,
        database: &DatabaseName,
        branch: &BranchName,
        position: LogPosition,
    ) -> Result<Arc<Schema>, Refusal> {
        let look = self.look(database, Some(position)).await?;
        let Some(branch) = look.state.live_branch(branch) else {
            return Ok(Arc::default());
        };
        let schema = look.source().schema(&look.state, branch).await?;
        look.check().await?;
        Ok(schema)
    }

    /// A live database as it is at its log's end, or as it was at a position (inclusive).
    pub(super) async fn look(
        &self,
        database: &DatabaseName,
        as_of: Option<LogPosition>,
    ) -> Result<Look, Refusal> {
        let snapshot = self.snapshot(database).await?;
        let ports = &self.shared.ports;
        let end = if let Some(position) = as_of {
            position.next()
        } else {
            let end = ports.end(&snapshot.stream).await?;
            ports
                .check_end(&snapshot.stream, end, snapshot.end)
                .map_err(StoreError::from)?;
            end
        };
        // What another process appended is followed by nobody here.
        let is_followed = end <= snapshot.end;
        Look::at(ports, &snapshot.stream, end, is_followed).await
    }
}

impl Look {
    /// A look at a log as it stood at `end`. Whether somebody here lets the registry follow it that
    /// far makes it no truer, only cheaper.
    pub(super) async fn at(
        ports: &Ports,
        stream: &StreamId,
        end: LogPosition,
        is_followed: bool,
    ) -> Result<Self, Refusal> {
        reach(ports, stream, end, is_followed).await?;
        let state = reflect::state_at(ports, stream, end).await?;
        Ok(Self {
            ports: ports.clone(),
            stream: stream.clone(),
            state,
        })
    }

    /// The answer to a question, once the state holds all that it has to know.
    async fn ask<T>(
        &mut self,
        question: impl Fn(&WriteState) -> Result<T, Stop>,
    ) -> Result<T, Refusal> {
        let mut rounds = Rounds::default();
        loop {
            match question(&self.state) {
                Ok(answer) => return Ok(answer),
                Err(Stop::Refused(refusal)) => return Err(refusal),
                Err(Stop::Needs(needs)) => {
                    rounds.go_on(&self.state, &needs)?;
                    let source = Source {
                        ports: &self.ports,
                        stream: &self.stream,
                        until: self.last(),
                    };
                    source.fetch(&mut self.state, needs).await?;
                }
            }
            self.check().await?;
        }
    }

    /// The last position that it shows.
    pub(super) fn last(&self) -> LogPosition {
        LogPosition(self.state.end().0.saturating_sub(1))
    }

    /// Where it reads from.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            ports: &self.ports,
            stream: &self.stream,
            until: self.last(),
        }
    }

    /// What was read is no answer when the registry was thrown away meanwhile.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        if self.ports.model.reflected(&self.stream).await? < self.state.end() {
            return Err(fetch::replaced());
        }
        Ok(())
    }
}

/// Waits until the registry reflects a log up to a position, and brings it there when nobody does.
async fn reach(
    ports: &Ports,
    stream: &StreamId,
    end: LogPosition,
    is_followed: bool,
) -> Result<(), Refusal> {
    if is_followed && let Ok(reached) = timeout(PATIENCE, followed(ports, stream, end)).await {
        return Ok(reached?);
    }
    match timeout(PATIENCE, reflect::catch_up(ports, stream)).await {
        Ok(Ok(reached)) if reached.position() >= end => Ok(()),
        Ok(Ok(_)) => Err(fetch::replaced().into()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            let message = "the registry did not follow the log in time; try again";
            Err(Refusal::new(ErrorCode::Timeout, message))
        }
    }
}

async fn followed(ports: &Ports, stream: &StreamId, end: LogPosition) -> Result<(), StoreError> {
    loop {
        let told = ports.followed.notified();
        if ports.model.reflected(stream).await? >= end {
            return Ok(());
        }
        told.await;
    }
}
