//! The double of a registry: its anchors, the write model and the workers' part.

use std::time::Duration;

use async_trait::async_trait;
use spice_core::{
    bucket::Bucket,
    chain::Anchor,
    id::{CommandId, LogPosition, StreamId},
    lineage::{Lineage, Span},
    model::{CommandEntry, ModelEntry, ModelKey},
    port::{
        StoreResult,
        registry::{
            Advance, Anchors, DeadLetter, DeadLetterCount, Found, Lease, ListedDatabase,
            LogDirectory, LookedUp, Lookup, Processing, WorkKey, WorkRecord, WorkerRegistry,
            WriteModel,
        },
        replays::{Replays, Start},
    },
    replay::{Replay, ReplayId},
};

use super::{Call, Double, Hook, Port, Reach, forward};

fn model(method: &'static str) -> Call<'static> {
    Call::new(Port::Model, method)
}

fn work(method: &'static str) -> Call<'static> {
    Call::new(Port::Work, method)
}

#[async_trait]
impl<S: Reach<Store: Anchors>, H: Hook> Anchors for Double<S, H> {
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>> {
        forward!(self, model("anchor").of(stream), anchor(stream))
    }

    async fn anchored_logs(&self) -> StoreResult<Vec<StreamId>> {
        forward!(self, model("anchored_logs"), anchored_logs())
    }
}

#[async_trait]
impl<S: Reach<Store: LogDirectory>, H: Hook> LogDirectory for Double<S, H> {
    async fn databases(&self) -> StoreResult<Vec<ListedDatabase>> {
        forward!(self, model("databases"), databases())
    }

    async fn mark_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()> {
        forward!(
            self,
            model("mark_active").of(stream),
            mark_active(stream, owner)
        )
    }

    async fn clear_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()> {
        forward!(
            self,
            model("clear_active").of(stream),
            clear_active(stream, owner)
        )
    }

    async fn active_logs(&self) -> StoreResult<Vec<StreamId>> {
        forward!(self, model("active_logs"), active_logs())
    }

    async fn sweep_due(&self) -> StoreResult<Option<String>> {
        forward!(self, model("sweep_due"), sweep_due())
    }

    async fn end_sweep(&self, token: &str) -> StoreResult<()> {
        forward!(self, model("end_sweep"), end_sweep(token))
    }
}

#[async_trait]
impl<S: Reach<Store: WriteModel>, H: Hook> WriteModel for Double<S, H> {
    async fn reflected_position(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        forward!(
            self,
            model("reflected_position").of(stream),
            reflected_position(stream)
        )
    }

    async fn get(&self, stream: &StreamId, lookups: &[Lookup]) -> StoreResult<Found> {
        let call = model("get").of(stream).count(lookups.len());
        forward!(self, call, get(stream, lookups))
    }

    async fn scan(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelEntry>> {
        let call = model("scan").of(stream).count(limit);
        forward!(self, call, scan(stream, lineage, prefix, after, limit))
    }

    async fn changed_keys(
        &self,
        stream: &StreamId,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelKey>> {
        let call = model("changed_keys").of(stream).count(limit);
        forward!(self, call, changed_keys(stream, spans, after, limit))
    }

    async fn writes(
        &self,
        stream: &StreamId,
        span: &Span,
        limit: usize,
    ) -> StoreResult<Vec<(LogPosition, ModelKey)>> {
        let call = model("writes").of(stream).count(limit);
        forward!(self, call, writes(stream, span, limit))
    }

    async fn advance(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        commands: Vec<CommandEntry>,
    ) -> StoreResult<Advance> {
        let call = model("advance").of(stream).at(from).count(entries.len());
        forward!(self, call, advance(stream, from, to, entries, commands))
    }

    async fn commands(&self, ids: &[CommandId]) -> StoreResult<Vec<Option<CommandEntry>>> {
        forward!(self, model("commands").count(ids.len()), commands(ids))
    }

    async fn look_up(&self, stream: &StreamId, ids: &[CommandId]) -> StoreResult<LookedUp> {
        let call = model("look_up").of(stream).count(ids.len());
        forward!(self, call, look_up(stream, ids))
    }

    async fn recent_commands(
        &self,
        stream: &StreamId,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<CommandEntry>> {
        let call = model("recent_commands").of(stream).at(before).count(limit);
        forward!(self, call, recent_commands(stream, before, limit))
    }

    async fn forget(&self, stream: &StreamId) -> StoreResult<()> {
        forward!(self, model("forget").of(stream), forget(stream))
    }
}

#[async_trait]
impl<S: Reach<Store: Replays>, H: Hook> Replays for Double<S, H> {
    async fn start_replay(&self, replay: &Replay) -> StoreResult<Start> {
        let call = work("start_replay").of(&replay.stream);
        forward!(self, call, start_replay(replay))
    }

    async fn change_replay(&self, replay: &Replay) -> StoreResult<bool> {
        let call = work("change_replay").of(&replay.stream);
        forward!(self, call, change_replay(replay))
    }

    async fn replay(&self, id: ReplayId) -> StoreResult<Option<Replay>> {
        forward!(self, work("replay"), replay(id))
    }

    async fn replays(&self, stream: Option<&StreamId>) -> StoreResult<Vec<Replay>> {
        let call = Call {
            stream,
            ..work("replays")
        };
        forward!(self, call, replays(stream))
    }

    async fn open_replays(&self, stream: &StreamId) -> StoreResult<Vec<Replay>> {
        forward!(self, work("open_replays").of(stream), open_replays(stream))
    }
}

#[async_trait]
impl<S: Reach<Store: WorkerRegistry>, H: Hook> WorkerRegistry for Double<S, H> {
    async fn join(&self, worker: &str, owner: &str, ttl: Duration) -> StoreResult<Vec<String>> {
        forward!(self, work("join"), join(worker, owner, ttl))
    }

    async fn acquire(
        &self,
        worker: &str,
        buckets: &[Bucket],
        owner: &str,
        ttl: Duration,
    ) -> StoreResult<Vec<Lease>> {
        let call = work("acquire").count(buckets.len());
        forward!(self, call, acquire(worker, buckets, owner, ttl))
    }

    async fn release(&self, worker: &str, lease: &Lease) -> StoreResult<()> {
        forward!(self, work("release"), release(worker, lease))
    }

    async fn leave(&self, worker: &str, owner: &str) -> StoreResult<()> {
        forward!(self, work("leave"), leave(worker, owner))
    }

    async fn recorded_position(&self, key: &WorkKey) -> StoreResult<LogPosition> {
        forward!(
            self,
            work("recorded_position").of(&key.stream),
            recorded_position(key)
        )
    }

    async fn record(&self, record: WorkRecord) -> StoreResult<()> {
        let stream = record.key.stream.clone();
        let call = work("record").of(&stream).at(record.from);
        forward!(self, call, record(record))
    }

    async fn farthest_positions(
        &self,
        stream: &StreamId,
    ) -> StoreResult<Vec<(String, LogPosition)>> {
        forward!(
            self,
            work("farthest_positions").of(stream),
            farthest_positions(stream)
        )
    }

    async fn outcomes_at(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Vec<Processing>> {
        let call = work("outcomes_at").of(stream).at(position);
        forward!(self, call, outcomes_at(stream, position))
    }

    async fn dead_letters(&self, stream: Option<&StreamId>) -> StoreResult<Vec<DeadLetter>> {
        let call = Call {
            stream,
            ..work("dead_letters")
        };
        forward!(self, call, dead_letters(stream))
    }

    async fn count_dead_letters(&self) -> StoreResult<Vec<DeadLetterCount>> {
        forward!(self, work("count_dead_letters"), count_dead_letters())
    }

    async fn clear_dead_letters(
        &self,
        key: &WorkKey,
        handler: &str,
        positions: &[LogPosition],
    ) -> StoreResult<()> {
        let call = work("clear_dead_letters").of(&key.stream);
        let call = call.count(positions.len());
        forward!(self, call, clear_dead_letters(key, handler, positions))
    }

    async fn forget_sink(&self, key: &WorkKey) -> StoreResult<()> {
        let call = work("forget_sink").of(&key.stream);
        forward!(self, call, forget_sink(key))
    }

    async fn request_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        let call = work("request_retry").of(stream);
        forward!(self, call, request_retry(handler, stream, aggregate_id))
    }

    async fn retries(&self, stream: &StreamId) -> StoreResult<Vec<(String, String)>> {
        forward!(self, work("retries").of(stream), retries(stream))
    }

    async fn clear_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        let call = work("clear_retry").of(stream);
        forward!(self, call, clear_retry(handler, stream, aggregate_id))
    }

    async fn forget_work(&self, stream: &StreamId) -> StoreResult<()> {
        forward!(self, work("forget_work").of(stream), forget_work(stream))
    }
}
