//! Reads a database independently of its task: its own state at a position of the log, from the
//! registry alone. It blocks no writer and leaves no trace; its answer is the one that the task
//! would give there.

use std::{sync::Arc, time::Duration};

use spice_core::{
    command::Command,
    decide::{
        self, DeclarationPlan, Moment, Plan, Stop, Tallies, Tally, WriteState, begin_tallies,
        plan_declaration,
    },
    error::{ErrorCode, Refusal, StoreError},
    id::{LogPosition, StreamId},
    model::{BranchState, ModelEntry, ModelKey},
    name::{BranchName, DatabaseName},
    ontology::Schema,
    port::{Store, graph::Entity},
};
use tokio::time::timeout;

use super::{
    Writer,
    fetch::{self, Rounds, Source},
    ports::Ports,
    reflect,
    snapshot::no_branch,
};

/// How long the registry may take to follow the log before it is done here, and then before the
/// client gets an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// A database at a position, independent of its task.
pub(super) struct Look {
    ports: Ports,
    stream: StreamId,
    pub(super) state: WriteState,
}

impl Writer {
    /// What a merge, a rebase or a rollback would do now: decided like the command, including
    /// conflicts, without a trace.
    pub async fn plan(&self, command: &Command) -> Result<Plan, Refusal> {
        let mut look = self.look(&command.database, None).await?;
        let moment = look.moment();
        look.ask(|state| decide::plan(state, &moment, command))
            .await
    }

    /// What a declaration would do now, and the instances that were counted for it.
    pub async fn plan_declaration(
        &self,
        command: &Command,
    ) -> Result<(DeclarationPlan, Tallies), Refusal> {
        let mut look = self.look(&command.database, None).await?;
        let moment = look.moment();
        let begun = look.ask(|state| begin_tallies(state, &moment, command));
        let mut tallies = Vec::new();
        for tally in begun.await? {
            tallies.push(look.count(tally).await?);
        }
        let tallies = Tallies::from(tallies);
        look.state.put_tallies(command.id, Arc::clone(&tallies));
        let planned = look.ask(|state| plan_declaration(state, &moment, command));
        Ok((planned.await?, tallies))
    }

    /// The classes of a branch at a position (inclusive), from the write model; none if the branch
    /// did not exist.
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

    /// A live database at its log's end, or at a position (inclusive).
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
        // Nobody here follows what another process appended.
        let is_followed = end <= snapshot.end;
        Look::at(ports, &snapshot.stream, end, is_followed).await
    }
}

impl Look {
    /// A view of a log at `end`. Whether the registry already follows that far makes no difference
    /// to the answer, only to the cost.
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

    /// The answer to a question, once the state has all needed facts.
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

    /// The place and time of a decision here.
    fn moment(&self) -> Moment {
        Moment {
            stream: self.stream.clone(),
            position: self.state.end(),
            occurred_at: self.ports.clock.now().max(self.state.last_time()),
        }
    }

    /// Counts all instances that a tally asks for, page by page.
    async fn count(&self, mut tally: Tally) -> Result<Tally, StoreError> {
        for class in tally.classes() {
            let prefix = ModelKey::instances_of(&class);
            let mut after = None;
            loop {
                let model = &self.ports.model;
                let page = model
                    .scan(
                        &self.stream,
                        &tally.lineage,
                        &prefix,
                        after.as_ref(),
                        fetch::PAGE,
                    )
                    .await?;
                for entry in &page {
                    let data = entry.state()?.data;
                    if let (Some(Entity::Instance(instance)), Some(data)) =
                        (entry.key.entity(), data)
                    {
                        let properties = data.read().map_err(|error| unreadable(entry, &error))?;
                        tally.add(&class, &instance.id, &properties);
                    }
                }
                after = page.last().map(|entry| entry.key.clone());
                if page.len() < fetch::PAGE {
                    break;
                }
            }
        }
        self.check().await?;
        Ok(tally)
    }

    /// A live branch, or `not_found`.
    pub(super) fn branch(&self, name: &BranchName) -> Result<&BranchState, Refusal> {
        let branch = self.state.live_branch(name);
        branch.ok_or_else(|| no_branch(name))
    }

    /// The last visible position.
    pub(super) fn last(&self) -> LogPosition {
        self.state.end().before()
    }

    /// Where it reads from.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            ports: &self.ports,
            stream: &self.stream,
            until: self.last(),
        }
    }

    /// The answer is invalid if the registry was deleted in the meantime.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        if self.ports.model.reflected_position(&self.stream).await? < self.state.end() {
            return Err(fetch::replaced());
        }
        Ok(())
    }
}

fn unreadable(entry: &ModelEntry, error: &serde_json::Error) -> StoreError {
    let reason = format!("entry {} cannot be read: {error}", entry.key);
    StoreError::damaged(Store::Registry, reason)
}

/// Waits until the registry reflects a log up to a position, and brings it there if nobody else
/// does.
async fn reach(
    ports: &Ports,
    stream: &StreamId,
    end: LogPosition,
    is_followed: bool,
) -> Result<(), Refusal> {
    if is_followed && let Ok(reached) = timeout(PATIENCE, wait_followed(ports, stream, end)).await {
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

async fn wait_followed(
    ports: &Ports,
    stream: &StreamId,
    end: LogPosition,
) -> Result<(), StoreError> {
    loop {
        let change = ports.followed.notified();
        if ports.model.reflected_position(stream).await? >= end {
            return Ok(());
        }
        change.await;
    }
}
