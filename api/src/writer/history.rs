//! The commands of a branch, newest first: its own, and its parents' as far as it shows them.
//! Payloads are skipped while reading, because a bulk may be as large as a body.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use spice_core::{
    envelope::{Generations, SCHEMA_VERSION},
    error::{Refusal, StoreError},
    id::{
        AggregateId, AggregateType, BranchGeneration, CommandId, LogPosition, Sequence, StreamId,
    },
    lineage::Lineage,
    name::{BranchName, DatabaseName},
    port::Store,
    time::Timestamp,
};

use super::{Writer, diff::live, look::Look};

/// The number of commands whose positions are requested together.
const STEP: usize = 500;
/// The maximum number of other branches' commands that one page skips before it is returned short.
const MOST_PASSED: usize = 5_000;
/// The maximum number of log bytes that one page reads before it is returned short.
const MOST_READ: usize = 64 << 20;

/// A page of a branch's commands.
#[derive(Debug, Clone)]
pub struct History {
    /// The commands, newest first.
    pub commands: Vec<Commanded>,
    /// The page continues before this position, if there may be more.
    pub before: Option<LogPosition>,
}

/// An accepted command, without its payload.
#[derive(Debug, Clone)]
pub struct Commanded {
    /// Its position.
    pub position: LogPosition,
    /// The command.
    pub command_id: CommandId,
    /// Its type, for example `CREATE_INSTANCE`.
    pub command_type: String,
    /// The aggregate.
    pub aggregate: AggregateId,
    /// The user.
    pub actor: Option<String>,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// Missing for a command on many aggregates.
    pub sequence: Option<Sequence>,
    /// `message` of the request's `metadata`.
    pub message: Option<String>,
    /// The generation of its branch, if it has one.
    branch: Option<BranchGeneration>,
}

/// The parts of an envelope that a history needs.
#[derive(Deserialize)]
struct Head<'a> {
    aggregate_type: AggregateType,
    #[serde(borrow)]
    aggregate_id: Cow<'a, str>,
    occurred_at: Timestamp,
    #[serde(default)]
    actor: Option<String>,
    #[serde(borrow)]
    metadata: HeadMetadata<'a>,
    #[serde(borrow)]
    schema_version: Cow<'a, str>,
    sequence_number: Option<Sequence>,
    generation: Generations,
}

#[derive(Deserialize)]
struct HeadMetadata<'a> {
    command_id: CommandId,
    #[serde(default)]
    command_type: Option<String>,
    #[serde(borrow, default)]
    client: Option<&'a RawValue>,
}

/// The parts of a client's metadata that a history needs.
#[derive(Deserialize)]
struct Client {
    #[serde(default)]
    message: Value,
}

impl Writer {
    /// The newest commands that a branch shows, now or at a position, before a position. A page may
    /// be short although there are more.
    pub async fn history(
        &self,
        database: &DatabaseName,
        branch: &BranchName,
        as_of: Option<LogPosition>,
        before: Option<LogPosition>,
        limit: usize,
    ) -> Result<History, Refusal> {
        let look = self.look(database, as_of).await?;
        let lineage = live(&look, branch)?.lineage.at(look.last());
        let end = look.state.end();
        let mut before = before.unwrap_or(end).min(end);
        let mut commands = Vec::new();
        let (mut passed, mut read) = (0, 0);
        loop {
            let source = look.source();
            let (model, stream) = (&source.ports.model, source.stream);
            let entries = model.recent_commands(stream, before, STEP).await?;
            let full = entries.len() == STEP;
            for entry in entries {
                let (command, bytes) = look.command(entry.position).await?;
                before = command.position;
                passed += 1;
                read += bytes;
                if shows(&lineage, &command) {
                    commands.push(command);
                }
                if commands.len() == limit || passed == MOST_PASSED || read >= MOST_READ {
                    let before = (before > LogPosition::ZERO).then_some(before);
                    return Ok(History { commands, before });
                }
            }
            if !full {
                return Ok(History {
                    commands,
                    before: None,
                });
            }
        }
    }
}

impl Look {
    /// The command at a position, and the length of its line.
    async fn command(&self, position: LogPosition) -> Result<(Commanded, usize), StoreError> {
        let source = self.source();
        let (log, stream) = (&source.ports.log, source.stream);
        let records = log.read(stream, position, 1).await?;
        let found = records.first().filter(|record| record.position == position);
        let record = found
            .ok_or_else(|| damaged(stream, position, "there is nothing where a command was"))?;
        let command = Commanded::read(position, &record.line)
            .map_err(|reason| damaged(stream, position, &reason))?;
        Ok((command, record.line.len()))
    }
}

impl Commanded {
    /// Parses the head of an envelope's line.
    fn read(position: LogPosition, line: &[u8]) -> Result<Self, String> {
        let head: Head = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if head.schema_version != SCHEMA_VERSION {
            return Err(format!("unknown schema_version {:?}", head.schema_version));
        }
        let aggregate = AggregateId::parse(head.aggregate_type, &head.aggregate_id)
            .map_err(|error| error.to_string())?;
        let client = head.metadata.client;
        let client = client.and_then(|text| serde_json::from_str::<Client>(text.get()).ok());
        Ok(Self {
            position,
            command_id: head.metadata.command_id,
            command_type: head.metadata.command_type.unwrap_or_default(),
            aggregate,
            actor: head.actor,
            occurred_at: head.occurred_at,
            sequence: head.sequence_number,
            message: client.and_then(|client| Some(client.message.as_str()?.to_owned())),
            branch: head.generation.branch,
        })
    }
}

fn damaged(stream: &StreamId, position: LogPosition, reason: &str) -> StoreError {
    StoreError::Damaged {
        store: Store::Log,
        reason: format!("position {position} of {stream} is not a command: {reason}"),
    }
}

/// Whether a command belongs to a lineage. A command that created or rebased one of its branches is
/// right before the event that gives the branch its generation.
fn shows(lineage: &Lineage, command: &Commanded) -> bool {
    let position = command.position;
    let made = BranchGeneration(position.next());
    let mut levels = lineage.levels().iter();
    if levels.any(|level| level.generation == made) {
        return true;
    }
    match (command.branch, &command.aggregate) {
        (Some(generation), _) => lineage.shows(generation, position),
        (None, AggregateId::Database(_)) => lineage.shows(BranchGeneration::MAIN, position),
        (None, _) => false,
    }
}
