//! Reads: from the cache, otherwise a whole segment at a time, always checked.

use std::sync::Arc;

use spice_core::{
    id::LogPosition,
    port::{
        StoreResult,
        log::{Record, accepted_at},
    },
    time::Timestamp,
};

use spice_store_segment::Lines;

use super::{Inner, failure::damaged, index::Segment, mutex::lock_mutex, scan, stream::Stream};

/// The maximum size of one answer in bytes, except for its first segment.
const ANSWER_BYTES: usize = 8 << 20;
/// How often a segment may be merged away between its lookup and its opening.
const ATTEMPTS: usize = 8;

impl Inner {
    /// Returns the part of an answer that is cached; empty if its beginning is not.
    pub(super) fn read_cached(&self, stream: &Stream, from: u64, limit: usize) -> Vec<Record> {
        let mut records = Vec::new();
        let mut position = from;
        while records.len() < limit {
            let Some(segment) = stream.index().find(position) else {
                break;
            };
            let Some(lines) = self.get_cached(stream, &segment) else {
                break;
            };
            position = copy(&segment, &lines, position, limit, &mut records);
        }
        records
    }

    /// Reads records from a position on, from disk if they are not cached.
    pub(super) fn read(
        &self,
        stream: &Stream,
        from: u64,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        let mut records = Vec::new();
        let mut position = from;
        let mut bytes = 0;
        while records.len() < limit && bytes < ANSWER_BYTES {
            let Some((segment, lines)) = self.segment_at(stream, position)? else {
                break;
            };
            bytes += lines.length();
            position = copy(&segment, &lines, position, limit, &mut records);
        }
        Ok(records)
    }

    /// Reads the records at these positions, in this order; none where the log has no record.
    pub(super) fn read_many(
        &self,
        stream: &Stream,
        positions: &[LogPosition],
    ) -> StoreResult<Vec<Option<Record>>> {
        let one = |position: &LogPosition| {
            let found = self.segment_at(stream, position.0)?;
            Ok(found.map(|(segment, lines)| Record {
                position: *position,
                line: lines.line(to_index(position.0 - segment.first)),
            }))
        };
        positions.iter().map(one).collect()
    }

    /// Returns the first position whose envelope was accepted after `time`.
    pub(super) fn position_after(&self, stream: &Stream, time: Timestamp) -> StoreResult<u64> {
        let segments = stream.index().segments().to_vec();
        let (mut low, mut high) = (0, segments.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.read_first_time(stream, &segments[middle])? <= time {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(before) = low.checked_sub(1) else {
            return Ok(0);
        };
        let first = segments[before].first;
        let end = segments[before].end();
        let mut range = (first, end);
        while range.0 < range.1 {
            let middle = range.0.midpoint(range.1);
            if self.accepted_at(stream, middle)? <= time {
                range.0 = middle + 1;
            } else {
                range.1 = middle;
            }
        }
        Ok(range.0)
    }

    fn read_first_time(&self, stream: &Stream, segment: &Segment) -> StoreResult<Timestamp> {
        if let Some(known) = segment.opened_at.get() {
            return Ok(*known);
        }
        let time = self.accepted_at(stream, segment.first)?;
        Ok(*segment.opened_at.get_or_init(|| time))
    }

    fn accepted_at(&self, stream: &Stream, position: u64) -> StoreResult<Timestamp> {
        let Some((segment, lines)) = self.segment_at(stream, position)? else {
            return Err(damaged(format!(
                "there is no envelope at position {position}"
            )));
        };
        accepted_at(&lines.line(to_index(position - segment.first)))
    }

    /// Loads the segment that holds a position. A merge may replace it during the lookup.
    pub(super) fn segment_at(
        &self,
        stream: &Stream,
        position: u64,
    ) -> StoreResult<Option<(Arc<Segment>, Arc<Lines>)>> {
        let mut reason = String::new();
        for _ in 0..ATTEMPTS {
            let Some(segment) = stream.index().find(position) else {
                return Ok(None);
            };
            if let Some(lines) = self.get_cached(stream, &segment) {
                return Ok(Some((segment, lines)));
            }
            let path = stream.file(segment.first);
            let found = scan::load(&path, &stream.name, segment.first)?;
            reason = match found {
                Ok(lines) if lines.count() == segment.count as usize => {
                    let lines = Arc::new(lines);
                    let key = (stream.id.clone(), segment.first, segment.count);
                    lock_mutex(&self.cache).put(key, Arc::clone(&lines));
                    return Ok(Some((segment, lines)));
                }
                Ok(lines) => format!("has {} envelopes, not {}", lines.count(), segment.count),
                Err(reason) => reason,
            };
            reason = format!("{}: {reason}", path.display());
            if self.lock.is_none() {
                self.rescan(&stream.id)?;
                stream.check()?;
            } else if stream
                .index()
                .find(position)
                .is_some_and(|again| Arc::ptr_eq(&again, &segment))
            {
                break;
            }
        }
        Err(damaged(reason))
    }

    fn get_cached(&self, stream: &Stream, segment: &Segment) -> Option<Arc<Lines>> {
        lock_mutex(&self.cache).get(&(stream.id.clone(), segment.first, segment.count))
    }
}

/// Copies records from `position` on; returns the position after the last.
fn copy(
    segment: &Segment,
    lines: &Lines,
    position: u64,
    limit: usize,
    records: &mut Vec<Record>,
) -> u64 {
    let room = limit - records.len();
    let start = to_index(position - segment.first);
    let end = lines.count().min(start.saturating_add(room));
    records.extend((position..).zip(start..end).map(|(position, line)| Record {
        position: LogPosition(position),
        line: lines.line(line),
    }));
    position + (end - start) as u64
}

/// Converts a distance to an index into a segment, which holds fewer than 2^32 lines.
fn to_index(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}
