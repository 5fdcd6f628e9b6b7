//! The envelopes of a decision, as they are created.

use serde::Serialize;

use super::{state::WriteState, stop::Stop};
use crate::{
    command::Command,
    envelope::{Envelope, EventType, Generations, Kind, Metadata, OntologyRef},
    error::{ErrorCode, Refusal},
    id::{AggregateId, EventId, LogPosition, Sequence, StreamId},
    json::Json,
    model::{BranchState, DatabaseState},
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

/// The envelopes of a decision, as they are created.
pub(super) struct Draft<'a> {
    pub(super) state: &'a WriteState,
    pub(super) moment: &'a Moment,
    pub(super) command: &'a Command,
    pub(super) envelopes: Vec<Envelope>,
}

/// The parts of an envelope that differ between envelopes, without the data.
pub(super) struct Fact {
    pub(super) event_type: EventType,
    pub(super) kind: Kind,
    pub(super) aggregate: AggregateId,
    pub(super) sequence: Option<Sequence>,
}

impl Fact {
    /// A domain event of an aggregate.
    pub(super) fn domain(
        event_type: EventType,
        aggregate: AggregateId,
        sequence: Sequence,
    ) -> Self {
        Self {
            event_type,
            kind: Kind::Domain,
            aggregate,
            sequence: Some(sequence),
        }
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(state: &'a WriteState, moment: &'a Moment, command: &'a Command) -> Self {
        Self {
            state,
            moment,
            command,
            envelopes: Vec::new(),
        }
    }

    /// The position of the next envelope.
    pub(super) fn next_position(&self) -> LogPosition {
        self.moment.position.plus(self.envelopes.len() as u64)
    }

    /// The last position of the log.
    pub(super) fn last_position(&self) -> LogPosition {
        self.moment.position.before()
    }

    /// A live branch.
    pub(super) fn branch(&self, name: &BranchName) -> Result<&'a BranchState, Refusal> {
        self.live_database()?;
        self.state.live_branch(name).ok_or_else(|| {
            Refusal::new(ErrorCode::NotFound, format!("there is no branch {name}"))
                .with("branch", name.as_str())
        })
    }

    /// The database, which must be live.
    pub(super) fn live_database(&self) -> Result<&'a DatabaseState, Refusal> {
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
    pub(super) fn command(
        &mut self,
        aggregate: AggregateId,
        sequence: Option<Sequence>,
        branch: Option<&BranchState>,
    ) -> Result<(), Stop> {
        let command = self.command;
        self.command_with(aggregate, sequence, branch, &command.action)
    }

    /// Adds the command's own envelope with other data than the action.
    pub(super) fn command_with(
        &mut self,
        aggregate: AggregateId,
        sequence: Option<Sequence>,
        branch: Option<&BranchState>,
        data: &impl Serialize,
    ) -> Result<(), Stop> {
        let event_type = self.command.action.event_type();
        let fact = Fact {
            event_type,
            kind: Kind::Command,
            aggregate,
            sequence,
        };
        self.push(fact, data, branch)?;
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

    /// Adds an envelope.
    pub(super) fn push(
        &mut self,
        fact: Fact,
        data: &impl Serialize,
        branch: Option<&BranchState>,
    ) -> Result<(), Stop> {
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
            data: Json::of(data)?,
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
        Ok(())
    }
}

/// The refusal for an unknown class of a change.
pub(super) fn class_not_found(class: &str) -> Refusal {
    Refusal::new(
        ErrorCode::NotFound,
        format!("there is no class {class:?} on this branch"),
    )
    .with("class_id", class)
}
