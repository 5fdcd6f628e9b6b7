//! Compares graph and documents, as stored and as read, with the log.

use std::collections::{BTreeMap, BTreeSet};

use spice_core::{
    id::{InstanceRef, LogPosition, StreamId},
    lineage::View,
    port::{
        documents::{Document, Documents},
        graph::{Entity, Graph, Version},
        sink::Sinks,
    },
};

use super::verdict::Verdict;
use crate::sim::{
    fold::{Fact, Place, Shelf, Story},
    world::World,
};

const ALL: usize = 100_000;

fn of_version(version: Version) -> Fact {
    Fact {
        branch: version.branch,
        entity: version.state.entity,
        position: version.state.position,
        sequence: version.state.sequence,
        event_id: version.state.event_id,
        data: version.state.data,
    }
}

fn of_document(document: Document) -> Fact {
    Fact {
        branch: document.branch.1,
        entity: document.state.entity,
        position: document.state.position,
        sequence: document.state.sequence,
        event_id: document.state.event_id,
        data: document.state.data,
    }
}

/// Returns what a reader sees of a fact, wherever it is stored.
fn content(fact: &Fact) -> (LogPosition, u64, Option<&str>) {
    (
        fact.position,
        fact.sequence.0,
        fact.data.as_ref().map(spice_core::json::Json::as_str),
    )
}

/// The graph holds every version once, and reads show the log's state.
pub(super) async fn check_graph(
    world: &World,
    stream: &StreamId,
    story: &Story,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let graph = world.graph.get();
    let sink = graph.sink(stream).await?.generation;
    let mut found: BTreeMap<Place, Fact> = BTreeMap::new();
    for generation in &story.generations {
        for version in graph.latest(stream, &sink, *generation, None, ALL).await? {
            let fact = of_version(version);
            found.insert((fact.branch, fact.entity.clone()), fact);
        }
    }
    compare("graph", stream, &story.newest(), &found, verdict);
    let entities: Vec<Entity> = story.entities().into_iter().collect();
    let nothing = BTreeSet::new();
    for (name, (_, lineage)) in &story.branches {
        for at in moments(story) {
            let view = View {
                stream: stream.clone(),
                lineage: lineage.at(at),
            };
            let answers = graph.get(&view, &entities).await?;
            for (entity, answer) in entities.iter().zip(answers) {
                let seen = answer.map(of_version);
                let expected = story.show(&view.lineage, entity, &nothing);
                verdict.check(
                    seen.as_ref().map(content) == expected.map(content),
                    || format!("the graph of {stream} shows on {name} at {at} {seen:?}, the log says {expected:?}"),
                );
            }
        }
        for entity in &entities {
            let view = View {
                stream: stream.clone(),
                lineage: lineage.clone(),
            };
            let versions = graph.history(&view, entity).await?;
            let positions: Vec<LogPosition> =
                versions.iter().map(|one| one.state.position).collect();
            let expected = story.history(lineage, entity);
            verdict.check(positions == expected, || {
                format!("{entity:?} of {stream} has the versions {positions:?} on {name}, not {expected:?}")
            });
        }
    }
    Ok(())
}

/// The documents are the latest versions and the superseded ones that branches show, without the
/// parked events.
pub(super) async fn check_documents(
    world: &World,
    stream: &StreamId,
    story: &Story,
    parked: &BTreeSet<LogPosition>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let documents = world.documents.get();
    let sink = documents.sink(stream).await?.generation;
    let mut expected = story.documents(parked);
    let mut found: BTreeMap<Shelf, Fact> = BTreeMap::new();
    for generation in &story.generations {
        for document in documents.all(stream, &sink, *generation, None, ALL).await? {
            let range = document
                .until()
                .map(|until| (document.state.position, until));
            let fact = of_document(document);
            found.insert(((fact.branch, fact.entity.clone()), range), fact);
        }
    }
    // The state that branches at a past position show is checked below by reads.
    found.retain(|shelf, _| !story.may_show_past(shelf));
    expected.retain(|shelf, _| !story.may_show_past(shelf));
    compare("documents", stream, &expected, &found, verdict);
    let instances: Vec<InstanceRef> = story
        .entities()
        .into_iter()
        .filter_map(|entity| match entity {
            Entity::Instance(instance) => Some(instance),
            Entity::Class(_) => None,
        })
        .collect();
    for (name, (_, lineage)) in &story.branches {
        let view = View {
            stream: stream.clone(),
            lineage: lineage.clone(),
        };
        let answers = documents.get(&view, &instances).await?;
        for (instance, answer) in instances.iter().zip(answers) {
            let seen = answer.map(of_document);
            let entity = Entity::Instance(instance.clone());
            let expected = story.show(lineage, &entity, parked);
            verdict.check(seen.as_ref().map(content) == expected.map(content), || {
                format!(
                    "the documents of {stream} show on {name} {seen:?}, the log says {expected:?}"
                )
            });
        }
    }
    Ok(())
}

fn moments(story: &Story) -> Vec<LogPosition> {
    let end = story.envelopes.len() as u64;
    let mut moments: Vec<LogPosition> = (0..end).step_by(23).map(LogPosition).collect();
    moments.push(LogPosition::MAX);
    moments
}

fn compare<Key: Ord>(
    sink: &str,
    stream: &StreamId,
    expected: &BTreeMap<Key, Fact>,
    found: &BTreeMap<Key, Fact>,
    verdict: &mut Verdict,
) {
    let keys: BTreeSet<&Key> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let (expected, found) = (expected.get(key), found.get(key));
        verdict.check(expected == found, || {
            format!("{sink} of {stream}: {found:?}, the log says {expected:?}")
        });
    }
}
