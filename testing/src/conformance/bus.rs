//! Conformance of [`Bus`].

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use spice_core::{
    id::LogPosition,
    port::{
        bus::{Bus, Subscription},
        log::Record,
    },
};

use crate::values::stream;

/// Opens one bus.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Bus>;

/// Records at these positions.
pub fn records(range: std::ops::Range<u64>) -> Vec<Record> {
    range
        .map(|position| Record {
            position: LogPosition(position),
            line: format!("{{\"position\":{position}}}").into(),
        })
        .collect()
}

/// The positions of records.
pub fn positions(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.position.0).collect()
}

/// Reads until every position below `end` was seen; returns the order of first appearance.
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

pub async fn each_topic_is_in_order_for_each_group(make: Make<'_>) {
    let bus = make();
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

pub async fn a_group_continues_where_it_committed(make: Make<'_>) {
    let bus = make();
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

pub async fn repeated_publishing_may_repeat_deliveries(make: Make<'_>) {
    let bus = make();
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

pub async fn a_follower_waits_and_is_woken(make: Make<'_>) {
    let bus = make();
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

pub async fn topics_are_apart(make: Make<'_>) {
    let bus = make();
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
