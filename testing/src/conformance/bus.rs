//! What every adapter of the `Bus` port must do. One suite, run against each of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, time::Duration};

use spice_core::{
    id::{LogPosition, StreamId},
    port::{
        bus::{Bus, Subscription},
        log::Record,
    },
};
use spice_stores::bus::{LocalBus, local::Bounds};

fn stream(text: &str) -> StreamId {
    text.parse().unwrap()
}

fn records(range: std::ops::Range<u64>) -> Vec<Record> {
    range
        .map(|position| Record {
            position: LogPosition(position),
            line: format!("{{\"position\":{position}}}").into(),
        })
        .collect()
}

fn positions(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.position.0).collect()
}

/// Reads until every position below `end` was seen; the answer is the order of first sight.
async fn follow(subscription: &mut dyn Subscription, from: u64, end: u64) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    while seen.len() as u64 != end - from {
        let next = tokio::time::timeout(Duration::from_secs(20), subscription.next(7));
        for record in next.await.expect("something is missing").unwrap() {
            assert_eq!(record, records(record.position.0..record.position.0 + 1)[0]);
            if record.position.0 >= from && seen.insert(record.position.0) {
                order.push(record.position.0);
            }
        }
    }
    order
}

macro_rules! conformance {
    ($($property:ident),* $(,)?) => {
        mod local {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $property() {
                super::$property(super::LocalBus::new()).await;
            })*
        }
    };
}

conformance!(
    each_topic_is_in_order_for_each_group,
    a_group_goes_on_where_it_committed,
    what_is_published_again_may_be_delivered_again,
    a_follower_waits_and_is_woken,
    topics_are_apart,
);

async fn each_topic_is_in_order_for_each_group(bus: impl Bus + Clone + 'static) {
    let demo = stream("demo");
    let mut followers = Vec::new();
    for group in ["graph", "projection", "audit", "projection-2"] {
        let mut subscription = bus.subscribe(group, &demo).await.unwrap();
        followers.push(tokio::spawn(async move {
            follow(&mut *subscription, 0, 500).await
        }));
    }
    for start in (0..500).step_by(10) {
        bus.publish(&demo, records(start..start + 10))
            .await
            .unwrap();
    }
    for follower in followers {
        assert_eq!(follower.await.unwrap(), (0..500).collect::<Vec<_>>());
    }
}

async fn a_group_goes_on_where_it_committed(bus: impl Bus + Clone + 'static) {
    let demo = stream("demo");
    let mut first = bus.subscribe("graph", &demo).await.unwrap();
    let _other = bus.subscribe("projection", &demo).await.unwrap();
    bus.publish(&demo, records(0..20)).await.unwrap();
    follow(&mut *first, 0, 20).await;
    first.commit(LogPosition(8)).await.unwrap();
    first.commit(LogPosition(5)).await.unwrap();
    drop(first);
    bus.publish(&demo, records(20..25)).await.unwrap();
    let mut again = bus.subscribe("graph", &demo).await.unwrap();
    let order = follow(&mut *again, 8, 25).await;
    assert_eq!(
        order,
        (8..25).collect::<Vec<_>>(),
        "nothing that was not committed is skipped"
    );
    let mut other = bus.subscribe("projection", &demo).await.unwrap();
    assert_eq!(
        follow(&mut *other, 0, 25).await,
        (0..25).collect::<Vec<_>>()
    );
}

async fn what_is_published_again_may_be_delivered_again(bus: impl Bus + Clone + 'static) {
    let demo = stream("demo");
    let mut subscription = bus.subscribe("graph", &demo).await.unwrap();
    bus.publish(&demo, records(0..10)).await.unwrap();
    follow(&mut *subscription, 0, 10).await;
    subscription.commit(LogPosition(10)).await.unwrap();
    bus.publish(&demo, records(5..10)).await.unwrap();
    bus.publish(&demo, records(10..15)).await.unwrap();
    let order = follow(&mut *subscription, 10, 15).await;
    assert_eq!(
        order,
        (10..15).collect::<Vec<_>>(),
        "what is new comes through, in order"
    );
}

async fn a_follower_waits_and_is_woken(bus: impl Bus + Clone + 'static) {
    let demo = stream("demo");
    let mut subscription = bus.subscribe("graph", &demo).await.unwrap();
    let soon = Duration::from_millis(200);
    assert!(
        tokio::time::timeout(soon, subscription.next(1))
            .await
            .is_err()
    );
    let publisher = {
        let (bus, demo) = (bus.clone(), demo.clone());
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            bus.publish(&demo, records(0..3)).await.unwrap();
        })
    };
    let mut got = Vec::new();
    while got.len() < 3 {
        let next = subscription.next(2).await.unwrap();
        assert!((1..=2).contains(&next.len()), "never more than asked for");
        got.extend(positions(&next));
    }
    assert_eq!(got, [0, 1, 2], "a wait that was given up lost nothing");
    publisher.await.unwrap();
}

async fn topics_are_apart(bus: impl Bus + Clone + 'static) {
    let names = ["demo", "demo.g2", "other"];
    let mut subscriptions = Vec::new();
    for name in names {
        subscriptions.push(bus.subscribe("graph", &stream(name)).await.unwrap());
    }
    for (name, start) in names.into_iter().zip([0, 100, 200]) {
        bus.publish(&stream(name), records(start..start + 5))
            .await
            .unwrap();
    }
    for (subscription, start) in subscriptions.iter_mut().zip([0, 100, 200]) {
        let order = follow(&mut **subscription, start, start + 5).await;
        assert_eq!(order, (start..start + 5).collect::<Vec<_>>());
        subscription.commit(LogPosition(start + 5)).await.unwrap();
    }
}

fn small() -> LocalBus {
    LocalBus::with_bounds(Bounds {
        bytes: 1 << 20,
        records: 10,
    })
}

#[tokio::test]
async fn a_follower_that_falls_behind_the_ring_finds_a_hole() {
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
async fn what_every_group_has_committed_is_let_go() {
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
