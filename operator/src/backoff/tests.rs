//! Waits grow, are spread, and start over.

use super::*;

const RESYNC: Duration = Duration::from_secs(30);

#[test]
fn delays_grow_by_class_and_stay_bounded() {
    for attempts in [0, 1, 5, 31, 32, u32::MAX] {
        for random in [0.0, 0.5, 1.0] {
            let soon = delay(Next::Soon, attempts, RESYNC, random);
            assert!(soon <= Duration::from_secs(10) && soon >= Duration::from_millis(125));
            let retry = delay(Next::Retry, attempts, RESYNC, random);
            assert!(retry <= Duration::from_mins(5) && retry >= Duration::from_millis(250));
            let resync = delay(Next::Resync, attempts, RESYNC, random);
            assert!(resync >= Duration::from_secs(24) && resync <= Duration::from_secs(36));
        }
    }
    assert_eq!(delay(Next::Retry, 3, RESYNC, 1.0), Duration::from_secs(8));
    assert_eq!(delay(Next::Retry, 20, RESYNC, 1.0), Duration::from_mins(5));
}

#[tokio::test(start_paused = true)]
async fn a_new_generation_and_a_success_reset_the_wait() {
    let backoff = Backoff::default();
    let count = |uid: &str| {
        let attempts = backoff.attempts.lock().unwrap();
        attempts.get(uid).map(|it| (it.generation, it.count))
    };
    for _ in 0..6 {
        let wait = backoff.after("a", 1, Next::Soon, RESYNC).unwrap();
        // Triggers during the wait are no further failures.
        for _ in 0..3 {
            assert!(backoff.after("a", 1, Next::Soon, RESYNC).unwrap() <= wait);
        }
        tokio::time::sleep(wait).await;
    }
    assert_eq!(count("a"), Some((1, 6)));
    assert!(backoff.after("a", 2, Next::Soon, RESYNC).unwrap() <= Duration::from_millis(250));
    assert_eq!(count("a"), Some((2, 1)));
    backoff.after("a", 2, Next::Resync, RESYNC);
    assert_eq!(count("a"), None);
    assert_eq!(backoff.after("a", 2, Next::Release, RESYNC), None);
    backoff.after("b", 1, Next::Retry, RESYNC);
    backoff.forget("b");
    assert_eq!(count("b"), None);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_remembered_objects_is_bounded() {
    let backoff = Backoff::default();
    for object in 0..MOST {
        backoff.after(&object.to_string(), 1, Next::Soon, RESYNC);
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    backoff.after("last", 1, Next::Soon, RESYNC);
    assert_eq!(backoff.attempts.lock().unwrap().len(), 1);
}

#[test]
fn a_failed_watch_retries_soon_and_resets_after_a_success() {
    use kube::runtime::utils::Backoff;
    let mut watch = WatchBackoff::default();
    let pauses: Vec<Duration> = watch.by_ref().take(12).collect();
    assert!(pauses[0] <= Duration::from_millis(200));
    assert!(pauses.iter().take(4).sum::<Duration>() <= Duration::from_secs(3));
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(10)));
    assert!(pauses[11] >= Duration::from_secs(5));
    watch.reset();
    assert!(watch.next().unwrap() <= Duration::from_millis(200));
}
