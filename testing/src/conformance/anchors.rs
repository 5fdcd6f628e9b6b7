//! The anchor of a sink: the same rule for the graph and the documents.

use spice_core::{
    chain::Anchor,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        graph::{Sink, SinkPosition},
    },
};

use crate::values::{anchor, stream};

/// Checks a sink by its three calls; `apply` applies nothing to the log `demo`.
pub(super) async fn move_with_the_sink(
    sink: impl AsyncFn(&StreamId) -> StoreResult<Sink>,
    apply: impl AsyncFn(&str, LogPosition, SinkPosition) -> StoreResult<()>,
    reset: impl AsyncFn(&StreamId) -> StoreResult<Sink>,
) {
    let demo = stream("demo");
    let empty = sink(&demo).await.unwrap();
    assert_eq!(empty.anchor, None);
    let step = async |from: u64, to: u64, seen: Option<Anchor>| {
        let through = SinkPosition {
            position: LogPosition(to),
            anchor: seen,
        };
        apply(&empty.generation, LogPosition(from), through)
            .await
            .unwrap();
        sink(&demo).await.unwrap()
    };
    let (second, fifth) = (anchor(LogPosition(2)), anchor(LogPosition(5)));
    for (from, to, seen, expected) in [
        (0, 2, Some(second), second),
        (2, 3, None, second),
        (3, 5, Some(fifth), fifth),
        (0, 2, Some(second), fifth),
        (5, 5, Some(second), fifth),
    ] {
        assert_eq!(
            step(from, to, seen).await.anchor,
            Some(expected),
            "{from} to {to}"
        );
    }
    let other = sink(&stream("other")).await.unwrap();
    assert_eq!(other.anchor, None, "logs are apart");
    assert_eq!(reset(&demo).await.unwrap().anchor, None);
    assert_eq!(sink(&demo).await.unwrap().anchor, None);
}
