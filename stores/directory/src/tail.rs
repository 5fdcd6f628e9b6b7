//! Checks that the log is still as long as this process knows it. Somebody may remove, truncate or
//! replace files while it runs. Only the last segment is checked: one file system call for each
//! append.

use std::{fs, io::ErrorKind, sync::Arc};

use spice_core::port::StoreResult;

use super::{
    Inner,
    failure::unavailable,
    index::Segment,
    mutex::lock_mutex,
    report::Problem,
    scan::{self, Found},
    stream::{Stream, Writer},
};

/// The size in bytes of the newest segments that are read and checked when the last one has
/// changed.
const CHECKED: u64 = 64 << 20;

impl Inner {
    /// Checks that the log still ends where it is known to end.
    pub(super) fn check_unchanged_tail(&self, stream: &Stream) -> StoreResult<()> {
        if is_tail_unchanged(stream)? {
            return Ok(());
        }
        self.check_tail(stream, &mut lock_mutex(&stream.writer))
    }

    /// [`Inner::check_unchanged_tail`] for the appender. Afterwards the log may end before the known end; a
    /// log whose last segment was replaced is refused.
    pub(super) fn check_tail(&self, stream: &Stream, writer: &mut Writer) -> StoreResult<()> {
        stream.check()?;
        if is_tail_unchanged(stream)? {
            return Ok(());
        }
        // The directory itself may have been replaced.
        writer.directory = None;
        let _no_merge = lock_mutex(&stream.merging);
        let found = self.scan_again(stream)?;
        let known = stream.index().segments().to_vec();
        let mut problems = found.problems;
        problems.extend(report_replaced(stream, known.last(), &found.segments));
        let refusing: Vec<String> = problems
            .iter()
            .filter(|problem| problem.refuses)
            .map(ToString::to_string)
            .collect();
        self.remember(problems);
        if !refusing.is_empty() {
            stream.refuse(&refusing);
            return stream.check();
        }
        for segment in known {
            let key = (stream.id.clone(), segment.first, segment.count);
            lock_mutex(&self.cache).remove(&key);
        }
        let before = stream.end();
        stream.reset(found.segments);
        let end = stream.end();
        if end < before {
            tracing::error!(stream = stream.name, before, end, "the log became shorter");
        }
        Ok(())
    }

    fn scan_again(&self, stream: &Stream) -> StoreResult<Found> {
        let directory = &stream.directory;
        let is_there = directory.try_exists().map_err(|error| {
            unavailable(format!("cannot check {}: {error}", directory.display()))
        })?;
        if !is_there {
            return Ok(Found::default());
        }
        scan::scan(&self.root, &stream.id, CHECKED)
    }
}

/// Returns whether the last segment is still the same file.
fn is_tail_unchanged(stream: &Stream) -> StoreResult<bool> {
    let last = stream.index().segments().last().cloned();
    let Some(last) = last else {
        return Ok(true);
    };
    let path = stream.file(last.first);
    match fs::metadata(&path) {
        Ok(file) => Ok(last
            .identity
            .get()
            .is_some_and(|known| known.is_file(&file))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unavailable(format!(
            "cannot check {}: {error}",
            path.display()
        ))),
    }
}

/// Reports another file in the place of the last segment.
fn report_replaced(
    stream: &Stream,
    known: Option<&Arc<Segment>>,
    found: &[Arc<Segment>],
) -> Option<Problem> {
    let known = known?;
    let is_shorter = found.last().is_none_or(|last| last.end() < known.end());
    if is_shorter || found.iter().any(|segment| segment.is_same(known)) {
        return None;
    }
    Some(Problem {
        stream: Some(stream.id.clone()),
        file: stream.file(known.first),
        reason: "was exchanged while it was in use".to_owned(),
        refuses: true,
    })
}
