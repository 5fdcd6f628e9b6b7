//! The hash chain of a log. The first envelope of every append carries `chain`: the SHA-256 over
//! the `chain` of the previous append and over each of its lines with its line end. So one value
//! covers everything before it, and an append cannot be removed, added or changed without breaking
//! the chain. Each append begins with the envelope that carries `chain`.
//!
//! A chain starts with a text that names the log, so no log can replace another. Envelopes of a
//! program without chains count as the part before the first append: the first `chain` covers them.

mod anchor;
mod fault;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

pub use self::{
    anchor::{Anchor, KeptHead, check_end, resume},
    fault::LogFault,
};
use crate::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
};

/// The start of every chain, before the name of its log.
const SEED: &str = "spice-harvester log chain 1\n";
/// The end of a line that carries `chain`, before its 64 hexadecimal digits.
const OPEN: &[u8] = b",\"chain\":\"";
const CLOSE: &[u8] = b"\"}";
const DIGITS: usize = 64;

/// A value of the chain, which covers everything that was appended before.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain([u8; 32]);

impl Chain {
    /// A value from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The value in a line, read from the end of the line: `chain` is the last field.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let rest = line.strip_suffix(CLOSE)?;
        let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
        rest.ends_with(OPEN).then(|| parse(digits)).flatten()
    }
}

/// Parses lowercase digits.
fn parse(digits: &[u8]) -> Option<Chain> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if digits.len() != DIGITS {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(Chain(bytes))
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a chain value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a chain value; it must have 64 lowercase hexadecimal digits")]
pub struct InvalidChain {
    text: String,
}

impl FromStr for Chain {
    type Err = InvalidChain;

    fn from_str(text: &str) -> Result<Self, InvalidChain> {
        parse(text.as_bytes()).ok_or_else(|| InvalidChain {
            text: text.chars().take(80).collect(),
        })
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The chain of a log up to a position, fed line by line. A chain that starts at zero is known from
/// the beginning. One that starts later is known from the first `chain` that it meets, and checks
/// every later one.
#[derive(Debug, Clone)]
pub struct ChainHead {
    stream: StreamId,
    guards: Guards,
    /// The position of the next line.
    position: LogPosition,
    /// The position of the first envelope of the last append.
    append: LogPosition,
    /// The hash over the last append's `chain` and its lines so far; none before the first `chain`.
    running: Option<Sha256>,
    /// The first position that carries `chain`.
    chained_from: Option<LogPosition>,
}

impl ChainHead {
    /// The chain of a log that is read from `position` on.
    pub fn at(stream: &StreamId, position: LogPosition) -> Self {
        let seed = || {
            Sha256::new()
                .chain_update(SEED)
                .chain_update(stream.database.as_str())
                .chain_update(format!("\n{}\n", stream.generation))
        };
        Self {
            stream: stream.clone(),
            guards: Guards::default(),
            position,
            append: position,
            running: (position == LogPosition::ZERO).then(seed),
            chained_from: None,
        }
    }

    /// Sets the guards.
    #[must_use]
    pub fn guarded(mut self, guards: Guards) -> Self {
        self.guards = guards;
        self
    }

    /// Takes the next line. An error means that the log is not one chain; do not use anything read
    /// from here on.
    pub fn take(&mut self, position: LogPosition, line: &[u8]) -> Result<(), LogFault> {
        if position != self.position {
            return Err(LogFault::Gap {
                stream: self.stream.clone(),
                expected: self.position,
                found: position,
            });
        }
        if let Some(found) = Chain::of_line(line) {
            self.begin(found)?;
        }
        if let Some(running) = &mut self.running {
            running.update(line);
            running.update(b"\n");
        }
        self.position = position.next();
        Ok(())
    }

    /// Begins an append that carries `found`.
    fn begin(&mut self, found: Chain) -> Result<(), LogFault> {
        if let Some(expected) = self.next()
            && expected != found
            && self.guards.has(Guard::Chain)
        {
            return Err(LogFault::Broken {
                stream: self.stream.clone(),
                position: self.position,
                append: self.append,
                expected,
                found,
            });
        }
        self.append = self.position;
        self.chained_from.get_or_insert(self.position);
        self.running = Some(Sha256::new().chain_update(found.0));
        Ok(())
    }

    /// The log.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The position of the next line.
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// The value for an append at this position, which covers all lines before it. None before the
    /// first `chain`.
    pub fn next(&self) -> Option<Chain> {
        let running = self.running.clone()?;
        Some(Chain(running.finalize().into()))
    }

    /// The anchor at this position; none before the first `chain`.
    pub fn anchor(&self) -> Option<Anchor> {
        Some(Anchor {
            position: self.position,
            append: self.append,
            chain: self.next()?,
        })
    }

    /// The first position that carries `chain`, of those that were read.
    pub fn chained_from(&self) -> Option<LogPosition> {
        self.chained_from
    }
}
