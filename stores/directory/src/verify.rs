//! The full check of a directory, for `spice log verify`: every byte, line and envelope, and the
//! relations between them. It only reads; another process may be appending.

use std::path::Path;

use spice_core::{
    chain::{Chain, ChainHead},
    envelope::{Envelope, EventType},
    id::{LogPosition, StreamId},
    port::StoreResult,
    time::Timestamp,
};

use spice_store_segment::Lines;

use super::{
    report::{Problem, Report, StreamReport},
    scan,
    walk::{Place, Walk},
};

/// Checks everything in a directory. Blocks.
pub fn verify(root: impl AsRef<Path>) -> StoreResult<Report> {
    let root = root.as_ref();
    let (streams, problems) = scan::list_streams(root)?;
    let mut report = Report {
        streams: Vec::new(),
        problems,
    };
    for stream in streams {
        let checked = check_stream(root, &stream)?;
        report.streams.push(checked.report);
        report.problems.extend(checked.problems);
    }
    Ok(report)
}

/// Checks one log up to the end that it has now. It goes by position and not by file, because a
/// merge may replace the files meanwhile; the lines stay the same.
fn check_stream(root: &Path, stream: &StreamId) -> StoreResult<Check> {
    let found = scan::scan(root, stream, 0)?;
    let end = found.segments.last().map_or(0, |segment| segment.end());
    let mut check = Check::new(stream);
    check.problems = found.problems;
    let name = stream.to_string();
    let mut walk = Walk::new(root.join(&name), &name);
    let mut position = 0;
    while position < end {
        position = match walk.at(position)? {
            Place::Segment {
                path,
                first,
                lines,
                bytes,
            } => {
                check.report.segments += 1;
                check.report.bytes += bytes;
                check.read_lines(&path, first, position, &lines)
            }
            Place::Damaged { path, next, reason } => {
                check.problem(&path, reason);
                next.unwrap_or(end)
            }
            Place::Missing { next: None } => break,
            Place::Missing {
                next: Some((path, first)),
            } => {
                check.problem(&path, scan::gap(first, position));
                first
            }
        };
    }
    check.report.chained_from = check.head.chained_from().map(|position| position.0);
    check.report.chain = check.head.next();
    Ok(check)
}

struct Check {
    stream: StreamId,
    report: StreamReport,
    problems: Vec<Problem>,
    latest: Option<Timestamp>,
    is_sealed: bool,
    head: ChainHead,
}

impl Check {
    fn new(stream: &StreamId) -> Self {
        Self {
            stream: stream.clone(),
            report: StreamReport {
                stream: stream.clone(),
                segments: 0,
                envelopes: 0,
                bytes: 0,
                chained_from: None,
                chain: None,
            },
            problems: Vec::new(),
            latest: None,
            is_sealed: false,
            head: ChainHead::at(stream, LogPosition::ZERO),
        }
    }

    /// Reads a segment from a position on; returns its end.
    fn read_lines(&mut self, path: &Path, first: u64, from: u64, lines: &Lines) -> u64 {
        for (position, index) in (first..).zip(0..lines.count()) {
            if position < from {
                continue;
            }
            let line = lines.line(index);
            let read = self.read_line(position, &line);
            match read.and_then(|()| self.follow_chain(position, &line)) {
                Ok(()) => self.report.envelopes += 1,
                Err(reason) => self.problem(path, format!("line {}: {reason}", index + 1)),
            }
        }
        first + lines.count() as u64
    }

    fn read_line(&mut self, position: u64, line: &[u8]) -> Result<(), String> {
        let envelope =
            Envelope::from_line(line).map_err(|error| format!("is not an envelope: {error}"))?;
        if Chain::of_line(line) != envelope.chain {
            return Err("carries a chain that is not its last field".to_owned());
        }
        if envelope.position.0 != position {
            return Err(format!(
                "has the position {}, not {position}",
                envelope.position
            ));
        }
        if envelope.database != self.stream.database
            || envelope.generation.database != self.stream.generation
        {
            return Err(format!(
                "belongs to generation {} of database {}",
                envelope.generation.database, envelope.database
            ));
        }
        if self.is_sealed {
            return Err("comes after the seal".to_owned());
        }
        self.is_sealed = envelope.event_type == EventType::DatabaseSealed;
        if let Some(latest) = self.latest
            && envelope.occurred_at < latest
        {
            return Err(format!(
                "was accepted at {}, earlier than the envelope before it ({latest})",
                envelope.occurred_at
            ));
        }
        self.latest = Some(envelope.occurred_at);
        Ok(())
    }

    /// After a break, or after an unreadable segment, the chain starts again.
    fn follow_chain(&mut self, position: u64, line: &[u8]) -> Result<(), String> {
        let position = LogPosition(position);
        if self.head.position() != position {
            self.head = ChainHead::at(&self.stream, position);
        }
        let taken = self.head.take(position, line);
        taken.map_err(|fault| {
            self.head = ChainHead::at(&self.stream, position);
            // From the beginning of this append on nothing can fail.
            drop(self.head.take(position, line));
            fault.to_string()
        })
    }

    /// Adds a problem, unless the scan has reported this one.
    fn problem(&mut self, path: &Path, reason: String) {
        let is_known = |known: &Problem| known.file == path && known.reason == reason;
        if self.problems.iter().any(is_known) {
            return;
        }
        self.problems.push(Problem {
            stream: Some(self.stream.clone()),
            file: path.to_owned(),
            reason,
            refuses: true,
        });
    }
}
