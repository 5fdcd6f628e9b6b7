//! The chain of a log while its lines are read.

use sha2::{Digest, Sha256};

use super::{anchor::Anchor, fault::LogFault, value::Chain};
use crate::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
};

/// The start of every chain, before the name of its log.
const SEED: &str = "spice-harvester log chain 1\n";

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
    pub fn with_guards(mut self, guards: Guards) -> Self {
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
        self.running = Some(Sha256::new().chain_update(found.as_bytes()));
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
        Some(Chain::from_bytes(running.finalize().into()))
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
