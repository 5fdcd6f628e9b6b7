//! The target of a read: a database, a branch, a position (`as_of`), and how new it must be
//! (`at_least`).

use std::{ops::RangeInclusive, sync::Arc};

use spice_core::{
    error::{ErrorCode, Refusal},
    id::{BranchGeneration, CommandId, LogPosition},
    lineage::View,
    model::{BranchState, is_past},
    name::{BranchName, DatabaseName},
    ontology::{Class, Schema},
    port::graph::Entity,
    time::Timestamp,
};
use tokio::time::timeout_at;

use super::{
    reads::Reads,
    wait::{Needs, Patience, Wanted},
    waits::{Ended, For},
};
use crate::writer::Snapshot;

/// How far an `as_of` time may be ahead of the server's clock in microseconds, because clients'
/// clocks differ.
const SKEW: i64 = 1_000_000;

/// The target of a read.
pub(crate) struct Reading {
    pub(super) reads: Arc<Reads>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) branch: BranchName,
    pub(crate) view: View,
    pub(crate) as_of: Option<LogPosition>,
}

/// `as_of`: a position, or a time that is converted to one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AsOf {
    Position(LogPosition),
    Time(Timestamp),
}

/// `at_least`: a position, or the command whose events must be visible.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AtLeast {
    Position(LogPosition),
    Command(CommandId),
}

/// The requested state, how new it must be, and how long to wait for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub(crate) as_of: Option<AsOf>,
    pub(crate) at_least: Option<AtLeast>,
    pub(crate) patience: Patience,
}

/// A database, once it is new enough for the read.
pub(crate) struct Standing {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) as_of: Option<LogPosition>,
}

impl Reads {
    /// The target of a read on a branch, once the needed sinks are new enough. A cursor's position
    /// replaces `as_of`.
    pub(crate) async fn reading(
        self: &Arc<Self>,
        (database, branch): (&DatabaseName, BranchName),
        when: When,
        pinned: Option<LogPosition>,
        needs: Needs,
    ) -> Result<Reading, Refusal> {
        let Standing { snapshot, as_of } = self.standing(database, when, needs).await?;
        let as_of = pinned.filter(|pinned| *pinned < snapshot.end).or(as_of);
        let (needs, shown) = match as_of {
            None => (needs, overlays(&snapshot, snapshot.branch(&branch)?)),
            // The graph alone keeps what was.
            Some(position) => (Needs::GRAPH, Some(position)),
        };
        if let Some(shown) = shown {
            // Overlays are built from the log; what is there before would be a false answer.
            let wanted = Wanted::position(&snapshot.stream, needs, shown);
            self.wait_shown(&wanted, when.patience).await?;
        }
        let view = match as_of {
            None => snapshot.view(&branch)?,
            Some(position) => self.view_at(&snapshot, &branch, position).await?,
        };
        Ok(Reading {
            reads: Arc::clone(self),
            snapshot,
            branch,
            view,
            as_of,
        })
    }

    /// The database, once the needed sinks show what `at_least` asks for, and the position of
    /// `as_of`.
    pub(crate) async fn standing(
        &self,
        database: &DatabaseName,
        when: When,
        needs: Needs,
    ) -> Result<Standing, Refusal> {
        let patience = when.patience;
        let writer = &self.engine.writer;
        let mut snapshot = match when.as_of {
            Some(AsOf::Position(position)) => writer.snapshot_reaching(database, position).await?,
            _ => writer.snapshot(database).await?,
        };
        if let Some(at_least) = when.at_least {
            // A read at a position uses only the graph.
            let needs = match when.as_of {
                Some(_) if needs != Needs::NOTHING => Needs::GRAPH,
                _ => needs,
            };
            let events = self.find_events(&snapshot, at_least, patience).await?;
            let last = *events.end();
            let wanted = Wanted {
                stream: &snapshot.stream,
                needs,
                events,
            };
            self.wait_shown(&wanted, patience).await?;
            snapshot = writer.snapshot_reaching(database, last).await?;
        }
        let as_of = match when.as_of {
            None => None,
            Some(as_of) => Some(self.position_of(&snapshot, as_of).await?),
        };
        Ok(Standing { snapshot, as_of })
    }

    async fn position_of(&self, snapshot: &Snapshot, as_of: AsOf) -> Result<LogPosition, Refusal> {
        let last = snapshot.end.before();
        match as_of {
            AsOf::Position(position) if position > last => {
                let message =
                    format!("as_of: position {position} is after the log's last position {last}");
                let text = position.to_string();
                Err(misfit("as_of", "range", &text, message).with("position", last.0))
            }
            AsOf::Position(position) => Ok(position),
            AsOf::Time(time) if is_future(time, self.engine.clock.now()) => {
                let message = format!(
                    "as_of: {time} is in the future; leave as_of out to read the current state"
                );
                Err(misfit("as_of", "range", &time.to_string(), message))
            }
            AsOf::Time(time) => {
                let log = &self.engine.log;
                let after = log.position_after(&snapshot.stream, time).await?;
                if after == LogPosition::ZERO {
                    return Err(not_found(format!("the database did not exist at {time}")));
                }
                Ok(after.before().min(last))
            }
        }
    }

    /// The events that `at_least` asks for: all events of the command that it names, or of the
    /// command at its position. Waits for a position that is not in the log yet.
    async fn find_events(
        &self,
        snapshot: &Snapshot,
        at_least: AtLeast,
        patience: Patience,
    ) -> Result<RangeInclusive<LogPosition>, Refusal> {
        let command = match at_least {
            AtLeast::Command(command) => command,
            AtLeast::Position(position) => {
                if position >= snapshot.end {
                    self.wait_appended(snapshot, position, patience).await?;
                }
                let log = &self.engine.log;
                let Some(record) = log.read_one(&snapshot.stream, position).await? else {
                    return Ok(position..=position);
                };
                record.head()?.metadata.command_id
            }
        };
        let database = &snapshot.stream.database;
        match self.engine.writer.receipt_in(database, command).await? {
            Some(receipt) if receipt.stream == snapshot.stream => {
                Ok(receipt.position..=receipt.last)
            }
            _ => {
                let message = format!("no command {command} is in the log of this database");
                let text = command.to_string();
                Err(misfit("at_least", "command", &text, message))
            }
        }
    }

    /// Waits until a position is in the log.
    async fn wait_appended(
        &self,
        snapshot: &Snapshot,
        position: LogPosition,
        patience: Patience,
    ) -> Result<(), Refusal> {
        let wait = self.waits.begin(For::Log);
        let database = &snapshot.stream.database;
        let appended = self.engine.writer.snapshot_with(database, position);
        if let Ok(appended) = timeout_at(patience.deadline, appended).await {
            wait.end(Ended::with(&appended));
            return appended.map(|_| ());
        }
        wait.end(Ended::Timeout);
        let end = self.engine.log.end(&snapshot.stream).await?;
        let last = end.before();
        let seconds = patience.limit.as_secs_f64();
        let message = format!(
            "position {position} is not in the log after {seconds} s; the last position is {last}"
        );
        Err(Refusal::new(ErrorCode::Timeout, message).with("position", last.0))
    }
}

/// Whether a time is further ahead than any client's clock may be.
fn is_future(time: Timestamp, now: Timestamp) -> bool {
    time.as_micros() > now.as_micros().saturating_add(SKEW)
}

/// The position of the last branch that a read on `branch` uses and whose overlay is built from the
/// log. A deleted one counts too, because nothing shows the opposite any more.
fn overlays(snapshot: &Snapshot, branch: &BranchState) -> Option<LogPosition> {
    let levels = branch.lineage.levels().iter();
    levels
        .map(|level| level.generation)
        .filter(|generation| *generation != BranchGeneration::MAIN)
        .filter(|generation| {
            let mut branches = snapshot.branches.values();
            branches
                .find(|known| known.generation == *generation)
                .is_none_or(|known| is_past(known.from_position, known.generation.0))
        })
        .map(|generation| generation.0)
        .max()
}

/// A parameter that does not match the existing data.
pub(super) fn misfit(field: &str, rule: &str, value: &str, message: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
        .with("field", field)
        .with("rule", rule)
        .with("value", value)
}

fn not_found(message: String) -> Refusal {
    Refusal::new(ErrorCode::NotFound, message)
}

impl Reading {
    /// The last position that the read can show.
    pub(crate) fn last(&self) -> LogPosition {
        self.as_of.unwrap_or_else(|| self.snapshot.end.before())
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.reads.engine.clock.now()
    }

    /// The classes for the read: the current ones, or those at its position.
    pub(crate) async fn schema(&self) -> Result<Arc<Schema>, Refusal> {
        if self.as_of.is_none() {
            return self.snapshot.schema(&self.branch);
        }
        let mut schema = Schema::default();
        for version in self.reads.engine.graph.classes(&self.view).await? {
            if let (Entity::Class(id), Some(data)) = (version.state.entity, version.state.data) {
                schema.put(Arc::new(Class::parse_stored(id, &data)?));
            }
        }
        Ok(Arc::new(schema))
    }

    /// A class by id or label, or `not_found`.
    pub(crate) async fn class(&self, name: &str) -> Result<Arc<Class>, Refusal> {
        let schema = self.schema().await?;
        let class = schema.resolve(name).cloned();
        class.ok_or_else(|| no_class(name))
    }
}

/// A class that a branch does not have.
pub(super) fn no_class(name: &str) -> Refusal {
    not_found(format!("there is no class {name:?} on this branch")).with("class_id", name)
}
