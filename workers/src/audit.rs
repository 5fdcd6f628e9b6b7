//! Checks that a log is one chain and still the one that was seen before, and says what a log that
//! is shorter or another has lost. Reads only, but for [`accept`].

use std::collections::BTreeMap;

use spice_core::{
    chain::{Anchor, Chain, ChainHead, KeptHead, LogFault, resume},
    error::StoreError,
    guard::Guards,
    id::{CommandId, LogPosition, StreamId},
    port::{
        StoreResult,
        documents::Documents,
        graph::Graph,
        log::Log,
        registry::{WorkerRegistry, WriteModel},
    },
};

use crate::event::Event;

/// Envelopes that one read asks for.
const PAGE: usize = 1_000;
/// Commands that one look into the registry asks for.
const COMMANDS: usize = 500;

/// Reads a whole log, checks every link, and compares the chain with what was seen of it before.
/// The answer is the chain at the end.
pub async fn check(
    log: &dyn Log,
    stream: &StreamId,
    anchor: Option<&Anchor>,
    kept: &[KeptHead],
) -> StoreResult<ChainHead> {
    let mut expected: BTreeMap<LogPosition, Vec<Chain>> = BTreeMap::new();
    let anchored = anchor.map(|anchor| (anchor.position, anchor.chain));
    let kept = kept.iter().map(|head| (head.position, head.chain));
    for (position, chain) in anchored.into_iter().chain(kept) {
        expected.entry(position).or_default().push(chain);
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
    match expected.last_key_value() {
        None => Ok(head),
        Some((seen, _)) => Err(LogFault::Truncated {
            stream: stream.clone(),
            end: head.position(),
            seen: *seen,
        }
        .into()),
    }
}

/// Compares the chain here with what is expected here, which is done with.
fn compare(
    head: &ChainHead,
    expected: &mut BTreeMap<LogPosition, Vec<Chain>>,
) -> Result<(), LogFault> {
    let here = expected.remove(&head.position()).unwrap_or_default();
    let found = head.next();
    match here.into_iter().find(|chain| Some(*chain) != found) {
        None => Ok(()),
        Some(expected) => Err(LogFault::Diverged {
            stream: head.stream().clone(),
            position: head.position(),
            expected,
            found,
        }),
    }
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

/// What a log no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The first position whose envelope is lost.
    pub from: LogPosition,
    /// The position after the last envelope that was seen.
    pub seen: LogPosition,
    /// Where the log ends.
    pub end: LogPosition,
    /// Why the log is refused.
    pub fault: LogFault,
}

/// What a log has lost of what registry, graph and documents have seen; none when nothing is.
pub async fn loss(
    log: &dyn Log,
    followers: Followers<'_>,
    stream: &StreamId,
) -> StoreResult<Option<Loss>> {
    let end = log.end(stream).await?;
    let anchor = followers.model.anchor(stream).await?;
    let fault = match resume(log, stream, anchor.as_ref(), Guards::default()).await {
        Ok(_) => None,
        Err(StoreError::LogRefused(fault)) => match *fault {
            fault @ (LogFault::Truncated { .. } | LogFault::Diverged { .. }) => Some(fault),
            fault => return Err(fault.into()),
        },
        Err(error) => return Err(error),
    };
    let graph = followers.graph.sink(stream).await?.position;
    let documents = followers.documents.sink(stream).await?.position;
    let anchored = anchor.map_or(LogPosition::ZERO, |anchor| anchor.position);
    let seen = anchored.max(graph).max(documents);
    let ahead = (seen > end).then(|| LogFault::Truncated {
        stream: stream.clone(),
        end,
        seen,
    });
    let Some(fault) = fault.or(ahead) else {
        return Ok(None);
    };
    let from = last_common(log, followers.model, stream, seen).await?;
    Ok(Some(Loss {
        from: from.min(end),
        seen,
        end,
        fault,
    }))
}

/// The position after the newest command that both the registry and the log know.
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

/// Takes a log as it is: drops what registry, graph and documents hold of it, so that they are
/// built anew from what is left. The anchor goes last: stopped in between, the log is refused
/// still.
pub async fn accept(followers: Followers<'_>, stream: &StreamId) -> StoreResult<()> {
    followers.graph.reset(stream).await?;
    followers.documents.reset(stream).await?;
    followers.work.forget_work(stream).await?;
    followers.model.forget(stream).await
}
