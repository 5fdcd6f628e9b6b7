//! Merges small segments behind the tail, in place, so that a long log consists of few files.
//!
//! Segments are sized by weight: envelopes, or KiB if they are large. A merge takes neighbours of
//! one size class (each class is eight times the previous one) and any smaller segments between
//! them, so each merge lifts an envelope by at least one class: it is rewritten at most four times.

use std::{fs, ops::Range, sync::Arc, sync::OnceLock};

use spice_core::{id::StreamId, port::StoreResult};

use spice_store_segment::{Encoder, Lines};

use super::{
    Inner,
    append::{remove_unfinished, unfinished_name},
    failure::unavailable,
    index::Segment,
    mutex::lock_mutex,
    stream::Stream,
};

/// The maximum weight of a merged segment: 4,096 envelopes, 4 MiB.
pub(super) const FULL: u64 = 4096;
/// The number of segments at the tail that are not merged.
pub(super) const TAIL: usize = 4;
/// The number of segments that are considered: older ones were merged when they were newer.
pub(super) const WINDOW: usize = 1024;
const FACTOR: u64 = 8;
const CLASSES: u32 = 4;
const LEVEL: i32 = 3;

impl Inner {
    pub(super) fn merge_once(&self, id: &StreamId) -> StoreResult<bool> {
        let Some(stream) = self.stream(id).filter(|_| self.lock.is_some()) else {
            return Ok(false);
        };
        let _one_at_a_time = lock_mutex(&stream.merging);
        stream.check()?;
        let chosen = {
            let index = stream.index();
            let behind = index.segments().len().saturating_sub(TAIL);
            let candidates = &index.segments()[behind.saturating_sub(WINDOW)..behind];
            let weights: Vec<u64> = candidates.iter().map(|segment| weight(segment)).collect();
            match choose(&weights) {
                Some(range) => candidates[range].to_vec(),
                None => return Ok(false),
            }
        };
        self.merge(&stream, &chosen)?;
        Ok(true)
    }

    fn merge(&self, stream: &Stream, chosen: &[Arc<Segment>]) -> StoreResult<()> {
        let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else {
            return Ok(());
        };
        let mut parts = Vec::with_capacity(chosen.len());
        for segment in chosen {
            // Only a merge removes segments, and there is one merge at a time.
            let found = self.segment_at(stream, segment.first)?;
            parts.extend(found.map(|(_, lines)| lines));
        }
        let lines = Lines::concat(&parts);
        let merged = Arc::new(Segment {
            first: first.first,
            count: u32::try_from(last.end() - first.first).unwrap_or(u32::MAX),
            raw_length: lines.length() as u64,
            opened_at: OnceLock::new(),
            identity: OnceLock::new(),
        });
        self.replace_first(stream, &merged, &lines)
            .map_err(|error| unavailable(format!("cannot merge segments: {error}")))?;
        self.exchange_cached(stream, chosen, &merged, lines);
        for segment in &chosen[1..] {
            remove_unfinished(&stream.file(segment.first));
        }
        tracing::debug!(
            stream = stream.name,
            first = merged.first,
            segments = chosen.len(),
            "segments merged"
        );
        Ok(())
    }

    /// Gives the merged file the first one's name, and makes it durable there.
    fn replace_first(
        &self,
        stream: &Stream,
        merged: &Arc<Segment>,
        lines: &Lines,
    ) -> std::io::Result<()> {
        let bytes = Encoder::new(LEVEL)?.encode(&stream.name, merged.first, lines)?;
        let temporary = stream.directory.join(unfinished_name("merge"));
        let directory = fs::File::open(&stream.directory)?;
        if let Err(error) = self.write_synced(&temporary, &bytes) {
            remove_unfinished(&temporary);
            return Err(error);
        }
        {
            // Readers must not see the new file with the old index.
            let mut index = stream.index_mut();
            fs::rename(&temporary, stream.file(merged.first))?;
            index.replace(Arc::clone(merged));
        }
        directory.sync_all()
    }

    fn exchange_cached(
        &self,
        stream: &Stream,
        chosen: &[Arc<Segment>],
        merged: &Segment,
        lines: Lines,
    ) {
        let mut cache = lock_mutex(&self.cache);
        for segment in chosen {
            cache.remove(&(stream.id.clone(), segment.first, segment.count));
        }
        let key = (stream.id.clone(), merged.first, merged.count);
        cache.put(key, Arc::new(lines));
    }
}

fn weight(segment: &Segment) -> u64 {
    u64::from(segment.count)
        .max(segment.raw_length.div_ceil(1024))
        .max(1)
}

fn class(weight: u64) -> u32 {
    weight.max(1).ilog(FACTOR).min(CLASSES)
}

/// Chooses the neighbours to merge, the smallest class first.
pub(super) fn choose(weights: &[u64]) -> Option<Range<usize>> {
    (0..CLASSES).find_map(|limit| choose_class(weights, limit))
}

fn choose_class(weights: &[u64], limit: u32) -> Option<Range<usize>> {
    let mut run = Run::default();
    for (place, &weight) in weights.iter().enumerate() {
        let fits = class(weight) <= limit && weight < FULL / 2;
        if !fits || run.weight + weight > FULL {
            if run.is_worth_it(limit, false) {
                return Some(run.range);
            }
            run = Run::start_at(if fits { place } else { place + 1 });
        }
        if fits {
            run.range.end = place + 1;
            run.weight += weight;
            run.of_class += usize::from(class(weight) == limit);
            if run.is_worth_it(limit, true) {
                return Some(run.range);
            }
        }
    }
    None
}

#[derive(Default)]
struct Run {
    range: Range<usize>,
    weight: u64,
    of_class: usize,
}

impl Run {
    fn start_at(place: usize) -> Self {
        Self {
            range: place..place,
            ..Self::default()
        }
    }

    /// Returns whether the result is one class higher, or as full as possible.
    fn is_worth_it(&self, limit: u32, may_grow: bool) -> bool {
        let enough = if may_grow {
            FULL - FULL / FACTOR
        } else {
            FULL / 2
        };
        self.range.len() > 1
            && (self.of_class as u64 >= FACTOR || (limit + 1 == CLASSES && self.weight >= enough))
    }
}
