//! A log whose files somebody removes, truncates or replaces while a process has it open: the next
//! check notices, and nothing is written behind a gap.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path, sync::Arc};

use spice_core::{
    error::StoreError,
    id::LogPosition,
    port::log::{Append, Log},
};
use spice_store_directory::DirectoryLog;
use spice_testing::{
    conformance::log::nothing_is_appended_after_a_missing_tail,
    envelopes::{batch, batch_of, files, fill},
    values::{block_on_threads, stream},
};

/// Returns the segments of `demo`, in order.
fn segments(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = files(root).into_keys().collect();
    names.retain(|name| name.contains(".ndjson."));
    names
}

#[test]
fn nothing_is_appended_behind_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let log = Arc::new(DirectoryLog::open(directory.path()).unwrap());
    let cut = |_: &dyn Log, left: usize| {
        for name in segments(directory.path()).split_off(left) {
            fs::remove_file(directory.path().join(name)).unwrap();
        }
        if left == 0 {
            fs::remove_dir_all(directory.path().join("demo")).unwrap();
        }
    };
    let make = move || log.clone() as Arc<dyn Log>;
    block_on_threads(nothing_is_appended_after_a_missing_tail(&make, &cut));
}

/// Opens a log of three appends; returns it with its last file.
async fn open(root: &Path) -> (DirectoryLog, std::path::PathBuf) {
    let log = DirectoryLog::open(root).unwrap();
    fill(&log, &stream("demo"), &[2, 2, 2]).await;
    let last = segments(root).pop().unwrap();
    (log, root.join(last))
}

#[tokio::test]
async fn a_damaged_or_replaced_tail_refuses_the_log() {
    let (demo, next) = (stream("demo"), batch(&stream("demo"), 6, 1));
    for (exchanged, appends) in [(false, true), (false, false), (true, true), (true, false)] {
        let directory = tempfile::tempdir().unwrap();
        let (log, last) = open(directory.path()).await;
        if exchanged {
            let other = tempfile::tempdir().unwrap();
            let (_, of_other) = {
                let log = DirectoryLog::open(other.path()).unwrap();
                fill(&log, &demo, &[2, 2]).await;
                let batch = batch_of(&demo, 4, 2, "another run");
                assert_eq!(log.append(&demo, batch).await.unwrap(), Append::Done);
                let name = segments(other.path()).pop().unwrap();
                (log, other.path().join(name))
            };
            fs::remove_file(&last).unwrap();
            fs::copy(of_other, &last).unwrap();
        } else {
            let file = fs::OpenOptions::new().write(true).open(&last).unwrap();
            file.set_len(100).unwrap();
        }
        let before = files(directory.path());
        let error = if appends {
            log.append(&demo, next.clone()).await.unwrap_err()
        } else {
            log.end(&demo).await.unwrap_err()
        };
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("000004.ndjson.zst"), "{error}");
        let read = log.read(&demo, LogPosition(4), 2).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
        assert_eq!(files(directory.path()), before, "nothing was written");
    }
}

/// A restored file is a new file with the same content.
#[tokio::test]
async fn a_restored_tail_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let (log, last) = open(directory.path()).await;
    let demo = stream("demo");
    let whole = fs::read(&last).unwrap();
    for end in [6, 7] {
        fs::remove_file(&last).unwrap();
        fs::write(&last, &whole).unwrap();
        let answer = log.append(&demo, batch(&demo, end, 1)).await.unwrap();
        assert_eq!(answer, Append::Done);
    }
    assert_eq!(log.read(&demo, LogPosition(0), 9).await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_read_only_process_sees_that_a_log_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (_log, _) = open(directory.path()).await;
    let demo = stream("demo");
    let reader = DirectoryLog::open_read_only(directory.path()).unwrap();
    assert_eq!(reader.end(&demo).await.unwrap(), LogPosition(6));
    fs::remove_dir_all(directory.path().join("demo")).unwrap();
    assert_eq!(reader.end(&demo).await.unwrap(), LogPosition::ZERO);
    assert_eq!(reader.streams().await.unwrap(), []);
}
