//! Reads the segments of a log by position, without the index of a running process. Merges may
//! replace files at any moment; each file is read in one piece, so its lines are whole.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind},
    path::PathBuf,
};

use spice_core::port::StoreResult;
use spice_store_segment::{self as segment, Lines};

use super::failure::unavailable;

/// What stands at a position.
pub(super) enum Place {
    /// A segment that has it.
    Segment {
        path: PathBuf,
        first: u64,
        lines: Lines,
        /// Length of the file.
        bytes: u64,
    },
    /// A segment that should have it cannot be read.
    Damaged {
        path: PathBuf,
        reason: String,
        /// Where the next segment starts.
        next: Option<u64>,
    },
    /// No segment has it.
    Missing {
        /// The next segment.
        next: Option<(PathBuf, u64)>,
    },
}

/// A walk over one log's segments.
pub(super) struct Walk<'a> {
    directory: PathBuf,
    stream: &'a str,
    /// First positions of the segments when the directory was last listed.
    firsts: BTreeSet<u64>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(directory: PathBuf, stream: &'a str) -> Self {
        Self {
            directory,
            stream,
            firsts: BTreeSet::new(),
        }
    }

    /// Finds what stands at a position. Only two listings that agree show that nothing does.
    pub(super) fn at(&mut self, position: u64) -> StoreResult<Place> {
        loop {
            if let Some(place) = self.look(position)? {
                return Ok(place);
            }
            let before = std::mem::take(&mut self.firsts);
            self.firsts = self.list()?;
            if before == self.firsts {
                let next = self.next(position).map(|first| (self.path(first), first));
                return Ok(Place::Missing { next });
            }
        }
    }

    /// Looks into the listed segments that begin at or before a position, the nearest first. What a
    /// merge left behind may stand between a segment and the position.
    fn look(&self, position: u64) -> StoreResult<Option<Place>> {
        for &first in self.firsts.range(..=position).rev() {
            let path = self.path(first);
            let file = match fs::read(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(failed("read", &path, &error)),
            };
            match segment::decode(self.stream, first, &file) {
                Ok(lines) if first + lines.count() as u64 > position => {
                    return Ok(Some(Place::Segment {
                        path,
                        first,
                        lines,
                        bytes: file.len() as u64,
                    }));
                }
                Ok(_) => {}
                Err(reason) => {
                    let next = self.next(position);
                    return Ok(Some(Place::Damaged { path, reason, next }));
                }
            }
        }
        Ok(None)
    }

    fn next(&self, position: u64) -> Option<u64> {
        self.firsts.range(position + 1..).next().copied()
    }

    fn path(&self, first: u64) -> PathBuf {
        self.directory.join(segment::file_name(first))
    }

    fn list(&self) -> StoreResult<BTreeSet<u64>> {
        let entries = fs::read_dir(&self.directory);
        let names = entries.and_then(|entries| {
            let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            names.collect::<io::Result<Vec<String>>>()
        });
        let names = names.map_err(|error| failed("list", &self.directory, &error))?;
        let firsts = names
            .iter()
            .filter_map(|name| segment::parse_file_name(name));
        Ok(firsts.collect())
    }
}

fn failed(what: &str, path: &std::path::Path, error: &io::Error) -> spice_core::error::StoreError {
    unavailable(format!("cannot {what} {}: {error}", path.display()))
}
