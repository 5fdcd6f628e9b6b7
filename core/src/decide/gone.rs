//! Determines whether anything is left of what a command created.

use super::{
    state::WriteState,
    stop::{Needs, Stop},
    version::Version,
};
use crate::{
    envelope::{Envelope, EventType, Kind},
    id::{AggregateId, StreamId},
    model::ModelKey,
};

/// Entries per request; often the first one is left.
const STEP: usize = 256;

/// Whether nothing is left of what a command created. False for a command with effects other than
/// creations. A thing with the same name that another command created does not count.
pub fn is_gone(
    state: &WriteState,
    stream: &StreamId,
    envelopes: &[Envelope],
) -> Result<bool, Stop> {
    let is_domain = |envelope: &&Envelope| envelope.metadata.kind == Kind::Domain;
    let events: Vec<&Envelope> = envelopes.iter().filter(is_domain).collect();
    if events.is_empty() || !events.iter().all(|event| is_creation(event.event_type)) {
        return Ok(false);
    }
    let is_live = state.database().is_some_and(|database| database.live);
    if !is_live || state.stream() != stream {
        return Ok(true);
    }
    let mut needs = Needs::default();
    for event in events {
        if needs.take(exists(state, event))? == Some(true) {
            return Ok(false);
        }
        if needs.len() >= STEP {
            break;
        }
    }
    needs.settle()?;
    Ok(true)
}

fn is_creation(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::DatabaseCreated
            | EventType::BranchCreated
            | EventType::OntologyClassCreated
            | EventType::InstanceCreated
    )
}

/// Whether the thing that an event created still exists.
fn exists(state: &WriteState, event: &Envelope) -> Result<bool, Stop> {
    let (branch, key) = match &event.aggregate {
        AggregateId::Database(_) => return Ok(true),
        AggregateId::Branch(_, name) => {
            // A rebase keeps the creation time, and no other branch of that name has the same.
            let branch = state.live_branch(name);
            return Ok(branch.is_some_and(|branch| branch.created_at == event.occurred_at));
        }
        AggregateId::OntologyClass(_, branch, class) => (branch, ModelKey::class(class)),
        AggregateId::Instance(_, branch, class, id) => (branch, ModelKey::instance(class, id)),
    };
    let Some(branch) = state.live_branch(branch) else {
        return Ok(false);
    };
    let now = Version::newest(state, branch, &key)?;
    Ok(now.is_some_and(|now| now.is_live() && now.state.created_at == event.occurred_at))
}
