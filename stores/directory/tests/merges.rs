//! Merges of small segments: at any moment, interrupted anywhere, beside readers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use spice_core::{
    id::LogPosition,
    port::log::{Append, Log},
};
use spice_store_directory::{DirectoryLog, verify};
use spice_testing::{
    envelopes::{self, batch, expected_lines, files, fill, put_files, read_all, segment_name},
    values::stream,
};

/// A check beside a process that appends and merges finds nothing wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_beside_appends_and_merges_is_clean() {
    let directory = tempfile::tempdir().unwrap();
    let demo = stream("demo");
    let log = DirectoryLog::open(directory.path()).unwrap();
    fill(&log, &demo, &[1; 8]).await;
    let root = directory.path().to_owned();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let checks = tokio::task::spawn_blocking(move || {
        let mut ends = Vec::new();
        while is_done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let report = verify(&root).unwrap();
            assert!(report.is_clean(), "{:?}", report.problems);
            ends.push(report.streams[0].envelopes);
        }
        ends
    });
    for first in (8..400).step_by(2) {
        let answer = log.append(&demo, batch(&demo, first, 2)).await.unwrap();
        assert_eq!(answer, Append::Done);
        while log.merge_once(&demo).await.unwrap() {}
    }
    drop(done);
    let ends = checks.await.unwrap();
    assert!(ends.is_sorted(), "{ends:?}");
    let report = verify(directory.path()).unwrap();
    assert_eq!(report.streams[0].envelopes, 400);
}

/// Stops a merge after each of its steps, and with any subset of what is to be removed.
#[tokio::test]
async fn a_merge_may_stop_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let demo = stream("demo");
    let log = DirectoryLog::open(root).unwrap();
    fill(&log, &demo, &[1, 2, 1, 1, 3, 1, 1, 2, 1, 1, 1, 1]).await;
    let before = files(root);
    let unread = DirectoryLog::open_read_only(root).unwrap();
    assert!(log.merge_once(&demo).await.unwrap());
    assert!(
        !log.merge_once(&demo).await.unwrap(),
        "nothing more to merge"
    );
    let after = files(root);
    assert!(verify(root).unwrap().is_clean());
    assert_eq!(read_all(&log, &demo, 5).await, expected_lines(&demo, 16));
    assert_eq!(
        read_all(&unread, &demo, 5).await,
        expected_lines(&demo, 16),
        "merged under a reader"
    );
    drop(log);
    assert_eq!(after.len() + 7, before.len(), "eight became one");

    let rest: Vec<_> = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .collect();
    let mut states = vec![before.clone()];
    for subset in 0..1_u32 << rest.len() {
        let mut state = after.clone();
        let kept = rest
            .iter()
            .enumerate()
            .filter(|(bit, _)| subset >> bit & 1 == 1);
        state.extend(kept.map(|(_, name)| ((*name).clone(), before[*name].clone())));
        states.push(state);
    }
    for state in states {
        let crashed = tempfile::tempdir().unwrap();
        put_files(crashed.path(), &state);
        assert!(verify(crashed.path()).unwrap().is_clean());
        let reader = DirectoryLog::open_read_only(crashed.path()).unwrap();
        assert_eq!(
            read_all(&reader, &demo, 50).await,
            expected_lines(&demo, 16)
        );
        assert_eq!(files(crashed.path()), state, "a reader removes nothing");
        let log = DirectoryLog::open(crashed.path()).unwrap();
        assert_eq!(log.problems(), vec![]);
        assert_eq!(read_all(&log, &demo, 3).await, expected_lines(&demo, 16));
        fill(&log, &demo, &[1]).await;
        drop(log);
        let mut left = files(crashed.path());
        left.remove(&segment_name("demo", 16));
        left.remove("LOCK");
        let mut wanted = if state == before {
            before.clone()
        } else {
            after.clone()
        };
        wanted.remove("LOCK");
        assert_eq!(
            left.keys().collect::<Vec<_>>(),
            wanted.keys().collect::<Vec<_>>()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn background_merges_keep_files_few_and_disturb_no_reader() {
    let directory = tempfile::tempdir().unwrap();
    let demo = stream("demo");
    let log = DirectoryLog::open(directory.path()).unwrap();
    let merging = {
        let log = log.clone();
        tokio::spawn(async move { log.maintain().await })
    };
    let reading = {
        let (log, demo) = (log.clone(), demo.clone());
        let other = DirectoryLog::open_read_only(directory.path()).unwrap();
        tokio::spawn(async move {
            while log.end(&demo).await.unwrap().0 < 600 {
                let ours = read_all(&log, &demo, 11).await.len() as u64;
                let theirs = read_all(&other, &demo, 64).await.len() as u64;
                assert!(ours <= 600 && theirs <= 600, "{ours}, {theirs}");
                tokio::task::yield_now().await;
            }
        })
    };
    for position in 0..300 {
        fill(&log, &demo, &[if position % 3 == 0 { 3 } else { 1 }]).await;
    }
    for _ in 0..100 {
        fill(&log, &demo, &[1]).await;
    }
    reading.await.unwrap();
    while log.merge_once(&demo).await.unwrap() {}
    merging.abort();
    let count = files(directory.path()).len();
    assert!(count < 40, "{count} files for 400 appends");
    assert_eq!(read_all(&log, &demo, 100).await, expected_lines(&demo, 600));
    assert!(verify(directory.path()).unwrap().is_clean());
}

#[derive(Debug, Clone)]
enum Act {
    Append(u64),
    Merge,
    Reopen,
    Read(u64, usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => prop_oneof![1..4_u64, 60..70_u64].prop_map(Act::Append),
        2 => Just(Act::Merge),
        1 => Just(Act::Reopen),
        2 => (0..200_u64, 1..90_usize).prop_map(|(from, limit)| Act::Read(from, limit)),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn appended_records_are_read_back(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let demo = stream("demo");
            let mut log = DirectoryLog::open(directory.path()).unwrap();
            let mut count = 0;
            for act in acts {
                match act {
                    Act::Append(size) => {
                        fill(&log, &demo, &[size]).await;
                        count += size;
                    }
                    Act::Merge => {
                        log.merge_once(&demo).await.unwrap();
                    }
                    Act::Reopen => {
                        drop(log);
                        log = DirectoryLog::open(directory.path()).unwrap();
                    }
                    Act::Read(from, limit) => {
                        let read = log.read(&demo, LogPosition(from), limit).await.unwrap();
                        assert_eq!(read.is_empty(), from >= count);
                        for (record, position) in read.iter().zip(from..) {
                            assert_eq!(record.position.0, position);
                            assert_eq!(record.line, envelopes::line(&demo, position, "x"));
                        }
                    }
                }
                assert_eq!(log.end(&demo).await.unwrap(), LogPosition(count));
            }
            assert_eq!(read_all(&log, &demo, 33).await, expected_lines(&demo, count));
            assert!(verify(directory.path()).unwrap().is_clean());
            drop(log);
            let log = DirectoryLog::open(directory.path()).unwrap();
            assert_eq!(read_all(&log, &demo, 100).await, expected_lines(&demo, count));
        });
    }
}
