//! An envelope as a worker reads it: the head is parsed, the data stays raw until a handler needs
//! it. Commands are most of the bytes of a bulk, and their data is never parsed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use spice_core::{
    envelope::{EventType, Generations, Kind, SCHEMA_VERSION},
    error::StoreError,
    id::{BranchGeneration, EventId, LogPosition, Sequence, StreamId},
    port::{Store, log::Record},
    time::Timestamp,
};

/// One envelope, borrowed from its line.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Its position.
    pub position: LogPosition,
    /// Its id.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// Command, domain event or control mark.
    pub kind: Kind,
    /// Its aggregate, as text.
    pub aggregate_id: Cow<'a, str>,
    /// The aggregate's sequence.
    pub sequence: Option<Sequence>,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// The branch that its aggregate belongs to, for the aggregates of a branch.
    pub branch: Option<BranchGeneration>,
    /// The trace context of the command that caused it, as written.
    traceparent: Option<&'a RawValue>,
    /// Its data.
    pub data: &'a RawValue,
    /// Its line, without the line end.
    pub line: &'a [u8],
}

/// Why a line is not the expected envelope.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It cannot be read.
    #[error("cannot read the envelope at position {position}: {reason}")]
    Unreadable {
        /// Its position.
        position: LogPosition,
        /// What is wrong with it.
        reason: String,
    },
    /// It belongs to another log, or to another position in this one.
    #[error("the record at position {position} is the envelope {database}/{generation} at {says}")]
    Foreign {
        /// The position where it was found.
        position: LogPosition,
        /// The database that it names.
        database: String,
        /// The generation that it names.
        generation: u32,
        /// The position that it names.
        says: LogPosition,
    },
}

impl From<Damage> for StoreError {
    fn from(damage: Damage) -> Self {
        Self::Damaged {
            store: Store::Log,
            reason: damage.to_string(),
        }
    }
}

/// Data that does not have the shape of its event type.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the data of {event_type} at position {position}: {reason}")]
pub struct BadData {
    event_type: EventType,
    position: LogPosition,
    reason: serde_json::Error,
}

impl BadData {
    /// The answer of a store to which the event cannot be applied.
    pub(crate) fn to_refusal(&self, store: Store) -> StoreError {
        StoreError::Rejected {
            store,
            reason: self.to_string(),
        }
    }
}

impl From<BadData> for StoreError {
    fn from(bad: BadData) -> Self {
        Self::Damaged {
            store: Store::Log,
            reason: bad.to_string(),
        }
    }
}

/// What a domain event changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Class,
    Instance,
    Branch,
    /// A database, or a merge, whose effects are events of their own.
    Other,
}

#[derive(Deserialize)]
struct Head<'a> {
    event_id: EventId,
    event_type: EventType,
    #[serde(borrow)]
    aggregate_id: Cow<'a, str>,
    occurred_at: Timestamp,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: MetadataHead<'a>,
    #[serde(borrow)]
    schema_version: Cow<'a, str>,
    sequence_number: Option<Sequence>,
    position: LogPosition,
    #[serde(borrow)]
    database: Cow<'a, str>,
    generation: Generations,
}

#[derive(Deserialize)]
struct MetadataHead<'a> {
    kind: Kind,
    #[serde(borrow, default)]
    traceparent: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Parses a record's head.
    pub fn read(record: &'a Record, stream: &StreamId) -> Result<Self, Damage> {
        let unreadable = |reason: String| Damage::Unreadable {
            position: record.position,
            reason,
        };
        let head: Head<'a> =
            serde_json::from_slice(&record.line).map_err(|error| unreadable(error.to_string()))?;
        if head.schema_version != SCHEMA_VERSION {
            let version = head.schema_version;
            return Err(unreadable(format!("unknown schema_version {version:?}")));
        }
        let ours = head.database == stream.database.as_str()
            && head.generation.database == stream.generation;
        if !ours || head.position != record.position {
            return Err(Damage::Foreign {
                position: record.position,
                database: head.database.into_owned(),
                generation: head.generation.database,
                says: head.position,
            });
        }
        Ok(Self {
            position: head.position,
            event_id: head.event_id,
            event_type: head.event_type,
            kind: head.metadata.kind,
            traceparent: head.metadata.traceparent,
            aggregate_id: head.aggregate_id,
            sequence: head.sequence_number,
            occurred_at: head.occurred_at,
            branch: head.generation.branch,
            data: head.data,
            line: &record.line,
        })
    }

    /// Parses the data into the shape of its type.
    pub fn data<T: Deserialize<'a>>(&self) -> Result<T, BadData> {
        serde_json::from_str(self.data.get()).map_err(|reason| BadData {
            event_type: self.event_type,
            position: self.position,
            reason,
        })
    }

    /// Returns what the event changes; none for a command or a control mark.
    pub(crate) fn subject(&self) -> Option<Subject> {
        if self.kind != Kind::Domain {
            return None;
        }
        Some(match self.event_type {
            EventType::OntologyClassCreated
            | EventType::OntologyClassUpdated
            | EventType::OntologyClassDeleted => Subject::Class,
            EventType::InstanceCreated
            | EventType::InstanceUpdated
            | EventType::InstanceDeleted => Subject::Instance,
            EventType::BranchCreated | EventType::BranchRebased | EventType::BranchDeleted => {
                Subject::Branch
            }
            _ => Subject::Other,
        })
    }

    /// Returns the trace context of the command that caused the event.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let written = self.traceparent?;
        serde_json::from_str(written.get()).ok()
    }

    /// Returns the branch that the event belongs to.
    pub fn branch(&self) -> BranchGeneration {
        self.branch.unwrap_or(BranchGeneration::MAIN)
    }

    /// Returns whether the log ends here.
    pub fn seals(&self) -> bool {
        self.event_type == EventType::DatabaseSealed
    }
}

/// Returns whether a record is the seal of its log.
pub(crate) fn is_seal(record: &Record, stream: &StreamId) -> bool {
    Event::read(record, stream).is_ok_and(|event| event.seals())
}

#[cfg(test)]
mod tests {
    use spice_core::{
        id::{LogPosition, StreamId},
        port::log::Record,
    };

    use super::Event;

    fn traceparent(metadata: &str) -> Option<String> {
        let line = format!(
            r#"{{"event_id":"91e9c88a-222f-5d7b-968b-929172a10469","event_type":"INSTANCE_CREATED",
            "aggregate_type":"Instance","aggregate_id":"demo:main:Part:a","data":{{}},
            "occurred_at":"2026-01-01T00:00:00.000000Z","metadata":{{"kind":"domain"{metadata}}},
            "schema_version":"1","sequence_number":1,"position":7,"database":"demo",
            "generation":{{"database":1}}}}"#
        );
        let record = Record {
            position: LogPosition(7),
            line: line.into(),
        };
        let stream = StreamId::first("demo".parse().unwrap());
        Event::read(&record, &stream).unwrap().traceparent()
    }

    #[test]
    fn the_trace_context_is_read_if_there_is_one() {
        assert_eq!(traceparent(""), None);
        assert_eq!(traceparent(r#","traceparent":null"#), None);
        let escaped = traceparent(r#","traceparent":"cc-1-2-03-a\"b""#);
        assert_eq!(escaped.as_deref(), Some("cc-1-2-03-a\"b"));
    }
}
