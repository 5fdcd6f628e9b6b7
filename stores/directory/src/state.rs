//! The state of the directory in memory: set by a scan at the start, updated by every append.

use std::{
    fs,
    path::Path,
    sync::{Arc, PoisonError},
};

use spice_core::{id::StreamId, name::DatabaseName, port::StoreResult};

use super::{
    Inner, durable,
    failure::unavailable,
    fault::Step,
    mutex::lock_mutex,
    report::Problem,
    scan::{self, Found},
    stream::Stream,
};

impl Inner {
    pub(super) fn load(&self, whole: u64) -> StoreResult<()> {
        self.make_durable(&self.root)?;
        let (streams, problems) = scan::list_streams(&self.root)?;
        self.remember(problems);
        for id in &streams {
            let found = scan::scan(&self.root, id, whole)?;
            self.make_durable(&self.root.join(id.to_string()))?;
            self.accept_scan(id, found);
        }
        for gone in self.list_written() {
            if !streams.contains(&gone) {
                self.accept_scan(&gone, Found::default());
            }
        }
        Ok(())
    }

    /// Names from a killed process may not be durable yet. They must be durable before they are
    /// shown, and before leftovers of a merge are removed. A reader leaves that to the owner.
    fn make_durable(&self, directory: &Path) -> StoreResult<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        (self.faults.fail_at(Step::SyncDirectory))
            .and_then(|()| durable::sync(directory))
            .map_err(|error| unavailable(format!("cannot sync {}: {error}", directory.display())))
    }

    /// Takes the result of a scan as the state of the log. A refused log stays refused: a later
    /// scan may have checked less.
    fn accept_scan(&self, id: &StreamId, found: Found) {
        let stream = self.stream_or_new(id);
        if stream.check().is_err() {
            return;
        }
        let refusing: Vec<String> = found
            .problems
            .iter()
            .filter(|problem| problem.refuses)
            .map(ToString::to_string)
            .collect();
        if self.lock.is_some() && refusing.is_empty() {
            for path in found.merged.iter().chain(&found.temporary) {
                if let Err(error) = fs::remove_file(path) {
                    tracing::warn!(file = %path.display(), %error, "a leftover stays");
                }
            }
        }
        if refusing.is_empty() {
            stream.reset(found.segments);
            lock_mutex(&self.grown).insert(id.clone());
        } else {
            stream.refuse(&refusing);
        }
        self.remember(found.problems);
    }

    pub(super) fn remember(&self, problems: Vec<Problem>) {
        let mut known = lock_mutex(&self.problems);
        for problem in problems {
            if !known.contains(&problem) {
                tracing::warn!(file = %problem.file.display(), reason = problem.reason, "found in the log directory");
                known.push(problem);
            }
        }
    }

    pub(super) fn stream(&self, id: &StreamId) -> Option<Arc<Stream>> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.get(id).cloned()
    }

    pub(super) fn stream_or_new(&self, id: &StreamId) -> Arc<Stream> {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        let stream = streams
            .entry(id.clone())
            .or_insert_with(|| Arc::new(Stream::new(&self.root, id)));
        Arc::clone(stream)
    }

    pub(super) fn list_written(&self) -> Vec<StreamId> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let written = streams.iter().filter(|(_, stream)| stream.is_written());
        written.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn generations(&self, database: &DatabaseName) -> Vec<StreamId> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let mine = streams.range(StreamId::first(database.clone())..);
        mine.take_while(|(id, _)| id.database == *database)
            .filter(|(_, stream)| stream.is_written())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Read-only: finds out what the owning process has done since.
    pub(super) fn rescan(&self, id: &StreamId) -> StoreResult<()> {
        if self.root.join(id.to_string()).is_dir() {
            let found = scan::scan(&self.root, id, 0)?;
            self.accept_scan(id, found);
        } else if self.stream(id).is_some() {
            self.accept_scan(id, Found::default());
        }
        Ok(())
    }
}
