//! Conformance of leases: [`WorkerRegistry`](spice_core::port::registry::WorkerRegistry).

use std::{sync::Arc, time::Duration};

use spice_core::{bucket::Bucket, port::registry::Lease};

use super::registry::Make;

pub(super) const WORKER: &str = "graph_worker";
pub(super) const HOUR: Duration = Duration::from_hours(1);

fn bucket(number: usize) -> Bucket {
    Bucket::all().nth(number).unwrap()
}

/// One owner at a time for each bucket; the fence increases each time a lease is taken again.
pub async fn leases_change_owner_with_a_new_fence(make: Make<'_>) {
    let registry = make();
    let acquire = async |owner: &str, buckets: &[usize]| -> Vec<Lease> {
        let buckets: Vec<Bucket> = buckets.iter().map(|number| bucket(*number)).collect();
        let leases = registry.acquire(WORKER, &buckets, owner, HOUR).await;
        leases.unwrap()
    };
    let first = acquire("a", &[0, 1]).await;
    let fences: Vec<u64> = first.iter().map(|lease| lease.fence).collect();
    assert_eq!(fences, [1, 1]);
    assert_eq!(acquire("a", &[0, 1]).await, first, "renewed");
    let others = acquire("b", &[0, 2]).await;
    assert_eq!(others.len(), 1, "one bucket is held");
    assert_eq!((others[0].bucket, others[0].fence), (bucket(2), 1));

    registry.release(WORKER, &first[0]).await.unwrap();
    let second = acquire("b", &[0]).await.remove(0);
    assert_eq!(second.fence, 2);
    registry.release(WORKER, &first[0]).await.unwrap();
    assert_eq!(
        acquire("b", &[0]).await,
        std::slice::from_ref(&second),
        "only the holder gives back"
    );
    assert_eq!(acquire("a", &[0, 1]).await, first[1..]);
    registry.release(WORKER, &second).await.unwrap();
    assert_eq!(
        acquire("b", &[0]).await[0].fence,
        3,
        "taken anew by the same"
    );

    let other = registry.acquire("other", &[bucket(0)], "z", HOUR).await;
    assert_eq!(
        other.unwrap()[0].fence,
        1,
        "another worker has leases of its own"
    );
}

/// Of eight that ask for a free lease, one gets it.
pub async fn a_free_lease_is_given_once(make: Make<'_>) {
    let registry = make();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let registry = Arc::clone(&registry);
        tasks.spawn(async move {
            let owner = format!("owner-{number}");
            let leases = registry.acquire(WORKER, &[bucket(7)], &owner, HOUR).await;
            leases.unwrap()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().flatten().count(), 1);
}

/// A lease that is not renewed ends, and so does an announcement.
pub async fn a_lease_ends_by_the_registrys_clock(make: Make<'_>) {
    let registry = make();
    let brief = Duration::from_millis(1);
    registry.join(WORKER, "a", brief).await.unwrap();
    let old = registry.acquire(WORKER, &[bucket(0)], "a", brief).await;
    let old = old.unwrap().remove(0);
    let heir = within(async || {
        let taken = registry.acquire(WORKER, &[bucket(0)], "b", HOUR).await;
        taken.unwrap().pop()
    });
    assert_eq!(heir.await.fence, old.fence + 1);
    let alone = within(async || {
        let owners = registry.join(WORKER, "b", HOUR).await.unwrap();
        (owners == ["b"]).then_some(())
    });
    alone.await;
}

/// Asks until there is an answer; fails if there is none in time.
async fn within<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("nothing has ended");
}

/// An owner that joins is known until it leaves; then its leases are free.
pub async fn owners_are_announced_until_they_leave(make: Make<'_>) {
    let registry = make();
    assert_eq!(registry.join(WORKER, "b", HOUR).await.unwrap(), ["b"]);
    assert_eq!(registry.join(WORKER, "a", HOUR).await.unwrap(), ["a", "b"]);
    assert_eq!(registry.join("other", "c", HOUR).await.unwrap(), ["c"]);
    let acquire = async |owner: &str| {
        let leases = registry.acquire(WORKER, &[bucket(0)], owner, HOUR).await;
        leases.unwrap()
    };
    assert_eq!(acquire("a").await[0].fence, 1);
    registry.leave(WORKER, "a").await.unwrap();
    assert_eq!(registry.join(WORKER, "b", HOUR).await.unwrap(), ["b"]);
    assert_eq!(acquire("b").await[0].fence, 2);
}
