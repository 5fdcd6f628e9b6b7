//! Tests of internals: steps of a write that fail, and the choice of merges.

use std::{
    io::ErrorKind,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use bytes::Bytes;
use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::log::{Append, Batch, Log},
};

use super::{
    DirectoryLog, Inner, Options, durable,
    fault::Step,
    index::Segment,
    lock,
    merge::{self, FULL, WINDOW},
    mutex::lock_mutex,
    scan::TEMPORARY,
    stream::Stream,
};

fn batch(first: u64, text: &str) -> Batch {
    Batch {
        first: LogPosition(first),
        lines: vec![Bytes::from(text.to_owned()); 2],
    }
}

fn fail(log: &DirectoryLog, step: Step, kind: ErrorKind) {
    *lock_mutex(&log.inner.faults.next) = Some((step, kind));
}

fn count_unfinished(root: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(root.join("demo")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with(TEMPORARY))
        .count()
}

#[tokio::test]
async fn a_step_before_the_name_fails_and_nothing_is_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let demo: StreamId = "demo".parse().unwrap();
    let log = DirectoryLog::open(directory.path()).unwrap();
    let steps = [
        (Step::Write, ErrorKind::StorageFull),
        (Step::SyncFile, ErrorKind::Other),
        (Step::Publish, ErrorKind::StorageFull),
    ];
    for (end, (step, kind)) in (0..).step_by(2).zip(steps) {
        fail(&log, step, kind);
        let answer = log.append(&demo, batch(end, "lost")).await;
        assert!(
            matches!(answer, Err(StoreError::Unavailable { .. })),
            "{step:?}"
        );
        assert_eq!(log.end(&demo).await.unwrap(), LogPosition(end));
        assert_eq!(count_unfinished(directory.path()), 0);
        let answer = log.append(&demo, batch(end, "kept")).await.unwrap();
        assert_eq!(answer, Append::Done, "the next one is not hindered");
    }
    let read = log.read(&demo, LogPosition(0), 100).await.unwrap();
    assert!(read.len() == 6 && read.iter().all(|record| record.line == "kept"));
}

#[tokio::test]
async fn an_uncertain_append_is_unknown_and_settled_by_reading() {
    let cases = [
        (Step::Publish, false),
        (Step::Published, true),
        (Step::SyncDirectory, true),
    ];
    for (step, is_there) in cases {
        for settled_by_append in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let demo: StreamId = "demo".parse().unwrap();
            let log = DirectoryLog::open(directory.path()).unwrap();
            fail(&log, step, ErrorKind::Other);
            let ours = batch(0, "ours");
            assert_eq!(
                log.append(&demo, ours.clone()).await.unwrap(),
                Append::Unknown
            );
            if !settled_by_append {
                let read = log.read(&demo, LogPosition(0), 9).await.unwrap();
                assert_eq!(read.len(), if is_there { 2 } else { 0 }, "{step:?}");
                assert_eq!(log.end(&demo).await.unwrap().0, read.len() as u64);
            }
            let wanted = if is_there {
                Append::Occupied
            } else {
                Append::Done
            };
            assert_eq!(
                log.append(&demo, ours).await.unwrap(),
                wanted,
                "the same bytes again"
            );
            assert_eq!(
                log.append(&demo, batch(2, "next")).await.unwrap(),
                Append::Done
            );
            assert_eq!(log.read(&demo, LogPosition(0), 9).await.unwrap().len(), 4);
            assert_eq!(log.streams().await.unwrap(), vec![demo]);
        }
    }
}

#[tokio::test]
async fn uncertain_data_is_not_shown_before_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let demo: StreamId = "demo".parse().unwrap();
    let log = DirectoryLog::open(directory.path()).unwrap();
    fail(&log, Step::SyncDirectory, ErrorKind::Other);
    assert_eq!(
        log.append(&demo, batch(0, "ours")).await.unwrap(),
        Append::Unknown
    );
    fail(&log, Step::SyncDirectory, ErrorKind::Other);
    assert!(matches!(
        log.end(&demo).await,
        Err(StoreError::Unavailable { .. })
    ));
    assert_eq!(log.end(&demo).await.unwrap(), LogPosition(2));
}

#[tokio::test]
async fn a_start_shows_and_removes_nothing_before_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let demo: StreamId = "demo".parse().unwrap();
    let log = DirectoryLog::open(directory.path()).unwrap();
    log.append(&demo, batch(0, "ours")).await.unwrap();
    drop(log);
    let leftover = directory
        .path()
        .join("demo")
        .join(format!("{TEMPORARY}append-1-1"));
    std::fs::write(&leftover, "x").unwrap();
    let owner = Some(lock::take(directory.path()).unwrap().unwrap());
    let inner = Inner::new(directory.path(), owner, Options::default());
    for synced in [0, 1] {
        *lock_mutex(&inner.faults.next) = Some((Step::SyncDirectory, ErrorKind::Other));
        inner.faults.spared.store(synced, Ordering::Relaxed);
        let refused = inner.load(u64::MAX);
        assert!(
            matches!(refused, Err(StoreError::Unavailable { .. })),
            "{synced}"
        );
        assert!(
            inner.list_written().is_empty() && leftover.exists(),
            "{synced}"
        );
    }
    inner.load(u64::MAX).unwrap();
    assert!(inner.list_written() == [demo] && !leftover.exists());
}

#[test]
fn a_created_directory_is_synced_into_all_its_parents() {
    let top = tempfile::tempdir().unwrap();
    let synced_by = |path: &std::path::Path| {
        let mut synced = Vec::new();
        durable::create_with(path, &mut |directory| {
            synced.push(directory.to_owned());
            Ok(())
        })
        .unwrap();
        assert!(path.is_dir());
        synced
    };
    let above = top.path().parent().unwrap();
    let deep = top.path().join("a/b");
    assert_eq!(synced_by(&deep), [above, top.path(), &top.path().join("a")]);
    assert_eq!(
        synced_by(&deep),
        [top.path().join("a")],
        "it may not have been synced"
    );
    std::fs::write(top.path().join("file"), "x").unwrap();
    durable::create_directory(&top.path().join("file")).unwrap_err();
    durable::create_directory(&top.path().join("c/d")).unwrap();
}

#[tokio::test]
async fn a_file_that_appears_at_the_end_is_occupied_or_damage() {
    let source = tempfile::tempdir().unwrap();
    let target = tempfile::tempdir().unwrap();
    let demo: StreamId = "demo".parse().unwrap();
    let name = "demo/00000000000000000002.ndjson.zst";
    let log = DirectoryLog::open(source.path()).unwrap();
    for first in [0, 2] {
        log.append(&demo, batch(first, "theirs")).await.unwrap();
    }
    let log = DirectoryLog::open(target.path()).unwrap();
    log.append(&demo, batch(0, "ours")).await.unwrap();
    std::fs::copy(source.path().join(name), target.path().join(name)).unwrap();
    assert_eq!(
        log.append(&demo, batch(2, "ours")).await.unwrap(),
        Append::Occupied
    );
    let read = log.read(&demo, LogPosition(2), 9).await.unwrap();
    assert!(read.len() == 2 && read[0].line == "theirs");

    std::fs::write(
        target.path().join("demo/00000000000000000004.ndjson.zst"),
        "x",
    )
    .unwrap();
    let answer = log.append(&demo, batch(4, "ours")).await;
    assert!(matches!(answer, Err(StoreError::Damaged { .. })));
    assert!(matches!(
        log.end(&demo).await,
        Err(StoreError::Damaged { .. })
    ));
}

/// Appends of any size, merged until nothing is left to merge after each: files stay few, rewriting
/// stays bounded.
#[test]
fn merging_is_geometric() {
    let patterns: [&[u64]; 6] = [
        &[1],
        &[500],
        &[3, 1, 70],
        &[1, 1, 1, 900],
        &[2047],
        &[5000, 1],
    ];
    for sizes in patterns {
        let mut weights: Vec<u64> = Vec::new();
        let (mut written, mut rewritten, mut large) = (0, 0, 0);
        for &size in sizes.iter().cycle().take(4000) {
            weights.push(size);
            written += size;
            large += usize::from(size > FULL);
            loop {
                let start = weights.len().saturating_sub(WINDOW);
                let Some(range) = merge::choose(&weights[start..]) else {
                    break;
                };
                let range = start + range.start..start + range.end;
                let sum = weights[range.clone()].iter().sum();
                assert!(range.len() > 1 && sum <= FULL);
                rewritten += sum;
                weights.splice(range, [sum]);
            }
        }
        assert!(
            rewritten <= 4 * written,
            "{sizes:?}: {rewritten} of {written}"
        );
        let few = 2 * written.div_ceil(FULL) + 40;
        let others = weights.len() - 2 * large;
        assert!(others as u64 <= few, "{sizes:?}: {} files", weights.len());
    }
}

/// A reader that found a segment in the index must not be told that the log ends before it.
#[test]
fn the_end_is_never_before_what_the_index_shows() {
    const SEGMENTS: u64 = 20_000;
    let id: StreamId = "demo".parse().unwrap();
    let stream = Stream::new(std::path::Path::new("unused"), &id);
    let segment = |first| {
        Arc::new(Segment {
            first,
            count: 1,
            raw_length: 1,
            opened_at: OnceLock::new(),
            identity: OnceLock::new(),
        })
    };
    std::thread::scope(|scope| {
        scope.spawn(|| (0..SEGMENTS).for_each(|first| stream.push(segment(first))));
        loop {
            let shown = stream.index().end();
            assert!(stream.end() >= shown);
            if shown == SEGMENTS {
                break;
            }
        }
    });
}
