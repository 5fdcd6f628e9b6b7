//! Decisions: `decide(write model, command) → accepted | refused`. Pure: if a decision needs more
//! facts, it returns [`Stop::Needs`]; the caller fetches them and asks again.
//!
//! An accepted command is complete: the command's envelope and its domain events, with their
//! positions, ready for the log. After that only a sink can fail.

mod branches;
mod classes;
mod databases;
mod gone;
mod instances;
mod need;
mod receipt;
mod state;
#[cfg(test)]
mod tests;

pub use branches::{Plan, common, plan};
pub use gone::is_gone;
pub use need::{Changes, LiveInstances, Need};
pub use receipt::{Receipt, UnreadableCommand, receipt};
pub use state::{Mark, WriteState, schema_of};

use crate::{
    command::{Action, Command, InstanceChange},
    envelope::{Envelope, EventType, Generations, Kind, Metadata, OntologyRef},
    error::{ErrorCode, Refusal},
    id::{AggregateId, EventId, LogPosition, Sequence, StreamId},
    json::Json,
    model::BranchState,
    name::BranchName,
    time::Timestamp,
};

/// The place and time of a decision.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The log.
    pub stream: StreamId,
    /// The position of the first envelope.
    pub position: LogPosition,
    /// The time of acceptance.
    pub occurred_at: Timestamp,
}

/// Why there is no acceptance.
#[derive(Debug, Clone)]
pub enum Stop {
    /// The command is refused.
    Refused(Refusal),
    /// The decision needs these facts first.
    Needs(Vec<Need>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<serde_json::Error> for Stop {
    fn from(error: serde_json::Error) -> Self {
        Self::Refused(Refusal::new(
            ErrorCode::Internal,
            format!("cannot be serialized: {error}"),
        ))
    }
}

/// Decides a command against the state at the end of the log. If it is accepted, returns the
/// envelopes to append, with the command's envelope first (after `DATABASE_OPENED` if it creates
/// the database).
pub fn decide(
    state: &WriteState,
    moment: &Moment,
    command: &Command,
) -> Result<Vec<Envelope>, Stop> {
    let later = after_namesake(state, moment, command);
    let mut draft = Draft::new(state, later.as_ref().unwrap_or(moment), command);
    match &command.action {
        Action::CreateDatabase {
            description,
            options,
        } => {
            databases::create(&mut draft, description, options.as_ref())?;
        }
        Action::DeleteDatabase { expected_seq } => databases::delete(&mut draft, *expected_seq)?,
        Action::CreateClass { branch, definition } => {
            classes::create(&mut draft, branch, definition)?;
        }
        Action::UpdateClass {
            branch,
            class,
            patch,
            expected_seq,
        } => {
            classes::update(&mut draft, branch, class, patch, *expected_seq)?;
        }
        Action::DeleteClass {
            branch,
            class,
            expected_seq,
            force,
        } => {
            classes::delete(&mut draft, branch, class, *expected_seq, *force)?;
        }
        Action::ChangeInstance { branch, change } => {
            instances::change_one(&mut draft, branch, change)?;
        }
        Action::BulkCreate {
            branch,
            class,
            instances,
            ids,
            without_defaults,
            on_error,
        } => {
            let rows = instances::Bulk {
                instances,
                ids,
                without_defaults: *without_defaults,
            };
            instances::bulk_create(&mut draft, branch, class, &rows, *on_error)?;
        }
        Action::Transaction { branch, commands } => {
            instances::transaction(&mut draft, branch, commands)?;
        }
        Action::CreateBranch {
            branch,
            from_branch,
            from_position,
        } => {
            databases::create_branch(&mut draft, branch, from_branch, *from_position)?;
        }
        Action::DeleteBranch { branch, force } => {
            databases::delete_branch(&mut draft, branch, *force)?;
        }
        Action::MergeBranch { .. }
        | Action::RebaseBranch { .. }
        | Action::RollbackBranch { .. } => branches::carry_out(&mut draft)?,
        Action::DiscardEvent { .. } => databases::discard(&mut draft)?,
    }
    Ok(draft.envelopes)
}

/// The time for a branch whose name was used before: later than everything in the log. So a name
/// and a creation time identify one branch, and one instance on it, even if the clock stands still.
fn after_namesake(state: &WriteState, moment: &Moment, command: &Command) -> Option<Moment> {
    let Action::CreateBranch { branch, .. } = &command.action else {
        return None;
    };
    state.branch(branch)?;
    let last = state.last_time();
    (moment.occurred_at <= last).then(|| Moment {
        occurred_at: Timestamp::from_micros(last.as_micros().saturating_add(1)),
        ..moment.clone()
    })
}

/// The envelopes of a decision, as they are created.
struct Draft<'a> {
    state: &'a WriteState,
    moment: &'a Moment,
    command: &'a Command,
    envelopes: Vec<Envelope>,
}

/// The parts of an envelope that differ between envelopes.
struct Fact {
    event_type: EventType,
    kind: Kind,
    aggregate: AggregateId,
    sequence: Option<Sequence>,
    data: Json,
}

impl<'a> Draft<'a> {
    fn new(state: &'a WriteState, moment: &'a Moment, command: &'a Command) -> Self {
        Self {
            state,
            moment,
            command,
            envelopes: Vec::new(),
        }
    }

    /// The position of the next envelope.
    fn next_position(&self) -> LogPosition {
        self.moment.position.plus(self.envelopes.len() as u64)
    }

    /// The live branch of the command.
    fn branch(&self, name: &BranchName) -> Result<&'a BranchState, Refusal> {
        self.live_database()?;
        self.state.live_branch(name).ok_or_else(|| {
            Refusal::new(ErrorCode::NotFound, format!("there is no branch {name}"))
                .with("branch", name.as_str())
        })
    }

    fn live_database(&self) -> Result<&'a crate::model::DatabaseState, Refusal> {
        self.state
            .database()
            .filter(|database| database.live)
            .ok_or_else(|| {
                let name = &self.command.database;
                Refusal::new(ErrorCode::NotFound, format!("there is no database {name}"))
                    .with("database", name.as_str())
            })
    }

    /// Adds the command's own envelope.
    fn command(
        &mut self,
        aggregate: AggregateId,
        sequence: Option<Sequence>,
        branch: Option<&BranchState>,
    ) -> Result<(), Stop> {
        let data = Json::of(&self.command.action)?;
        self.command_with(aggregate, sequence, branch, data)
    }

    fn command_with(
        &mut self,
        aggregate: AggregateId,
        sequence: Option<Sequence>,
        branch: Option<&BranchState>,
        data: Json,
    ) -> Result<(), Stop> {
        let event_type = self.command.action.event_type();
        let fact = Fact {
            event_type,
            kind: Kind::Command,
            aggregate,
            sequence,
            data,
        };
        self.push(fact, branch);
        let digest = self.command.action.digest(&self.command.database)?;
        if let Some(envelope) = self.envelopes.last_mut() {
            envelope.metadata.payload_digest = Some(digest);
            envelope
                .metadata
                .client
                .clone_from(&self.command.origin.client);
        }
        Ok(())
    }

    /// Adds a domain or control event.
    fn push(&mut self, fact: Fact, branch: Option<&BranchState>) {
        let command = self.command;
        let own_id = EventId(command.id.0);
        let is_command = fact.kind == Kind::Command;
        let event_id = if is_command {
            own_id
        } else {
            EventId::domain(command.id, fact.event_type.as_str(), &fact.aggregate)
        };
        let ontology = branch.and_then(|branch| {
            let position = self.moment.position.0.checked_sub(1).map(LogPosition)?;
            Some(OntologyRef {
                reference: format!("branch:{}", branch.name),
                position,
            })
        });
        let envelope = Envelope {
            event_id,
            event_type: fact.event_type,
            aggregate: fact.aggregate,
            occurred_at: self.moment.occurred_at,
            actor: command.origin.actor.clone(),
            data: fact.data,
            metadata: Metadata {
                kind: fact.kind,
                command_id: command.id,
                command_type: command
                    .action
                    .event_type()
                    .command_type()
                    .map(str::to_owned),
                service: command.origin.service.clone(),
                correlation_id: command.origin.correlation_id,
                causation_id: (!is_command).then_some(own_id),
                traceparent: command.origin.traceparent.clone(),
                ontology,
                payload_digest: None,
                client: None,
                run_id: None,
                code_sha: None,
            },
            sequence: fact.sequence,
            position: self.next_position(),
            database: command.database.clone(),
            generation: Generations {
                database: self.moment.stream.generation,
                branch: branch.map(|branch| branch.generation),
            },
            chain: None,
        };
        self.envelopes.push(envelope);
    }
}

/// The refusal for an unknown class of a change.
fn class_not_found(class: &str) -> Refusal {
    Refusal::new(
        ErrorCode::NotFound,
        format!("there is no class {class:?} on this branch"),
    )
    .with("class_id", class)
}

fn instance_not_found(change: &InstanceChange, id: &crate::name::InstanceId) -> Refusal {
    let class = change.class();
    Refusal::new(
        ErrorCode::NotFound,
        format!("there is no instance {class}/{id}"),
    )
    .with("class_id", class)
    .with("instance_id", id.as_str())
}
