//! Conformance of [`Sinks`], for any store of sinks.

use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::sink::{SinkRole, Sinks},
};

/// Removes everything that a store holds of a log, like a lost file.
pub async fn wipe(sinks: &dyn Sinks, stream: &StreamId) {
    let live = sinks.sink(stream).await.unwrap();
    let dropped = sinks.drop_sink(stream, &live.generation, SinkRole::Live);
    dropped.await.unwrap();
}

async fn roles(sinks: &dyn Sinks, stream: &StreamId) -> Vec<(String, SinkRole)> {
    let sinks = sinks.sinks(stream).await.unwrap();
    let pair = sinks.into_iter().map(|sink| (sink.generation, sink.role));
    pair.collect()
}

fn is_fenced<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Fenced { .. }))
}

/// There is one shadow at a time; it can become live when it has caught up with the live sink; the
/// former live sink stays until it is dropped. `fill` applies nothing to a sink, from its beginning
/// up to a position.
pub async fn sinks_take_turns(
    sinks: &dyn Sinks,
    stream: &StreamId,
    fill: impl AsyncFn(&str, LogPosition) -> Result<bool, StoreError>,
) {
    let first = sinks.sink(stream).await.unwrap();
    assert_eq!(
        (first.role, first.position, first.visible),
        (SinkRole::Live, LogPosition::ZERO, LogPosition::ZERO)
    );
    assert!(
        fill(&first.generation, LogPosition(5)).await.unwrap(),
        "live"
    );
    let shadow = sinks.create_shadow(stream).await.unwrap();
    assert_eq!(shadow.role, SinkRole::Shadow);
    assert_eq!(shadow.position, LogPosition::ZERO);
    assert_eq!(sinks.create_shadow(stream).await.unwrap(), shadow);
    let (old, new) = (first.generation, shadow.generation);
    assert_ne!(old, new);

    assert!(!fill(&new, LogPosition(4)).await.unwrap(), "not live");
    assert!(!sinks.swap(stream, &new).await.unwrap(), "it is behind");
    assert_eq!(sinks.sink(stream).await.unwrap().generation, old);
    fill(&new, LogPosition(5)).await.unwrap();
    assert!(is_fenced(&sinks.swap(stream, "another").await));
    assert!(sinks.swap(stream, &new).await.unwrap());
    assert!(sinks.swap(stream, &new).await.unwrap(), "again");
    let expected = [(new.clone(), SinkRole::Live), (old.clone(), SinkRole::Old)];
    assert_eq!(roles(sinks, stream).await, expected);
    let live = sinks.sink(stream).await.unwrap();
    assert_eq!(
        (live.position, live.visible),
        (LogPosition(5), LogPosition(5))
    );

    assert!(
        !fill(&old, LogPosition(6)).await.unwrap(),
        "the old one is kept up"
    );
    assert!(sinks.swap(stream, &old).await.is_err(), "not a shadow");
    let dropped = sinks.drop_sink(stream, &old, SinkRole::Shadow).await;
    assert!(is_fenced(&dropped), "it has another role");
    for _ in 0..2 {
        let dropped = sinks.drop_sink(stream, &old, SinkRole::Old);
        dropped.await.unwrap();
    }
    assert_eq!(roles(sinks, stream).await, expected[..1]);
    assert!(is_fenced(&fill(&old, LogPosition(7)).await), "it is gone");
}
