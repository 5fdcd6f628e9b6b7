//! The commands of a branch, newest first: its own, and its parents' as far as it shows them.

use spice_core::{
    envelope::Envelope,
    error::{Refusal, StoreError},
    id::{AggregateId, BranchGeneration, LogPosition},
    lineage::Lineage,
    name::{BranchName, DatabaseName},
};

use super::{Writer, diff::live, look::Look, parse};

/// Commands that are looked at together.
const STEP: usize = 500;
/// Commands of other branches that one page passes over before it is told short.
const MOST_PASSED: usize = 5_000;

/// A page of a branch's commands.
#[derive(Debug, Clone)]
pub struct History {
    /// Their envelopes, newest first.
    pub commands: Vec<Envelope>,
    /// The page goes on with what stands before this position, if there may be more.
    pub before: Option<LogPosition>,
}

impl Writer {
    /// The newest commands that show on a branch, as it is or as it was at a position, before a
    /// position. A page may be short although there are more.
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
        let mut passed = 0;
        while passed < MOST_PASSED {
            let entries = look.commands(before).await?;
            let full = entries.len() == STEP;
            for envelope in entries {
                before = envelope.position;
                passed += 1;
                if shows(&lineage, &envelope) {
                    commands.push(envelope);
                }
                if commands.len() == limit {
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
        Ok(History {
            commands,
            before: Some(before),
        })
    }
}

impl Look {
    /// The newest commands before a position, whole.
    async fn commands(&self, before: LogPosition) -> Result<Vec<Envelope>, StoreError> {
        let source = self.source();
        let (ports, stream) = (source.ports, source.stream);
        let entries = ports.model.recent_commands(stream, before, STEP).await?;
        let mut envelopes = Vec::with_capacity(entries.len());
        for entry in entries {
            let records = ports.log.read(stream, entry.position, 1).await?;
            let record = records.first().ok_or_else(|| StoreError::Damaged {
                store: "log",
                reason: format!("{stream} has nothing at position {}", entry.position),
            })?;
            envelopes.push(parse(stream, record.position, &record.line)?);
        }
        Ok(envelopes)
    }
}

/// Whether a command belongs to what a lineage shows. One that made or rebased a branch of it
/// stands right before the event that gives the branch its generation.
fn shows(lineage: &Lineage, command: &Envelope) -> bool {
    let position = command.position;
    let made = BranchGeneration(position.next());
    let mut levels = lineage.levels().iter();
    if levels.any(|level| level.generation == made) {
        return true;
    }
    match (command.generation.branch, &command.aggregate) {
        (Some(generation), _) => lineage.shows(generation, position),
        (None, AggregateId::Database(_)) => lineage.shows(BranchGeneration::MAIN, position),
        (None, _) => false,
    }
}
