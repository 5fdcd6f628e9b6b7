//! Scans the disk: which segments form the log, in which order, and every problem. It only reads;
//! files that may be removed are returned.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use spice_core::{error::StoreError, id::StreamId};

use spice_store_segment::{self as segment, EndMark, Lines, MARK_LENGTH};

use super::{
    checkpoint::{CHECKPOINT_FILE, CHECKPOINT_TEMPORARY},
    failure::unavailable,
    index::{Identity, Segment},
    installation::{INSTALLATION_FILE, INSTALLATION_TEMPORARY},
    lock::LOCK_FILE,
    report::Problem,
};

/// Beside the logs.
const OWN_FILES: [&str; 4] = [
    LOCK_FILE,
    INSTALLATION_FILE,
    INSTALLATION_TEMPORARY,
    "lost+found",
];
/// The prefix of an unfinished file's name.
pub(super) const TEMPORARY: &str = ".tmp-";
/// How often a scan is repeated while a writer is running, before its answer counts.
const ATTEMPTS: usize = 64;

/// The result of a scan of one log.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The segments of the log, in order.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The problems.
    pub(super) problems: Vec<Problem>,
    /// Leftovers of an interrupted merge: an earlier segment has their content.
    pub(super) merged: Vec<PathBuf>,
    /// Leftovers of an interrupted write: never part of the log.
    pub(super) temporary: Vec<PathBuf>,
}

/// Lists the logs in a directory, and everything else in it.
pub(super) fn list_streams(root: &Path) -> Result<(Vec<StreamId>, Vec<Problem>), StoreError> {
    let mut streams = Vec::new();
    let mut problems = Vec::new();
    for (name, kind) in list(root)? {
        if OWN_FILES.contains(&name.as_str()) {
            continue;
        }
        match name.parse::<StreamId>() {
            Ok(stream) if kind.is_dir() => streams.push(stream),
            _ => problems.push(Problem {
                stream: None,
                file: root.join(&name),
                reason: "is not a log and does not belong here".to_owned(),
                refuses: false,
            }),
        }
    }
    streams.sort();
    Ok((streams, problems))
}

/// Scans one log. Another process may be appending and merging: a scan is repeated if the directory
/// changed meanwhile. All bytes of the newest segments are checked, up to the size `whole`; of older
/// ones length and end mark.
pub(super) fn scan(root: &Path, stream: &StreamId, whole: u64) -> Result<Found, StoreError> {
    let directory = root.join(stream.to_string());
    let mut before = list(&directory)?;
    let mut found = Scan::new(&directory, stream).run(&before, whole)?;
    for _ in 1..ATTEMPTS {
        if !found.problems.iter().any(|problem| problem.refuses) {
            break;
        }
        let after = list(&directory)?;
        if is_same_beginning(&before, &after) {
            break;
        }
        before = after;
        found = Scan::new(&directory, stream).run(&before, whole)?;
    }
    Ok(found)
}

type Entries = Vec<(String, fs::FileType)>;

/// Whether two listings name the same segments, as far as the first one goes. Appends add files at
/// the end only; when anything else changed, the scan may have seen half of a merge.
fn is_same_beginning(before: &Entries, after: &Entries) -> bool {
    let firsts = |entries: &Entries| -> Vec<u64> {
        let names = entries.iter();
        names
            .filter_map(|(name, _)| segment::parse_file_name(name))
            .collect()
    };
    let (before, after) = (firsts(before), firsts(after));
    after.starts_with(&before) && (!before.is_empty() || after.is_empty())
}

fn list(directory: &Path) -> Result<Entries, StoreError> {
    let failed =
        |error: io::Error| unavailable(format!("cannot list {}: {error}", directory.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        entries.push((entry.file_name().to_string_lossy().into_owned(), kind));
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(entries)
}

struct Scan<'a> {
    directory: &'a Path,
    stream: &'a StreamId,
    name: String,
    found: Found,
    expected: u64,
}

impl<'a> Scan<'a> {
    fn new(directory: &'a Path, stream: &'a StreamId) -> Self {
        Self {
            directory,
            stream,
            name: stream.to_string(),
            found: Found::default(),
            expected: 0,
        }
    }

    fn run(mut self, entries: &Entries, whole: u64) -> Result<Found, StoreError> {
        let mut files = Vec::new();
        for (name, kind) in entries {
            let path = self.directory.join(name);
            match segment::parse_file_name(name) {
                Some(first) if kind.is_file() => files.push((first, path)),
                _ if kind.is_file() && is_temporary(name) => self.found.temporary.push(path),
                _ if kind.is_file() && name == CHECKPOINT_FILE => {}
                _ => self.report_problem(path, "does not belong here", false),
            }
        }
        let unchecked = count_unchecked(&files, whole)?;
        for (place, (first, path)) in files.into_iter().enumerate() {
            self.add_file(first, path, place >= unchecked)?;
        }
        Ok(self.found)
    }

    fn add_file(&mut self, first: u64, path: PathBuf, whole: bool) -> Result<(), StoreError> {
        let (mark, identity) = match inspect(&path, whole)
            .map_err(|error| unavailable(format!("cannot read {}: {error}", path.display())))?
            .and_then(|(mark, file)| mark.check_place(&self.name, first).map(|()| (mark, file)))
        {
            Ok(found) => found,
            Err(reason) => {
                self.report_problem(path, reason, true);
                // Its end is unknown: the next segment is trusted.
                self.expected = u64::MAX;
                return Ok(());
            }
        };
        let segment = Segment::new(&mark);
        segment.identity.get_or_init(|| identity);
        let segment = Arc::new(segment);
        if first < self.expected && self.expected != u64::MAX {
            return self.check_overlap(&segment, path);
        }
        if first > self.expected {
            self.report_problem(path, describe_gap(first, self.expected), true);
        }
        self.expected = segment.end();
        self.found.segments.push(segment);
        Ok(())
    }

    /// Leftovers of a merge are harmless; any other overlap is damage.
    fn check_overlap(&mut self, segment: &Segment, path: PathBuf) -> Result<(), StoreError> {
        let earlier = self.found.segments.iter().rev();
        let earlier = earlier
            .map(Arc::as_ref)
            .find(|earlier| earlier.first <= segment.first);
        let Some(earlier) = earlier else {
            self.report_problem(path, "overlaps the segment before it", true);
            return Ok(());
        };
        let whole = self.directory.join(segment::file_name(earlier.first));
        let parts = (
            load(&whole, &self.name, earlier.first)?,
            load(&path, &self.name, segment.first)?,
        );
        let index = usize::try_from(segment.first - earlier.first).unwrap_or(usize::MAX);
        match parts {
            (Ok(all), Ok(part)) if all.contains_at(index, &part) => self.found.merged.push(path),
            (_, Err(reason)) => self.report_problem(path, reason, true),
            _ => self.report_problem(
                path,
                format!("overlaps {} and differs from it", whole.display()),
                true,
            ),
        }
        Ok(())
    }

    fn report_problem(&mut self, file: PathBuf, reason: impl Into<String>, refuses: bool) {
        self.found.problems.push(Problem {
            stream: Some(self.stream.clone()),
            file,
            reason: reason.into(),
            refuses,
        });
    }
}

/// Says that nothing holds the positions from `expected` to `first`.
fn describe_gap(first: u64, expected: u64) -> String {
    if expected == 0 {
        return format!(
            "starts at position {first}, and no segment comes before it: envelopes are missing"
        );
    }
    format!(
        "starts at position {first}, but the segment before ends at {expected}: envelopes are missing"
    )
}

/// Only names that this program gives: `.tmp-append-…`, `.tmp-merge-…`, `.tmp-checkpoint`.
fn is_temporary(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(TEMPORARY) else {
        return false;
    };
    let numbers = rest
        .strip_prefix("append-")
        .or_else(|| rest.strip_prefix("merge-"));
    name == CHECKPOINT_TEMPORARY
        || numbers.is_some_and(|numbers| {
            numbers.split('-').count() == 2
                && numbers
                    .split('-')
                    .all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        })
}

/// Returns how many of the oldest files get only length and end mark checked.
fn count_unchecked(files: &[(u64, PathBuf)], limit: u64) -> Result<usize, StoreError> {
    let mut bytes = 0;
    for (place, (_, path)) in files.iter().enumerate().rev() {
        let length = match fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => {
                return Err(unavailable(format!(
                    "cannot read {}: {error}",
                    path.display()
                )));
            }
        };
        bytes += length;
        if bytes > limit {
            return Ok(place + 1);
        }
    }
    Ok(0)
}

/// Reads a segment's end mark and, if `whole`, checks everything before it.
pub(super) fn inspect(path: &Path, whole: bool) -> io::Result<Result<(EndMark, Identity), String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Err("disappeared during the check".to_owned()));
        }
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let length = metadata.len();
    let mut bytes = Vec::new();
    if !whole {
        file.seek(SeekFrom::Start(length.saturating_sub(MARK_LENGTH as u64)))?;
    }
    file.read_to_end(&mut bytes)?;
    let mark = EndMark::read(&bytes, length);
    Ok(mark.and_then(|mark| {
        if whole {
            mark.check_body(&bytes[..bytes.len() - MARK_LENGTH])?;
        }
        let identity = Identity::new(&metadata, &mark);
        Ok((mark, identity))
    }))
}

/// Reads and checks a whole segment.
pub(super) fn load(
    path: &Path,
    stream: &str,
    first: u64,
) -> Result<Result<Lines, String>, StoreError> {
    match fs::read(path) {
        Ok(file) => Ok(segment::decode(stream, first, &file)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Ok(Err("disappeared during the check".to_owned()))
        }
        Err(error) => Err(unavailable(format!(
            "cannot read {}: {error}",
            path.display()
        ))),
    }
}
