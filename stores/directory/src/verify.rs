//! The full check of a directory, for `spice log verify`: every byte, line and envelope, and the
//! relations between them. It only reads; another process may be appending.

use std::{fs, path::Path, sync::Arc};

use spice_core::{
    chain::{Chain, ChainHead},
    envelope::{Envelope, EventType},
    id::{LogPosition, StreamId},
    port::StoreResult,
    time::Timestamp,
};

use spice_store_segment::{self as segment, Lines};

use super::{
    index::Segment,
    report::{Problem, Report, StreamReport},
    scan::{self, Depth},
};

/// How often the check of a log is repeated because its segments were merged meanwhile.
const ATTEMPTS: usize = 8;

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

fn check_stream(root: &Path, stream: &StreamId) -> StoreResult<Check> {
    let mut attempt = 1;
    loop {
        let found = scan::scan(root, stream, Depth::Whole)?;
        let mut check = Check::new(stream);
        for segment in &found.segments {
            check.read_segment(&root.join(&check.name), segment)?;
        }
        check.report.chained_from = check.head.chained_from().map(|position| position.0);
        check.report.chain = check.head.next();
        let again = scan::scan(root, stream, Depth::Newest(0))?;
        if check.problems.is_empty()
            || attempt == ATTEMPTS
            || starts_with(&again.segments, &found.segments)
        {
            check.problems.splice(0..0, found.problems);
            return Ok(check);
        }
        attempt += 1;
    }
}

/// Returns whether all segments still exist, possibly followed by others.
fn starts_with(now: &[Arc<Segment>], before: &[Arc<Segment>]) -> bool {
    now.len() >= before.len()
        && now
            .iter()
            .zip(before)
            .all(|(now, before)| (now.first, now.count) == (before.first, before.count))
}

struct Check {
    name: String,
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
            name: stream.to_string(),
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

    fn read_segment(&mut self, directory: &Path, segment: &Segment) -> StoreResult<()> {
        let path = directory.join(segment::file_name(segment.first));
        let lines = scan::load(&path, &self.name, segment.first)?.and_then(|lines| {
            if lines.count() == segment.count as usize {
                return Ok(lines);
            }
            Err(format!(
                "has {} envelopes, not {}",
                lines.count(),
                segment.count
            ))
        });
        match lines {
            Ok(lines) => {
                self.report.segments += 1;
                self.report.bytes += fs::metadata(&path).map_or(0, |metadata| metadata.len());
                self.read_lines(&path, segment.first, &lines);
            }
            Err(reason) => self.problem(&path, reason),
        }
        Ok(())
    }

    fn read_lines(&mut self, path: &Path, first: u64, lines: &Lines) {
        for (position, index) in (first..).zip(0..lines.count()) {
            let line = lines.line(index);
            let read = self.read_line(position, &line);
            match read.and_then(|()| self.follow_chain(position, &line)) {
                Ok(()) => self.report.envelopes += 1,
                Err(reason) => self.problem(path, format!("line {}: {reason}", index + 1)),
            }
        }
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

    fn problem(&mut self, path: &Path, reason: String) {
        self.problems.push(Problem {
            stream: Some(self.stream.clone()),
            file: path.to_owned(),
            reason,
            refuses: true,
        });
    }
}
