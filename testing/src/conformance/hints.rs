//! Conformance of [`Hints`], for adapters that lose none.

use std::{sync::Arc, time::Duration};

use spice_core::port::hints::{Hints, Listener, Topic};

use crate::values::stream;

/// Opens the same hints each time.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Hints>;

const LIMIT: Duration = Duration::from_secs(20);

async fn next(hints: &Arc<dyn Hints>, topic: &Topic, seen: u64) -> u64 {
    let waiting = hints.wait(topic, seen);
    tokio::time::timeout(LIMIT, waiting).await.unwrap()
}

fn is_quiet(hints: &Arc<dyn Hints>, topic: &Topic, seen: u64) -> bool {
    let mut waiting = hints.wait(topic, seen);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    waiting.as_mut().poll(&mut context).is_pending()
}

/// A hint ends all waits, including later waits that have not seen it.
pub async fn a_hint_ends_every_wait(make: Make<'_>) {
    let (giver, topic) = (make(), Topic::Log(stream("demo")));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let (hints, topic) = (make(), topic.clone());
            tokio::spawn(async move { next(&hints, &topic, 0).await })
        })
        .collect();
    giver.give(&topic);
    for waiting in waiting {
        assert!(waiting.await.unwrap() > 0);
    }
    assert!(next(&make(), &topic, 0).await > 0);
}

/// Hints without a waiter count as one, and a hint that was seen ends no further wait.
pub async fn simultaneous_hints_count_as_one(make: Make<'_>) {
    let (giver, waiter, topic) = (make(), make(), Topic::Logs);
    for _ in 0..5 {
        giver.give(&topic);
    }
    let seen = next(&waiter, &topic, 0).await;
    assert!(is_quiet(&waiter, &topic, seen));
    giver.give(&topic);
    assert!(next(&waiter, &topic, seen).await > seen);
}

/// The giver of a hint can wait for the next one of others.
pub async fn the_giver_can_wait_for_the_next_hint(make: Make<'_>) {
    let (one, other, topic) = (make(), make(), Topic::Progress(stream("demo")));
    let given = one.give(&topic);
    assert!(is_quiet(&one, &topic, given));
    other.give(&topic);
    assert!(next(&one, &topic, given).await > given);
}

/// A hint on one topic ends no wait on another.
pub async fn topics_of_hints_are_separate(make: Make<'_>) {
    let hints = make();
    let (one, two) = (stream("one"), stream("two"));
    let given = Topic::Log(one.clone());
    hints.give(&given);
    assert!(next(&hints, &given, 0).await > 0);
    for topic in [
        Topic::Log(two),
        Topic::Progress(one.clone()),
        Topic::Request(one),
        Topic::Logs,
    ] {
        assert!(is_quiet(&hints, &topic, 0), "{topic:?}");
    }
}

/// A listener hears every hint of others, earlier ones included, and not its own.
pub async fn a_listener_hears_others_and_not_itself(make: Make<'_>) {
    let (other, topic) = (make(), Topic::Request(stream("demo")));
    let mut listener = Listener::new(make(), topic.clone());
    let heard = async |listener: &mut Listener<_>| {
        let heard = tokio::time::timeout(Duration::from_millis(50), listener.wait());
        heard.await.is_ok()
    };
    listener.give();
    assert!(!heard(&mut listener).await);
    other.give(&topic);
    listener.give();
    assert!(heard(&mut listener).await);
    assert!(!heard(&mut listener).await);
    assert!(heard(&mut Listener::new(make(), topic)).await);
}
