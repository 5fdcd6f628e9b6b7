//! Identities: positions, sequences, generations, streams, command and event ids, aggregates.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::name::{BranchName, ClassName, DatabaseName, InstanceId, InvalidName};

/// The position of an envelope in its log: 0, 1, 2 … without gaps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LogPosition(pub u64);

impl LogPosition {
    /// The first position of a log.
    pub const ZERO: Self = Self(0);
    /// An upper bound of all positions, meaning "now". Fits a signed 64-bit column.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The position after `count` more envelopes.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The previous position; position zero stays.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an accepted command within its aggregate; creation is 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The sequence of the next accepted command.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The generation of a branch: the position of its creation or last rebase. Names are reused,
/// generations never. `main` has the generation 0, the opening of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BranchGeneration(pub LogPosition);

impl BranchGeneration {
    /// The generation of `main`, the root of every lineage.
    pub const MAIN: Self = Self(LogPosition::ZERO);
}

impl fmt::Display for BranchGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One log: a generation of a database. `demo` is the first, `demo.g2` the second, …
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The database of the log.
    pub database: DatabaseName,
    /// 1 for the first database of that name, one more for each recreation.
    pub generation: u32,
}

impl StreamId {
    /// The log of the first database of this name.
    pub fn first(database: DatabaseName) -> Self {
        Self {
            database,
            generation: 1,
        }
    }

    /// The log of the next database of this name.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            database: self.database.clone(),
            generation: self.generation + 1,
        }
    }

    /// The topic of this log on the bus (design, From the log to the sinks).
    pub fn topic(&self) -> String {
        if self.generation == 1 {
            format!("spice.{}.log", self.database)
        } else {
            format!("spice.{}.log.g{}", self.database, self.generation)
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.generation == 1 {
            write!(f, "{}", self.database)
        } else {
            write!(f, "{}.g{}", self.database, self.generation)
        }
    }
}

impl FromStr for StreamId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            kind: "log",
            value: text.chars().take(120).collect(),
            rule: "a database name, then .g2, .g3 … if it was recreated",
        };
        match text.split_once(".g") {
            None => Ok(Self::first(text.parse()?)),
            Some((database, generation)) => {
                let number: u32 = generation.parse().map_err(|_| invalid())?;
                if number < 2 || generation.starts_with('0') || generation.starts_with('+') {
                    return Err(invalid());
                }
                Ok(Self {
                    database: database.parse()?,
                    generation: number,
                })
            }
        }
    }
}

/// The id of an installation: a log store, with the registry and the sinks that follow its logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallationId(pub Uuid);

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for InstallationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

/// The id of a command: new, or derived from the request's `Idempotency-Key`
/// ([`crate::idempotency`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of an envelope: for a command its command id, for a domain event [`EventId::domain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl EventId {
    /// The id of the domain event of `event_type` that `command` causes on `aggregate` (contract
    /// §5; a test here uses its test vector).
    pub fn domain(command: CommandId, event_type: &str, aggregate: &AggregateId) -> Self {
        let name = format!("spice:{command}:{event_type}:{aggregate}");
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The unit of sequence numbers. Two different aggregates never have the same text: a key always
/// carries its type, and inside a class or an instance id `:` is written `%3A` and `%` is written
/// `%25`. Ids of older logs contain no `%`, so their texts stay the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AggregateId {
    /// A database.
    Database(DatabaseName),
    /// A branch of a database.
    Branch(DatabaseName, BranchName),
    /// A class on a branch.
    OntologyClass(DatabaseName, BranchName, ClassName),
    /// An instance on a branch.
    Instance(DatabaseName, BranchName, ClassName, InstanceId),
}

/// The kind of an aggregate: `aggregate_type` in the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AggregateType {
    /// [`AggregateId::Database`]
    Database,
    /// [`AggregateId::Branch`]
    Branch,
    /// [`AggregateId::OntologyClass`]
    OntologyClass,
    /// [`AggregateId::Instance`]
    Instance,
}

impl AggregateId {
    /// The kind of this aggregate.
    pub fn aggregate_type(&self) -> AggregateType {
        match self {
            Self::Database(_) => AggregateType::Database,
            Self::Branch(..) => AggregateType::Branch,
            Self::OntologyClass(..) => AggregateType::OntologyClass,
            Self::Instance(..) => AggregateType::Instance,
        }
    }

    /// Parses the text of [`fmt::Display`].
    pub fn parse(kind: AggregateType, text: &str) -> Result<Self, InvalidName> {
        let mut parts = text.split(':');
        let mut next = || parts.next().unwrap_or_default();
        let id = match kind {
            AggregateType::Database => Self::Database(next().parse()?),
            AggregateType::Branch => Self::Branch(next().parse()?, next().parse()?),
            AggregateType::OntologyClass => {
                Self::OntologyClass(next().parse()?, next().parse()?, unescape(next())?.parse()?)
            }
            AggregateType::Instance => Self::Instance(
                next().parse()?,
                next().parse()?,
                unescape(next())?.parse()?,
                unescape(next())?.parse()?,
            ),
        };
        if parts.next().is_some() {
            return Err(not_an_aggregate(text));
        }
        Ok(id)
    }
}

impl fmt::Display for AggregateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(database) => write!(f, "{database}"),
            Self::Branch(database, branch) => write!(f, "{database}:{branch}"),
            Self::OntologyClass(database, branch, class) => {
                write!(f, "{database}:{branch}:{}", escape(class.as_str()))
            }
            Self::Instance(database, branch, class, id) => write!(
                f,
                "{database}:{branch}:{}:{}",
                escape(class.as_str()),
                escape(id.as_str())
            ),
        }
    }
}

fn not_an_aggregate(text: &str) -> InvalidName {
    InvalidName {
        kind: "aggregate",
        value: text.chars().take(120).collect(),
        rule: "as many parts as its type has, joined with :, with : written as %3A and % as %25 inside a part",
    }
}

/// Escapes a text for an id whose parts are joined with `:`: `:` becomes `%3A` and `%` becomes
/// `%25`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.contains([':', '%']) {
        text.replace('%', "%25").replace(':', "%3A").into()
    } else {
        text.into()
    }
}

fn unescape(text: &str) -> Result<Cow<'_, str>, InvalidName> {
    let mut pieces = text.split('%');
    let first = pieces.next().unwrap_or_default();
    let mut plain = Cow::Borrowed(first);
    for piece in pieces {
        let (sign, rest) = match (piece.strip_prefix("3A"), piece.strip_prefix("25")) {
            (Some(rest), _) => (':', rest),
            (None, Some(rest)) => ('%', rest),
            (None, None) => return Err(not_an_aggregate(text)),
        };
        let written = plain.to_mut();
        written.push(sign);
        written.push_str(rest);
    }
    Ok(plain)
}

/// An instance named within a branch, as in references: `Class/id`. A class contains no `/`, so the
/// first one ends it; the id may contain more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceRef {
    /// The class.
    pub class: ClassName,
    /// The id within the class.
    pub id: InstanceId,
}

impl fmt::Display for InstanceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.class, self.id)
    }
}

impl FromStr for InstanceRef {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let Some((class, id)) = text.split_once('/') else {
            return Err(InvalidName {
                kind: "reference",
                value: text.chars().take(120).collect(),
                rule: "Class/id",
            });
        };
        Ok(Self {
            class: class.parse()?,
            id: id.parse()?,
        })
    }
}
