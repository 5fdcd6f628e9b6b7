//! Checks that a log is one unbroken chain and the same log that its stores have seen before.
//! Reports what a log has lost. Only [`accept`] writes.

use std::collections::BTreeMap;

use spice_core::{
    chain::{Anchor, Chain, ChainHead, KeptHead, LogFault, check_end, resume},
    error::StoreError,
    guard::Guards,
    id::{CommandId, LogPosition, StreamId},
    port::{
        StoreResult,
        documents::Documents,
        graph::Graph,
        log::Log,
        registry::{Anchors, WorkerRegistry, WriteModel},
        sink::{Sink, Sinks},
    },
};

use crate::event::Event;

/// The number of envelopes in one read.
const PAGE: usize = 1_000;
/// The number of commands in one read of the registry.
const COMMANDS: usize = 500;

/// Reads a whole log, checks every link, and compares the chain with every anchor. Returns the
/// chain at the end.
pub async fn check(
    log: &dyn Log,
    stream: &StreamId,
    anchors: &[Anchor],
    kept: &[KeptHead],
) -> StoreResult<ChainHead> {
    let mut expected: BTreeMap<LogPosition, Vec<Expected>> = BTreeMap::new();
    let seen = anchors
        .iter()
        .map(|anchor| Expected::Seen(anchor.chain, anchor.position));
    let kept = kept.iter().map(|head| Expected::Kept(*head));
    for chain in seen.chain(kept) {
        expected.entry(chain.position()).or_default().push(chain);
    }
    let mut head = ChainHead::at(stream, LogPosition::ZERO);
    loop {
        let records = log.read(stream, head.position(), PAGE).await?;
        if records.is_empty() {
            break;
        }
        for record in records {
            compare(&head, &mut expected)?;
            head.take(record.position, &record.line)?;
            Event::read(&record, stream)?;
        }
    }
    compare(&head, &mut expected)?;
    // What a store has seen first: only for that there is something to accept.
    let beyond = expected.into_values().rev().flatten();
    match beyond.min_by_key(|chain| matches!(chain, Expected::Kept(_))) {
        None => Ok(head),
        Some(chain) => Err(chain.fault_beyond(&head).into()),
    }
}

/// A chain that the log must have.
enum Expected {
    /// A store has seen it at this position.
    Seen(Chain, LogPosition),
    /// A person has kept it.
    Kept(KeptHead),
}

impl Expected {
    fn position(&self) -> LogPosition {
        match self {
            Self::Seen(_, position) => *position,
            Self::Kept(head) => head.position,
        }
    }

    fn chain(&self) -> Chain {
        match self {
            Self::Seen(chain, _) => *chain,
            Self::Kept(head) => head.chain,
        }
    }

    /// Why a log is refused that has another chain there.
    fn fault_at(&self, head: &ChainHead) -> LogFault {
        let (stream, found) = (head.stream().clone(), head.next());
        match self {
            Self::Seen(expected, position) => LogFault::Diverged {
                stream,
                position: *position,
                expected: *expected,
                found,
            },
            Self::Kept(kept) => LogFault::OtherHead {
                stream,
                head: *kept,
                found,
            },
        }
    }

    /// Why a log is refused that ends before.
    fn fault_beyond(&self, head: &ChainHead) -> LogFault {
        let (stream, end) = (head.stream().clone(), head.position());
        match self {
            Self::Seen(_, position) => LogFault::Truncated {
                stream,
                end,
                seen: *position,
            },
            Self::Kept(kept) => LogFault::BeforeHead {
                stream,
                end,
                head: *kept,
            },
        }
    }
}

/// Compares the chain with what is expected at this position, and removes that from the list.
fn compare(
    head: &ChainHead,
    expected: &mut BTreeMap<LogPosition, Vec<Expected>>,
) -> Result<(), LogFault> {
    let here = expected.remove(&head.position()).unwrap_or_default();
    match here.into_iter().find(|it| Some(it.chain()) != head.next()) {
        None => Ok(()),
        Some(it) => Err(it.fault_at(head)),
    }
}

/// Lists every log that exists and every log that a store has seen, since a log may be missing.
pub async fn streams(log: &dyn Log, seen_by: &[&dyn Anchors]) -> StoreResult<Vec<StreamId>> {
    let mut streams = log.streams().await?;
    for store in seen_by {
        streams.extend(store.anchored_logs().await?);
    }
    streams.sort();
    streams.dedup();
    Ok(streams)
}

/// Returns the chain at the sink's anchor. Fails when the sink was filled from another log.
pub async fn check_sink(
    log: &dyn Log,
    stream: &StreamId,
    sink: &Sink,
    guards: Guards,
) -> StoreResult<ChainHead> {
    check_end(stream, log.end(stream).await?, sink.position)?;
    resume(log, stream, sink.anchor.as_ref(), guards).await
}

/// The stores that follow a log.
#[derive(Clone, Copy)]
pub struct Followers<'a> {
    /// The write model.
    pub model: &'a dyn WriteModel,
    /// What the workers recorded.
    pub work: &'a dyn WorkerRegistry,
    /// The graph.
    pub graph: &'a dyn Graph,
    /// The documents.
    pub documents: &'a dyn Documents,
}

/// What a log has lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The first position whose envelope is lost.
    pub from: LogPosition,
    /// The position after the last envelope that a store has seen.
    pub seen: LogPosition,
    /// Where the log ends.
    pub end: LogPosition,
    /// Why the log is refused.
    pub fault: LogFault,
}

/// Returns what a log has lost of the data that registry, graph and documents have seen, or none if
/// it is complete.
pub async fn loss(
    log: &dyn Log,
    followers: Followers<'_>,
    stream: &StreamId,
) -> StoreResult<Option<Loss>> {
    let end = log.end(stream).await?;
    let registry = followers.model.anchor(stream).await?;
    let mut sinks = followers.graph.sinks(stream).await?;
    sinks.extend(followers.documents.sinks(stream).await?);
    let mut seen = LogPosition::ZERO;
    let mut fault = None;
    for anchor in registry
        .into_iter()
        .chain(sinks.iter().filter_map(|sink| sink.anchor))
    {
        seen = seen.max(anchor.position);
        if fault.is_none() {
            fault = mismatch(log, stream, &anchor).await?;
        }
    }
    seen = sinks
        .iter()
        .fold(seen, |seen, sink| seen.max(sink.position));
    let ahead = check_end(stream, end, seen).err();
    let Some(fault) = fault.or(ahead) else {
        return Ok(None);
    };
    let from = match (registry, &fault) {
        (Some(_), _) => last_common(log, followers.model, stream, seen)
            .await?
            .min(end),
        (None, LogFault::Truncated { .. }) => end,
        // Only a registry knows where the log became another one.
        (None, _) => seen,
    };
    Ok(Some(Loss {
        from,
        seen,
        end,
        fault,
    }))
}

/// Returns why a log does not match an anchor, if a person may accept the log as it is.
async fn mismatch(
    log: &dyn Log,
    stream: &StreamId,
    anchor: &Anchor,
) -> StoreResult<Option<LogFault>> {
    match resume(log, stream, Some(anchor), Guards::default()).await {
        Ok(_) => Ok(None),
        Err(StoreError::LogRefused(fault)) => match *fault {
            fault @ (LogFault::Truncated { .. } | LogFault::Diverged { .. }) => Ok(Some(fault)),
            fault => Err(fault.into()),
        },
        Err(error) => Err(error),
    }
}

/// Returns the position after the newest command that both the registry and the log know.
async fn last_common(
    log: &dyn Log,
    model: &dyn WriteModel,
    stream: &StreamId,
    seen: LogPosition,
) -> StoreResult<LogPosition> {
    let mut before = seen;
    loop {
        let commands = model.recent_commands(stream, before, COMMANDS).await?;
        for command in &commands {
            if stands(log, stream, command.position, command.id).await? {
                return Ok(command.last.next());
            }
        }
        match commands.last() {
            Some(oldest) => before = oldest.position,
            None => return Ok(LogPosition::ZERO),
        }
    }
}

async fn stands(
    log: &dyn Log,
    stream: &StreamId,
    position: LogPosition,
    command: CommandId,
) -> StoreResult<bool> {
    let records = log.read(stream, position, 1).await?;
    let Some(record) = records.first() else {
        return Ok(false);
    };
    Ok(Event::read(record, stream).is_ok_and(|event| event.event_id.0 == command.0))
}

/// Accepts a log as it is: removes what registry, graph and documents hold of it, so that they are
/// rebuilt from the log. Each store removes its anchor together with its data, and the registry
/// goes last: after a crash in between, the log is still refused.
pub async fn accept(followers: Followers<'_>, stream: &StreamId) -> StoreResult<()> {
    drop_sinks(followers.graph, stream).await?;
    drop_sinks(followers.documents, stream).await?;
    followers.work.forget_work(stream).await?;
    followers.model.forget(stream).await
}

async fn drop_sinks(sinks: &dyn Sinks, stream: &StreamId) -> StoreResult<()> {
    for sink in sinks.sinks(stream).await? {
        sinks.drop_sink(stream, &sink.generation, sink.role).await?;
    }
    Ok(())
}
