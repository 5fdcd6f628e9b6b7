//! The bus in process: for each topic a ring of recent records. A publisher never waits for a
//! follower; a follower that falls behind the ring finds a gap, and reads it from the log. Records
//! that every group has committed leave the ring, so a quiet bus holds almost nothing.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use spice_core::{
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        bus::{Bus, Subscription},
        log::Record,
    },
};
use tokio::sync::watch;

/// How much of a topic is kept for slow followers.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The size of the lines in bytes.
    pub bytes: usize,
    /// The number of records.
    pub records: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            records: 32_768,
        }
    }
}

/// The bus in process. A clone is the same bus.
#[derive(Clone, Default)]
pub struct LocalBus {
    bounds: Bounds,
    topics: Arc<Mutex<BTreeMap<StreamId, Arc<Topic>>>>,
}

impl LocalBus {
    /// Creates a bus with the default bounds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a bus with these bounds for each topic.
    pub fn with_bounds(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    fn topic(&self, stream: &StreamId) -> Arc<Topic> {
        let mut topics = lock(&self.topics);
        let topic = topics.entry(stream.clone()).or_insert_with(|| {
            Arc::new(Topic {
                ring: Mutex::default(),
                tail: watch::Sender::new(0),
            })
        });
        Arc::clone(topic)
    }
}

struct Topic {
    ring: Mutex<Ring>,
    /// The offset after the newest record.
    tail: watch::Sender<u64>,
}

/// Recent records. An offset counts all published records; a record that is published again gets a
/// new offset.
#[derive(Default)]
struct Ring {
    records: VecDeque<Record>,
    bytes: usize,
    head: u64,
    committed: HashMap<String, Option<LogPosition>>,
}

impl Ring {
    fn tail(&self) -> u64 {
        self.head + self.records.len() as u64
    }

    fn push(&mut self, record: Record) {
        self.bytes += record.line.len();
        self.records.push_back(record);
    }

    fn drop_oldest(&mut self) {
        if let Some(gone) = self.records.pop_front() {
            self.bytes -= gone.line.len();
            self.head += 1;
        }
    }

    fn keep_within(&mut self, bounds: Bounds) {
        while self.records.len() > 1
            && (self.bytes > bounds.bytes || self.records.len() > bounds.records)
        {
            self.drop_oldest();
        }
    }

    fn drop_committed(&mut self) {
        let Some(Some(done)) = self.committed.values().min().copied() else {
            return;
        };
        while self.records.front().is_some_and(|it| it.position < done) {
            self.drop_oldest();
        }
        if self.records.is_empty() {
            self.records.shrink_to(64);
        }
    }

    /// Returns the offset where a group continues: everything before it is committed.
    fn offset_for(&self, group: &str) -> u64 {
        let Some(Some(done)) = self.committed.get(group) else {
            return self.head;
        };
        let skipped = self.records.iter().take_while(|it| it.position < *done);
        self.head + skipped.count() as u64
    }

    fn read(&self, from: u64, limit: usize) -> (Vec<Record>, u64) {
        let from = from.max(self.head);
        let skip = usize::try_from(from - self.head).unwrap_or(usize::MAX);
        let records: Vec<Record> = self
            .records
            .iter()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect();
        let next = from + records.len() as u64;
        (records, next)
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, stream: &StreamId, records: Vec<Record>) -> StoreResult<()> {
        let topic = self.topic(stream);
        let mut ring = lock(&topic.ring);
        for record in records {
            ring.push(record);
            ring.keep_within(self.bounds);
        }
        // A reader that is ahead of the bus has committed these already.
        ring.drop_committed();
        let tail = ring.tail();
        drop(ring);
        topic
            .tail
            .send_if_modified(|known| std::mem::replace(known, tail.max(*known)) < tail);
        Ok(())
    }

    async fn subscribe(
        &self,
        group: &str,
        stream: &StreamId,
    ) -> StoreResult<Box<dyn Subscription>> {
        let topic = self.topic(stream);
        let mut ring = lock(&topic.ring);
        ring.committed.entry(group.to_owned()).or_insert(None);
        let offset = ring.offset_for(group);
        drop(ring);
        Ok(Box::new(Follower {
            tail: topic.tail.subscribe(),
            topic,
            group: group.to_owned(),
            offset,
        }))
    }
}

struct Follower {
    topic: Arc<Topic>,
    tail: watch::Receiver<u64>,
    group: String,
    offset: u64,
}

#[async_trait]
impl Subscription for Follower {
    async fn next(&mut self, limit: usize) -> StoreResult<Vec<Record>> {
        loop {
            let (records, next) = lock(&self.topic.ring).read(self.offset, limit.max(1));
            if !records.is_empty() {
                self.offset = next;
                return Ok(records);
            }
            let offset = next;
            // Fails only when the topic is gone, and this follower holds it.
            let _closed = self.tail.wait_for(|tail| *tail > offset).await;
        }
    }

    async fn commit(&mut self, position: LogPosition) -> StoreResult<()> {
        let mut ring = lock(&self.topic.ring);
        let committed = ring.committed.entry(self.group.clone()).or_insert(None);
        *committed = (*committed).max(Some(position));
        ring.drop_committed();
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
