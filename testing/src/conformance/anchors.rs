//! The anchor of a sink: the same rule for graph and documents.

use spice_core::{
    chain::Anchor,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        sink::{SinkPosition, SinkRole, Sinks},
    },
};

use super::sinks::wipe;
use crate::values::{anchor, stream};

fn at(position: u64) -> Anchor {
    anchor(LogPosition(position))
}

/// Checks the anchors of the sinks of `demo`; `apply` applies nothing to one of them.
pub(super) async fn move_with_the_sink(
    sinks: &dyn Sinks,
    demo: &StreamId,
    apply: impl AsyncFn(&str, LogPosition, SinkPosition) -> StoreResult<()>,
) {
    let live = sinks.sink(demo).await.unwrap();
    assert_eq!(live.anchor, None);
    let step = async |from: u64, to: u64, seen: Option<Anchor>| {
        let through = SinkPosition {
            position: LogPosition(to),
            anchor: seen,
        };
        let applied = apply(&live.generation, LogPosition(from), through);
        applied.await.unwrap();
        sinks.sink(demo).await.unwrap().anchor
    };
    for (from, to, seen, expected) in [
        (0, 2, Some(at(2)), at(2)),
        (2, 3, None, at(2)),
        (3, 5, Some(at(5)), at(5)),
        (0, 2, Some(at(2)), at(5)),
        (5, 5, Some(at(2)), at(5)),
    ] {
        let found = step(from, to, seen).await;
        assert_eq!(found, Some(expected), "{from} to {to}");
    }
    let other = sinks.sink(&stream("other")).await.unwrap();
    assert_eq!(other.anchor, None, "logs are apart");
    each_sink_has_its_own(sinks, demo, &live.generation, apply).await;
    wipe(sinks, demo).await;
    assert_eq!(sinks.sink(demo).await.unwrap().anchor, None);
}

/// The live sink has seen position 5.
async fn each_sink_has_its_own(
    sinks: &dyn Sinks,
    demo: &StreamId,
    live: &str,
    apply: impl AsyncFn(&str, LogPosition, SinkPosition) -> StoreResult<()>,
) {
    let anchors = async || {
        let sinks = sinks.sinks(demo).await.unwrap().into_iter();
        sinks.map(|sink| sink.anchor).collect::<Vec<_>>()
    };
    let shadow = sinks.create_shadow(demo).await.unwrap();
    assert_eq!(shadow.anchor, None);
    let shadow = shadow.generation;
    let applied = apply(&shadow, LogPosition::ZERO, at(6).into());
    applied.await.unwrap();
    assert_eq!(anchors().await, [Some(at(5)), Some(at(6))]);
    assert!(sinks.swap(demo, &shadow).await.unwrap());
    assert_eq!(anchors().await, [Some(at(6)), Some(at(5))]);
    let dropped = sinks.drop_sink(demo, live, SinkRole::Old);
    dropped.await.unwrap();
    assert_eq!(anchors().await, [Some(at(6))]);
}
