//! Tests of internals: what the ring holds.

use spice_core::{
    id::{LogPosition, StreamId},
    port::{bus::Bus, log::Record},
};

use super::{LocalBus, lock};

fn records(positions: std::ops::Range<u64>) -> Vec<Record> {
    let record = |position| Record {
        position: LogPosition(position),
        line: "line".into(),
    };
    positions.map(record).collect()
}

fn count_held(bus: &LocalBus, stream: &StreamId) -> (usize, usize) {
    let topic = bus.topic(stream);
    let ring = lock(&topic.ring);
    (ring.records.len(), ring.bytes)
}

#[tokio::test]
async fn records_committed_by_every_group_are_never_held() {
    let bus = LocalBus::new();
    let stream: StreamId = "demo".parse().unwrap();
    let mut graph = bus.subscribe("graph", &stream).await.unwrap();
    let mut documents = bus.subscribe("documents", &stream).await.unwrap();
    bus.publish(&stream, records(0..4)).await.unwrap();
    graph.commit(LogPosition(6)).await.unwrap();
    assert_eq!(
        count_held(&bus, &stream),
        (4, 16),
        "one of two has not read it"
    );
    documents.commit(LogPosition(6)).await.unwrap();
    assert_eq!(count_held(&bus, &stream), (0, 0));
    bus.publish(&stream, records(4..8)).await.unwrap();
    assert_eq!(
        count_held(&bus, &stream),
        (2, 8),
        "two of them are committed"
    );
    let read = graph.next(10).await.unwrap();
    let positions: Vec<_> = read.iter().map(|record| record.position.0).collect();
    assert_eq!(positions, [6, 7]);
}
