//! The chain of a log on a directory: merges and crashes do not change it, and a full check reports
//! where it breaks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use spice_core::{
    chain::ChainHead,
    id::LogPosition,
    port::log::{Append, Batch, Log},
};
use spice_store_directory::{DirectoryLog, verify};
use spice_testing::{
    envelopes::{envelope, files, line, put_files, read_all},
    values::stream,
};

/// Creates the next append of this many envelopes, and moves the head behind it.
fn append(head: &mut ChainHead, count: u64) -> Batch {
    let first = head.position();
    let mut lines = Vec::new();
    for position in first.0..first.0 + count {
        let mut envelope = envelope(head.stream(), position, "x");
        envelope.chain = head.next().filter(|_| position == first.0);
        let line: Bytes = envelope.to_line().unwrap().into();
        head.take(LogPosition(position), &line).unwrap();
        lines.push(line);
    }
    Batch { first, lines }
}

fn beginning() -> ChainHead {
    ChainHead::at(&stream("demo"), LogPosition::ZERO)
}

/// Returns the chain of a log's content.
async fn head_of(log: &DirectoryLog) -> ChainHead {
    let mut head = beginning();
    for (position, line) in (0..).zip(read_all(log, &stream("demo"), 50).await) {
        head.take(LogPosition(position), &line).unwrap();
    }
    head
}

async fn write_log(root: &Path, lines: Vec<Bytes>) {
    let log = DirectoryLog::open(root).unwrap();
    let first = LogPosition::ZERO;
    let answer = log.append(&stream("demo"), Batch { first, lines }).await;
    assert_eq!(answer.unwrap(), Append::Done);
}

#[derive(Debug, Clone)]
enum Act {
    Append(u64),
    Merge,
    /// The process stops after the merged segment has replaced the first one, before the others are
    /// removed, and leaves a file that it had begun.
    CrashInMerge,
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => prop_oneof![1..4_u64, 60..70_u64].prop_map(Act::Append),
        2 => Just(Act::Merge),
        1 => Just(Act::CrashInMerge),
        1 => Just(Act::Restart),
    ];
    prop::collection::vec(act, 20..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn log_is_contiguous_through_merges_and_crashes(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path();
            let open = || DirectoryLog::open(root).unwrap();
            let (mut log, mut head) = (open(), beginning());
            for act in acts {
                match act {
                    Act::Append(count) => {
                        let batch = append(&mut head, count);
                        let answer = log.append(head.stream(), batch).await;
                        assert_eq!(answer.unwrap(), Append::Done);
                    }
                    Act::Merge => drop(log.merge_once(head.stream()).await.unwrap()),
                    Act::CrashInMerge => {
                        let mut before = files(root);
                        log.merge_once(head.stream()).await.unwrap();
                        drop(log);
                        before.retain(|name, _| !root.join(name).exists());
                        before.insert("demo/.tmp-append-1-1".to_owned(), b"begun".to_vec());
                        if head.position() > LogPosition::ZERO {
                            put_files(root, &before);
                        }
                        log = open();
                    }
                    Act::Restart => {
                        drop(log);
                        log = open();
                    }
                }
            }
            assert_eq!(head_of(&log).await.anchor(), head.anchor());
            let report = verify(root).unwrap();
            assert!(report.is_clean(), "{report:?}");
            for checked in &report.streams {
                assert_eq!(checked.chain, head.next());
                assert_eq!(checked.chained_from, Some(0));
            }
        });
    }
}

#[tokio::test]
async fn a_full_check_reports_where_the_chain_breaks() {
    let mut head = beginning();
    let lines: Vec<Bytes> = (0..4).flat_map(|_| append(&mut head, 3).lines).collect();
    for (changed, breaks) in [(0, Some(3)), (4, Some(6)), (8, Some(9)), (10, None)] {
        let directory = tempfile::tempdir().unwrap();
        let mut lines = lines.clone();
        let text = std::str::from_utf8(&lines[changed]).unwrap();
        lines[changed] = text.replacen("\"x\"", "\"y\"", 1).into();
        write_log(directory.path(), lines).await;
        let report = verify(directory.path()).unwrap();
        let reasons: Vec<&str> = report
            .problems
            .iter()
            .map(|it| it.reason.as_str())
            .collect();
        match breaks {
            // Only an anchor reveals that the last append was changed.
            None => {
                assert_eq!(reasons, [""; 0]);
                assert_ne!(report.streams[0].chain, head.next());
            }
            Some(position) => {
                assert_eq!(reasons.len(), 1, "one break, named once: {reasons:?}");
                let words = format!("position {position} carries chain");
                assert!(reasons[0].contains(&words), "{reasons:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_full_check_reports_how_far_a_log_is_unchained() {
    let directory = tempfile::tempdir().unwrap();
    let demo = stream("demo");
    let mut head = beginning();
    let mut lines = Vec::new();
    for position in 0..5 {
        let line = line(&demo, position, "old");
        head.take(LogPosition(position), &line).unwrap();
        lines.push(line);
    }
    write_log(directory.path(), lines.clone()).await;
    let report = verify(directory.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.streams[0].chained_from, None);

    let directory = tempfile::tempdir().unwrap();
    lines.extend(append(&mut head, 2).lines);
    write_log(directory.path(), lines).await;
    let report = verify(directory.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.streams[0].chained_from, Some(5));
    assert_eq!(report.streams[0].chain, head.next());
}
