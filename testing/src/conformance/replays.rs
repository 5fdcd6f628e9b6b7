//! Conformance of [`Replays`](spice_core::port::replays::Replays).

use std::sync::Arc;

use spice_core::{
    handler::Projection,
    port::replays::{KEPT, Start},
    replay::{Replay, ReplayId, ReplayRequest, ReplayState},
};
use uuid::Uuid;

use super::registry::Make;
use crate::values::{at, stream};

fn replay(number: u64, log: &str, targets: &[Projection]) -> Replay {
    Replay::new(
        ReplayId(Uuid::from_u128(u128::from(number))),
        stream(log),
        ReplayRequest::blue_green(targets.iter().copied()),
        Some("ops".into()),
        at(number),
    )
}

fn with_state(replay: &Replay, state: ReplayState) -> Replay {
    Replay {
        state,
        ..replay.clone()
    }
}

const GRAPH: &[Projection] = &[Projection::Graph];
const DOCUMENTS: &[Projection] = &[Projection::Documents];

/// An unfinished replay excludes others of the same projection and log; an id is used once.
pub async fn one_unfinished_replay_changes_a_projection(make: Make<'_>) {
    let registry = make();
    let first = replay(1, "demo", GRAPH);
    let start = async |replay: &Replay| registry.start_replay(replay).await.unwrap();
    assert_eq!(start(&first).await, Start::Started);
    assert_eq!(start(&first).await, Start::Exists(Box::new(first.clone())));
    let both = replay(2, "demo", &Projection::ALL);
    assert_eq!(start(&both).await, Start::Running(Box::new(first.clone())));
    assert_eq!(start(&replay(3, "demo", DOCUMENTS)).await, Start::Started);
    assert_eq!(start(&replay(4, "demo.g2", GRAPH)).await, Start::Started);

    let done = with_state(&first, ReplayState::Complete);
    assert!(registry.change_replay(&done).await.unwrap());
    let Start::Running(other) = start(&both).await else {
        panic!("the documents are being replayed");
    };
    assert_eq!(other.id, replay(3, "demo", DOCUMENTS).id);
    assert_eq!(start(&replay(5, "demo", GRAPH)).await, Start::Started);
    let found = start(&first).await;
    assert!(matches!(found, Start::Exists(it) if it.state == ReplayState::Complete));
}

/// Of eight that race for a projection, one starts.
pub async fn one_of_several_racing_replays_starts(make: Make<'_>) {
    let registry = make();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let registry = Arc::clone(&registry);
        tasks.spawn(async move {
            let replay = replay(number, "demo", GRAPH);
            registry.start_replay(&replay).await.unwrap() == Start::Started
        });
    }
    let started = tasks.join_all().await;
    assert_eq!(started.into_iter().filter(|it| *it).count(), 1);
    assert_eq!(
        registry.open_replays(&stream("demo")).await.unwrap().len(),
        1
    );
}

/// A change applies to the newest revision only, and makes the next one.
pub async fn a_change_needs_the_newest_revision(make: Make<'_>) {
    let registry = make();
    let first = replay(1, "demo", GRAPH);
    assert!(!registry.change_replay(&first).await.unwrap(), "unknown");
    assert_eq!(registry.replay(first.id).await.unwrap(), None);
    registry.start_replay(&first).await.unwrap();
    let filling = with_state(&first, ReplayState::Filling);
    assert!(registry.change_replay(&filling).await.unwrap());
    let cancelled = with_state(&first, ReplayState::Cancelled);
    assert!(!registry.change_replay(&cancelled).await.unwrap(), "late");
    let found = registry.replay(first.id).await.unwrap().unwrap();
    let expected = Replay {
        revision: 1,
        ..filling
    };
    assert_eq!(found, expected);
    let cancelled = with_state(&found, ReplayState::Cancelled);
    assert!(registry.change_replay(&cancelled).await.unwrap());
    assert!(
        registry
            .open_replays(&first.stream)
            .await
            .unwrap()
            .is_empty()
    );
}

/// The newest comes first, of one log or of all; unfinished ones in the order of the requests.
pub async fn replays_are_listed_newest_first(make: Make<'_>) {
    let registry = make();
    for (number, log, targets) in [
        (1, "demo", GRAPH),
        (2, "other", GRAPH),
        (3, "demo", DOCUMENTS),
    ] {
        let replay = replay(number, log, targets);
        assert_eq!(
            registry.start_replay(&replay).await.unwrap(),
            Start::Started
        );
    }
    let numbers = |found: Vec<Replay>| -> Vec<u128> {
        found.iter().map(|replay| replay.id.0.as_u128()).collect()
    };
    let demo = stream("demo");
    assert_eq!(numbers(registry.replays(None).await.unwrap()), [3, 2, 1]);
    assert_eq!(
        numbers(registry.replays(Some(&demo)).await.unwrap()),
        [3, 1]
    );
    assert_eq!(numbers(registry.open_replays(&demo).await.unwrap()), [1, 3]);
    let none = registry.open_replays(&stream("demo.g2")).await.unwrap();
    assert!(none.is_empty());
}

/// A new replay removes the oldest finished ones of its log; unfinished ones stay.
pub async fn only_the_newest_finished_replays_are_kept(make: Make<'_>) {
    let registry = make();
    let open = replay(0, "demo", DOCUMENTS);
    registry.start_replay(&open).await.unwrap();
    registry
        .start_replay(&replay(1, "other", GRAPH))
        .await
        .unwrap();
    for number in 2..KEPT as u64 + 5 {
        let replay = replay(number, "demo", GRAPH);
        assert_eq!(
            registry.start_replay(&replay).await.unwrap(),
            Start::Started
        );
        let done = with_state(&replay, ReplayState::Failed);
        assert!(registry.change_replay(&done).await.unwrap());
    }
    let last = replay(1_000, "demo", GRAPH);
    assert_eq!(registry.start_replay(&last).await.unwrap(), Start::Started);
    let left = registry.replays(Some(&open.stream)).await.unwrap();
    assert_eq!(left.len(), KEPT + 2);
    assert_eq!((left[0].id, left[KEPT + 1].id), (last.id, open.id));
    assert_eq!(left[KEPT].id, replay(5, "demo", GRAPH).id);
    assert_eq!(registry.replays(None).await.unwrap().len(), KEPT + 3);
}

/// Nothing is left of a log that is forgotten.
pub async fn replays_are_forgotten_with_their_log(make: Make<'_>) {
    let registry = make();
    for (number, log) in [(1, "demo"), (2, "other")] {
        let replay = replay(number, log, GRAPH);
        registry.start_replay(&replay).await.unwrap();
    }
    registry.forget_work(&stream("demo")).await.unwrap();
    let left = registry.replays(None).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].stream, stream("other"));
}
