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
    scan::{self, Found},
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
        let found = scan::scan(root, &stream, 0)?;
        let checked = check_stream(root, &stream, found)?;
        report.streams.push(checked.report);
        report.problems.extend(checked.problems);
    }
    Ok(report)
}

/// Checks one log up to the end that a scan found. It goes by position and not by file, because a
/// merge may have replaced the files since; the lines stay the same.
fn check_stream(root: &Path, stream: &StreamId, mut found: Found) -> StoreResult<Check> {
    let directory = root.join(stream.to_string());
    let end = found.segments.last().map_or(0, |segment| segment.end());
    let mut check = Check::new(stream);
    let mut position = 0;
    while position < end {
        let next = found.segments.partition_point(|it| it.end() <= position);
        let Some(segment) = found.segments.get(next) else {
            break;
        };
        let path = directory.join(segment::file_name(segment.first));
        let reason = match scan::load(&path, &check.name, segment.first)? {
            Ok(lines) if segment.first + lines.count() as u64 > position => {
                position = check.read_lines(&path, segment.first, position, &lines);
                continue;
            }
            Ok(lines) => format!("has {} envelopes, not {}", lines.count(), segment.count),
            Err(reason) => reason,
        };
        let again = scan::scan(root, stream, 0)?;
        let is_same = |it: &Arc<Segment>| (it.first, it.count) == (segment.first, segment.count);
        if again.segments.iter().any(is_same) {
            position = segment.end();
            check.problem(&path, reason);
        }
        found = again;
    }
    check.report.chained_from = check.head.chained_from().map(|position| position.0);
    check.report.chain = check.head.next();
    check.problems.splice(0..0, found.problems);
    Ok(check)
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

    /// Reads a segment from a position on; returns its end.
    fn read_lines(&mut self, path: &Path, first: u64, from: u64, lines: &Lines) -> u64 {
        self.report.segments += 1;
        self.report.bytes += fs::metadata(path).map_or(0, |metadata| metadata.len());
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

    fn problem(&mut self, path: &Path, reason: String) {
        self.problems.push(Problem {
            stream: Some(self.stream.clone()),
            file: path.to_owned(),
            reason,
            refuses: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use spice_testing::{envelopes::fill, values::stream};

    use super::*;
    use crate::DirectoryLog;

    #[tokio::test]
    async fn segments_that_were_merged_after_the_scan_are_no_damage() {
        let directory = tempfile::tempdir().unwrap();
        let demo = stream("demo");
        let log = DirectoryLog::open(directory.path()).unwrap();
        fill(&log, &demo, &[1; 40]).await;
        let found = scan::scan(directory.path(), &demo, 0).unwrap();
        while log.merge_once(&demo).await.unwrap() {}
        let check = check_stream(directory.path(), &demo, found).unwrap();
        assert_eq!(check.problems, []);
        assert_eq!(check.report.envelopes, 40);
        assert!(check.report.segments < 40);

        // Without a merge, a segment that goes is missing.
        let found = scan::scan(directory.path(), &demo, 0).unwrap();
        let last = segment::file_name(found.segments.last().unwrap().first);
        let second = segment::file_name(found.segments[1].first);
        assert_ne!(second, last);
        std::fs::remove_file(directory.path().join("demo").join(second)).unwrap();
        let check = check_stream(directory.path(), &demo, found).unwrap();
        let files = check.problems.iter().map(|problem| &problem.file);
        assert_eq!(files.count(), 1, "{:?}", check.problems);
        assert!(check.problems[0].refuses);
    }
}
