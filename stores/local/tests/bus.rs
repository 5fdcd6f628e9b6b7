//! The bus in process conforms to the port, and respects its bounds.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use spice_core::id::LogPosition;
use spice_core::port::{bus::Bus, log::Record};
use spice_store_local::{Bounds, LocalBus};
use spice_testing::{
    bus_suite,
    conformance::bus::{positions, records},
    values::stream,
};

fn open() -> Arc<dyn Bus> {
    Arc::new(LocalBus::new())
}

bus_suite!(open);

fn small() -> LocalBus {
    LocalBus::with_bounds(Bounds {
        bytes: 1 << 20,
        records: 10,
    })
}

#[tokio::test]
async fn a_follower_that_falls_behind_the_ring_finds_a_gap() {
    let bus = small();
    let demo = stream("demo");
    let mut slow = bus.subscribe("slow", &demo).await.unwrap();
    let mut fast = bus.subscribe("fast", &demo).await.unwrap();
    bus.publish(&demo, records(0..5)).await.unwrap();
    assert_eq!(positions(&slow.next(2).await.unwrap()), [0, 1]);
    assert_eq!(fast.next(100).await.unwrap().len(), 5);
    for start in (5..100).step_by(5) {
        bus.publish(&demo, records(start..start + 5)).await.unwrap();
        assert_eq!(
            positions(&fast.next(100).await.unwrap()),
            (start..start + 5).collect::<Vec<_>>()
        );
    }
    assert_eq!(
        positions(&slow.next(100).await.unwrap()),
        (90..100).collect::<Vec<_>>()
    );
    let mut late = bus.subscribe("late", &demo).await.unwrap();
    assert_eq!(
        positions(&late.next(3).await.unwrap()),
        [90, 91, 92],
        "the oldest there is"
    );
}

#[tokio::test]
async fn the_ring_is_bounded_in_bytes_and_keeps_the_newest() {
    let bus = LocalBus::with_bounds(Bounds {
        bytes: 40,
        records: 1000,
    });
    let demo = stream("demo");
    let mut subscription = bus.subscribe("graph", &demo).await.unwrap();
    bus.publish(&demo, records(0..9)).await.unwrap();
    assert_eq!(positions(&subscription.next(100).await.unwrap()), [7, 8]);
    let big = Record {
        position: LogPosition(9),
        line: vec![b'x'; 100].into(),
    };
    bus.publish(&demo, vec![big.clone()]).await.unwrap();
    assert_eq!(
        subscription.next(100).await.unwrap(),
        [big],
        "one is always delivered"
    );
}

#[tokio::test]
async fn records_committed_by_every_group_are_released() {
    let bus = LocalBus::new();
    let demo = stream("demo");
    let mut graph = bus.subscribe("graph", &demo).await.unwrap();
    let mut projection = bus.subscribe("projection", &demo).await.unwrap();
    bus.publish(&demo, records(0..10)).await.unwrap();
    graph.commit(LogPosition(10)).await.unwrap();
    let mut late = bus.subscribe("late", &demo).await.unwrap();
    assert_eq!(
        late.next(1).await.unwrap()[0].position.0,
        0,
        "projection has not seen it"
    );
    late.commit(LogPosition(10)).await.unwrap();
    projection.commit(LogPosition(6)).await.unwrap();
    let mut later = bus.subscribe("later", &demo).await.unwrap();
    assert_eq!(positions(&later.next(100).await.unwrap()), [6, 7, 8, 9]);
    assert_eq!(
        positions(&projection.next(100).await.unwrap()),
        [6, 7, 8, 9]
    );
}
