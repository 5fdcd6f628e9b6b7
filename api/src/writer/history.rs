//! The commands of a branch, newest first: its own, and its parents' as far as it shows them.
//! Payloads are skipped while reading, because a bulk may be as large as a body.

use spice_core::{
    envelope::Envelope,
    error::{Refusal, StoreError},
    id::{AggregateId, BranchGeneration, LogPosition},
    lineage::Lineage,
    name::{BranchName, DatabaseName},
    port::log::missing,
};

use super::{Writer, look::Look};

/// The number of commands whose positions are requested together.
const STEP: usize = 500;
/// The maximum number of other branches' commands that one page skips before it is returned short.
const MOST_PASSED: usize = 5_000;
/// The maximum number of log bytes that one page reads before it is returned short.
const MOST_READ: usize = 64 << 20;

/// A page of a branch's commands.
#[derive(Debug, Clone)]
pub struct History {
    /// The envelopes of the commands without their payloads, newest first.
    pub commands: Vec<Envelope>,
    /// The page continues before this position, if there may be more.
    pub before: Option<LogPosition>,
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
        let lineage = look.branch(branch)?.lineage.at(look.last());
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
    async fn command(&self, position: LogPosition) -> Result<(Envelope, usize), StoreError> {
        let source = self.source();
        let record = source.ports.log.read_one(source.stream, position).await?;
        let record = record.ok_or_else(|| missing(source.stream, position))?;
        Ok((record.head()?, record.line.len()))
    }
}

/// Whether a command belongs to a lineage. A command that created or rebased one of its branches is
/// right before the event that gives the branch its generation.
fn shows(lineage: &Lineage, command: &Envelope) -> bool {
    let position = command.position;
    if lineage.depth(BranchGeneration(position.next())).is_some() {
        return true;
    }
    match (command.generation.branch, &command.aggregate) {
        (Some(generation), _) => lineage.shows(generation, position),
        (None, AggregateId::Database(_)) => lineage.shows(BranchGeneration::MAIN, position),
        (None, _) => false,
    }
}
