//! The loop of one role: holds this process's share of the buckets, and runs a task for each log in
//! them that has work. A log whose sink has reached its end needs no task.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use spice_core::{bucket::Bucket, id::StreamId, port::registry::Lease};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    rest::until_work,
    run::run_once,
    shared::{Role, Shared},
};
use crate::{engine::RELEASE_PATIENCE, share::Share};

/// The state of a log in one of the held buckets.
enum Place {
    /// A task runs.
    Working,
    /// It is watched, under this lease. A sealed log too: a person may still ask for a retry or a
    /// replay.
    Resting(Lease),
}

/// Runs one role of this process.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    role: Role,
    share: Share,
    streams: watch::Receiver<BTreeSet<StreamId>>,
    places: BTreeMap<StreamId, Place>,
    /// Ends the tasks of a bucket.
    tokens: BTreeMap<Bucket, CancellationToken>,
    /// The resting logs; each future ends when its log has work.
    resting: FuturesUnordered<BoxFuture<'static, (StreamId, Lease)>>,
    ended: mpsc::UnboundedReceiver<StreamId>,
    end: mpsc::UnboundedSender<StreamId>,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        role: Role,
        streams: watch::Receiver<BTreeSet<StreamId>>,
    ) -> Self {
        let registry = Arc::clone(&shared.ports.registry);
        let (end, ended) = mpsc::unbounded_channel();
        Self {
            share: Share::new(registry, role.as_str(), shared.config.lease.clone()),
            shared,
            role,
            streams,
            places: BTreeMap::new(),
            tokens: BTreeMap::new(),
            resting: FuturesUnordered::new(),
            ended,
            end,
        }
    }

    /// Runs until the supervisor is stopped; then waits for the current batches and releases the
    /// leases.
    pub(super) async fn run(mut self) {
        let token = self.shared.token.clone();
        while !token.is_cancelled() {
            let Some(pause) = token.run_until_cancelled(self.round()).await else {
                break;
            };
            let next = Instant::now() + pause;
            self.place_known();
            loop {
                tokio::select! {
                    biased;
                    () = token.cancelled() => break,
                    () = sleep_until(next) => break,
                    Ok(()) = self.streams.changed() => self.place_known(),
                    Some(stream) = self.ended.recv() => self.take_back(stream),
                    Some((stream, lease)) = self.resting.next() => self.wake(stream, lease),
                }
            }
        }
        self.finish().await;
    }

    /// Renews the share; returns the time until the next renewal. While the registry is unavailable
    /// everything stays as it is: fences protect against another process that takes a bucket
    /// meanwhile.
    async fn round(&mut self) -> Duration {
        let worker = self.role.as_str();
        match self.share.round().await {
            Ok(lost) => lost.into_iter().for_each(|bucket| self.stop(bucket)),
            Err(error) => {
                tracing::warn!(%error, worker, "cannot renew leases");
                return self.shared.config.lease.heartbeat / 4;
            }
        }
        for bucket in self.share.surplus() {
            self.stop(bucket);
            if self.is_working(|stream| Bucket::of(stream) == bucket) {
                continue;
            }
            if let Err(error) = self.share.release(bucket).await {
                tracing::warn!(%error, worker, "cannot release a lease");
            }
        }
        self.shared.hold(self.role, self.share.count_held());
        self.share.pause()
    }

    /// Ends the tasks of a bucket, each after its current batch.
    fn stop(&mut self, bucket: Bucket) {
        if let Some(token) = self.tokens.remove(&bucket) {
            token.cancel();
        }
        let (shared, role) = (&self.shared, self.role);
        self.places.retain(|stream, place| {
            let stays = matches!(place, Place::Working) || Bucket::of(stream) != bucket;
            if !stays {
                shared.forget(stream, role);
            }
            stays
        });
    }

    fn is_working(&self, concerns: impl Fn(&StreamId) -> bool) -> bool {
        let mut places = self.places.iter();
        places.any(|(stream, place)| matches!(place, Place::Working) && concerns(stream))
    }

    fn token(&mut self, bucket: Bucket) -> CancellationToken {
        let token = self.tokens.entry(bucket);
        token
            .or_insert_with(|| self.shared.token.child_token())
            .clone()
    }

    /// Watches the logs of this share that are in no place yet.
    fn place_known(&mut self) {
        let known = self.streams.borrow_and_update().clone();
        for stream in known {
            if !self.places.contains_key(&stream)
                && let Some(lease) = self.share.lease(Bucket::of(&stream)).cloned()
            {
                self.rest(stream, lease);
            }
        }
    }

    fn rest(&mut self, stream: StreamId, lease: Lease) {
        let place = Place::Resting(lease.clone());
        self.places.insert(stream.clone(), place);
        let token = self.token(lease.bucket);
        let (shared, role) = (Arc::clone(&self.shared), self.role);
        self.resting.push(Box::pin(async move {
            let task = shared.task(&stream, role);
            let work = until_work(&shared, role, &stream, &task);
            // If it was cancelled, the log is in another place by now.
            let _cancelled = token.run_until_cancelled(work).await;
            (stream, lease)
        }));
    }

    /// Starts the task of a log that has work, unless the log is in another place by now.
    fn wake(&mut self, stream: StreamId, lease: Lease) {
        let place = self.places.get(&stream);
        if !matches!(place, Some(Place::Resting(known)) if *known == lease) {
            return;
        }
        self.places.insert(stream.clone(), Place::Working);
        let token = self.token(lease.bucket);
        let (shared, role, end) = (Arc::clone(&self.shared), self.role, self.end.clone());
        self.shared.tracker.spawn(async move {
            let task = shared.task(&stream, role);
            let name = format!("{}/{stream}", role.as_str());
            let run = || run_once(&shared, &stream, role, &task, (&lease, &token));
            shared
                .keep_running(&name, &task.reporter, &token, run)
                .await;
            // Fails only when the keeper has ended.
            let _gone = end.send(stream);
        });
    }

    /// Watches a log whose task has ended, if it is still in this share.
    fn take_back(&mut self, stream: StreamId) {
        self.places.remove(&stream);
        match self.share.lease(Bucket::of(&stream)).cloned() {
            None => self.shared.forget(&stream, self.role),
            Some(lease) => self.rest(stream, lease),
        }
    }

    async fn finish(&mut self) {
        while self.is_working(|_| true) {
            match timeout(self.shared.config.lease.heartbeat, self.ended.recv()).await {
                Ok(Some(stream)) => drop(self.places.remove(&stream)),
                Ok(None) => break,
                // A batch may be slow: its lease is kept until it is done.
                Err(_) => drop(self.round().await),
            }
        }
        let worker = self.role.as_str();
        match timeout(RELEASE_PATIENCE, self.share.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, worker, "cannot release leases"),
            Err(_) => tracing::warn!(worker, "cannot release leases in time"),
        }
    }
}
