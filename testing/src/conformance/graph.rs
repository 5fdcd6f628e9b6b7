//! Conformance of [`Graph`].

use std::sync::Arc;

use spice_core::{
    error::StoreError,
    id::{BranchGeneration, LogPosition, Sequence},
    lineage::{Lineage, View},
    port::{
        graph::{Entity, Graph, State, Version},
        sink::{Applied, SinkRole},
    },
};

use super::{
    anchors,
    sinks::{self, wipe},
    story::instance,
};
use crate::values::{at, json, stream};

/// Creates an empty graph.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Graph>;

fn version(id: usize, position: u64, sequence: u64, data: Option<&str>) -> Version {
    Version {
        branch: BranchGeneration::MAIN,
        state: State {
            entity: Entity::Instance(instance(0, id)),
            position: LogPosition(position),
            sequence: Sequence(sequence),
            event_id: spice_core::id::EventId(uuid::Uuid::from_u128(u128::from(position))),
            occurred_at: at(position),
            created_at: at(1),
            data: data.map(json),
        },
        references: Vec::new(),
    }
}

fn main_view() -> View {
    View {
        stream: stream("demo"),
        lineage: Lineage::main(),
    }
}

async fn apply(
    graph: &dyn Graph,
    from: u64,
    through: u64,
    versions: &[Version],
) -> Result<Applied, StoreError> {
    let demo = stream("demo");
    let generation = graph.sink(&demo).await?.generation;
    let (from, through) = (LogPosition(from), LogPosition(through));
    graph
        .apply(&demo, &generation, from, through.into(), versions)
        .await
}

/// A repeated batch changes nothing, and reports that.
pub async fn repeats_change_nothing(make: Make<'_>) {
    let graph = make();
    let batch = [
        version(0, 1, 1, Some("{}")),
        version(0, 2, 2, Some(r#"{"a":1.10}"#)),
    ];
    let first = apply(&*graph, 0, 3, &batch).await.unwrap();
    assert!(first.stale.is_empty() && first.refused.is_empty());
    let again = apply(&*graph, 0, 3, &batch).await.unwrap();
    assert_eq!(again.stale, [0, 1]);
    let history = graph
        .history(&main_view(), &batch[0].state.entity)
        .await
        .unwrap();
    assert_eq!(history, batch);
    assert_eq!(
        graph.sink(&stream("demo")).await.unwrap().position,
        LogPosition(3)
    );
    apply(&*graph, 0, 1, &[]).await.unwrap();
    let position = graph.sink(&stream("demo")).await.unwrap().position;
    assert_eq!(position, LogPosition(3), "a position never goes back");
}

/// A version that is not newer than the existing one is skipped.
pub async fn stale_versions_are_skipped(make: Make<'_>) {
    let graph = make();
    apply(&*graph, 0, 9, &[version(0, 8, 3, Some("{}"))])
        .await
        .unwrap();
    let late = [version(0, 5, 2, Some("[]")), version(0, 9, 3, None)];
    assert_eq!(apply(&*graph, 9, 10, &late).await.unwrap().stale, [0, 1]);
    let found = graph
        .get(&main_view(), &[late[0].state.entity.clone()])
        .await
        .unwrap();
    assert_eq!(found[0].as_ref().unwrap().state.position, LogPosition(8));
}

/// A delete hides the entity, is visible as a tombstone, and late versions do not bring it back.
pub async fn nothing_resurrects(make: Make<'_>) {
    let graph = make();
    let create = version(0, 1, 1, Some("{}"));
    apply(&*graph, 0, 2, std::slice::from_ref(&create))
        .await
        .unwrap();
    apply(&*graph, 2, 3, &[version(0, 2, 2, None)])
        .await
        .unwrap();
    apply(&*graph, 0, 2, std::slice::from_ref(&create))
        .await
        .unwrap();
    let view = main_view();
    let found = graph
        .get(&view, std::slice::from_ref(&create.state.entity))
        .await
        .unwrap();
    assert_eq!(found[0].as_ref().unwrap().state.data, None);
    let class = instance(0, 0).class;
    assert!(
        graph
            .scan(&view, &class, &[], None, 9)
            .await
            .unwrap()
            .versions
            .is_empty()
    );
    let before = View {
        lineage: view.lineage.at(LogPosition(1)),
        ..view
    };
    assert_eq!(
        graph
            .scan(&before, &class, &[], None, 9)
            .await
            .unwrap()
            .versions,
        [create]
    );
}

/// A batch after a gap is fenced and does nothing.
pub async fn sinks_fence_off_holes(make: Make<'_>) {
    let graph = make();
    let one = [version(0, 1, 1, Some("{}"))];
    let hole = apply(&*graph, 1, 2, &one).await;
    assert!(matches!(hole, Err(StoreError::Fenced { .. })), "{hole:?}");
    assert_eq!(
        graph.sink(&stream("demo")).await.unwrap().position,
        LogPosition(0)
    );
    let found = graph
        .get(&main_view(), &[one[0].state.entity.clone()])
        .await
        .unwrap();
    assert_eq!(found, [None]);
}

/// A batch for a sink that is gone is fenced; a new sink is empty.
pub async fn sinks_refuse_other_generations(make: Make<'_>) {
    let graph = make();
    let demo = stream("demo");
    let one = [version(0, 0, 1, Some("{}"))];
    let entities = [one[0].state.entity.clone()];
    let (zero, next) = (LogPosition(0), LogPosition(1));
    let foreign = graph.apply(&demo, "another", zero, next.into(), &one).await;
    assert!(
        matches!(foreign, Err(StoreError::Fenced { .. })),
        "{foreign:?}"
    );
    assert_eq!(graph.get(&main_view(), &entities).await.unwrap(), [None]);

    apply(&*graph, 0, 1, &one).await.unwrap();
    let old = graph.sink(&demo).await.unwrap().generation;
    wipe(&*graph, &demo).await;
    let fresh = graph.sink(&demo).await.unwrap();
    assert_ne!(fresh.generation, old);
    assert_eq!(fresh.position, zero);
    assert_eq!(graph.get(&main_view(), &entities).await.unwrap(), [None]);
    let zombie = graph.apply(&demo, &old, zero, next.into(), &one).await;
    assert!(
        matches!(zombie, Err(StoreError::Fenced { .. })),
        "{zombie:?}"
    );
}

/// A sink remembers what was seen of the log: the anchor moves with the position, never back, and
/// is forgotten with the sink. A log that was never seen has none.
pub async fn an_anchor_moves_with_the_sink(make: Make<'_>) {
    let graph = make();
    let demo = stream("demo");
    let apply = async |sink: &str, from, through| {
        let applied = graph.apply(&demo, sink, from, through, &[]);
        applied.await.map(|_| ())
    };
    anchors::move_with_the_sink(&*graph, &demo, apply).await;
}

/// Logs are independent, also when one is dropped; so are generations of a branch name.
pub async fn logs_and_generations_are_separate(make: Make<'_>) {
    let graph = make();
    let (demo, again) = (stream("demo"), stream("demo.g2"));
    apply(&*graph, 0, 2, &[version(0, 1, 1, Some("{}"))])
        .await
        .unwrap();
    let sink = graph.sink(&again).await.unwrap();
    let mut other = version(0, 1, 1, Some(r#"{"x":1}"#));
    other.branch = BranchGeneration(LogPosition(7));
    let (from, through) = (LogPosition(0), LogPosition(2));
    graph
        .apply(
            &again,
            &sink.generation,
            from,
            through.into(),
            &[other.clone()],
        )
        .await
        .unwrap();
    wipe(&*graph, &demo).await;
    let on_branch = |generation| View {
        stream: again.clone(),
        lineage: Lineage::main().branch("b".parse().unwrap(), generation, LogPosition(0)),
    };
    let entities = [other.state.entity.clone()];
    let found = graph
        .get(&on_branch(other.branch), &entities)
        .await
        .unwrap();
    assert_eq!(found, [Some(other.clone())]);
    let later = BranchGeneration(LogPosition(9));
    assert_eq!(
        graph.get(&on_branch(later), &entities).await.unwrap(),
        [None]
    );
}

/// Reads see only the live sink; a shadow becomes visible when it is swapped in.
pub async fn reads_see_the_live_sink(make: Make<'_>) {
    let graph = make();
    let demo = stream("demo");
    let (one, other) = (
        version(0, 0, 1, Some(r#"{"a":1}"#)),
        version(0, 0, 1, Some(r#"{"a":2}"#)),
    );
    apply(&*graph, 0, 1, std::slice::from_ref(&one))
        .await
        .unwrap();
    let shadow = graph.create_shadow(&demo).await.unwrap().generation;
    let (zero, next) = (LogPosition(0), LogPosition(1));
    let filled = graph.apply(
        &demo,
        &shadow,
        zero,
        next.into(),
        std::slice::from_ref(&other),
    );
    assert!(!filled.await.unwrap().live);
    let entities = [one.state.entity.clone()];
    assert_eq!(
        graph.get(&main_view(), &entities).await.unwrap(),
        [Some(one.clone())]
    );
    let latest = async |sink: &str| {
        let latest = graph.latest(&demo, sink, BranchGeneration::MAIN, None, 9);
        latest.await.unwrap()
    };
    let live = graph.sink(&demo).await.unwrap().generation;
    assert_eq!(latest(&live).await, [one]);
    assert_eq!(latest(&shadow).await, std::slice::from_ref(&other));
    assert!(graph.swap(&demo, &shadow).await.unwrap());
    assert_eq!(
        graph.get(&main_view(), &entities).await.unwrap(),
        [Some(other.clone())]
    );
    let dropped = graph.drop_sink(&demo, &live, SinkRole::Old);
    dropped.await.unwrap();
    assert_eq!(
        graph.get(&main_view(), &entities).await.unwrap(),
        [Some(other)]
    );
}

/// The sinks of a log take turns.
pub async fn sinks_take_turns(make: Make<'_>) {
    let graph = make();
    let demo = stream("demo");
    let fill = async |sink: &str, through: LogPosition| {
        let applied = graph.apply(&demo, sink, LogPosition::ZERO, through.into(), &[]);
        applied.await.map(|applied| applied.live)
    };
    sinks::sinks_take_turns(&*graph, &demo, fill).await;
}

/// What repair removes is gone with its references, and can be written again from the beginning.
pub async fn repair_removes_and_rewrites(make: Make<'_>) {
    let graph = make();
    let demo = stream("demo");
    let mut wrong = version(0, 5, 5, Some(r#"{"wrong":true}"#));
    wrong.references = vec![("link".parse().unwrap(), instance(1, 3))];
    apply(
        &*graph,
        0,
        6,
        &[wrong.clone(), version(1, 5, 1, Some("{}"))],
    )
    .await
    .unwrap();
    let entities = [wrong.state.entity.clone()];
    let sink = graph.sink(&demo).await.unwrap().generation;
    graph
        .remove(&demo, &sink, BranchGeneration::MAIN, &entities)
        .await
        .unwrap();
    assert_eq!(graph.get(&main_view(), &entities).await.unwrap(), [None]);
    let mut right = version(0, 2, 1, Some("{}"));
    right.references = wrong.references.clone();
    apply(&*graph, 6, 6, &[right.clone()]).await.unwrap();
    let view = View {
        lineage: Lineage::main().at(LogPosition(3)),
        ..main_view()
    };
    let class = instance(0, 0).class;
    let targets = [instance(1, 3)];
    let predicate = "link".parse().unwrap();
    let found = graph
        .referrers(&view, &class, &predicate, &targets, None, 10)
        .await
        .unwrap();
    assert_eq!(found.versions, [right]);
}
