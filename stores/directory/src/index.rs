//! The segments of one log, in memory.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    sync::{Arc, OnceLock},
};

use spice_core::time::Timestamp;

use spice_store_segment::EndMark;

/// The file behind a segment's name, and what its end mark says about its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    length: u64,
    inode: u64,
    modified: (i64, i64),
    checksum: u32,
}

impl Identity {
    /// Creates the identity of a file with this end mark.
    pub(super) fn new(file: &Metadata, mark: &EndMark) -> Self {
        Self {
            length: file.len(),
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
            checksum: mark.body_checksum,
        }
    }

    /// Returns whether this is the file, according to its directory entry.
    pub(super) fn is_file(&self, file: &Metadata) -> bool {
        let modified = (file.mtime(), file.mtime_nsec());
        (self.length, self.inode, self.modified) == (file.len(), file.ino(), modified)
    }
}

/// One segment file.
#[derive(Debug)]
pub(super) struct Segment {
    /// The position of its first envelope, which is also its name.
    pub(super) first: u64,
    /// The number of envelopes.
    pub(super) count: u32,
    /// The size of its lines in bytes, decompressed.
    pub(super) raw_length: u64,
    /// When its first envelope was accepted; set on the first request.
    pub(super) opened_at: OnceLock<Timestamp>,
    /// The identity of the file; set when the file is first checked.
    pub(super) identity: OnceLock<Identity>,
}

impl Segment {
    /// Creates a segment from its end mark.
    pub(super) fn new(mark: &EndMark) -> Self {
        Self {
            first: mark.first,
            count: mark.count,
            raw_length: mark.raw_length,
            opened_at: OnceLock::new(),
            identity: OnceLock::new(),
        }
    }

    /// Returns whether both hold the same envelopes, according to the end marks read so far.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let size = |segment: &Self| (segment.first, segment.count, segment.raw_length);
        let checksum = |segment: &Self| segment.identity.get().map(|file| file.checksum);
        let differs = matches!(
            (checksum(self), checksum(other)),
            (Some(one), Some(another)) if one != another
        );
        size(self) == size(other) && !differs
    }

    /// Returns the position after its last envelope.
    pub(super) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

/// The segments of a log, in order, without gaps.
#[derive(Debug, Default)]
pub(super) struct Index {
    segments: Vec<Arc<Segment>>,
}

impl Index {
    /// Creates the index from the segments that a scan found.
    pub(super) fn new(segments: Vec<Arc<Segment>>) -> Self {
        Self { segments }
    }

    /// Returns the position after the last envelope.
    pub(super) fn end(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.end())
    }

    /// Returns every segment, in order.
    pub(super) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Returns the segment that holds a position.
    pub(super) fn find(&self, position: u64) -> Option<Arc<Segment>> {
        let place = self
            .segments
            .partition_point(|segment| segment.end() <= position);
        self.segments.get(place).cloned()
    }

    /// Adds a segment at the end.
    pub(super) fn push(&mut self, segment: Arc<Segment>) {
        debug_assert_eq!(self.end(), segment.first);
        self.segments.push(segment);
    }

    /// Replaces the segments that a merged one covers.
    pub(super) fn replace(&mut self, merged: Arc<Segment>) {
        let start = self
            .segments
            .partition_point(|segment| segment.first < merged.first);
        let end = self
            .segments
            .partition_point(|segment| segment.first < merged.end());
        self.segments.splice(start..end, [merged]);
    }
}
