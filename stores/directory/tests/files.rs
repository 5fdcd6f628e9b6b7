//! What only the directory has: files that may be damaged, leftovers, a second process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use spice_core::{
    error::StoreError,
    id::LogPosition,
    port::log::{Append, Batch, Log},
    time::Timestamp,
};
use spice_store_directory::{Claim, DirectoryLog, verify};
use spice_testing::{
    envelopes::{
        self, batch, batch_of, envelope, expected_lines, files, fill, put_files, read_all,
        segment_name,
    },
    values::stream,
};

type Files = BTreeMap<String, Vec<u8>>;

/// The files of a log of these batches.
async fn files_of(name: &str, batches: Vec<Batch>) -> Files {
    let directory = tempfile::tempdir().unwrap();
    let log = DirectoryLog::open(directory.path()).unwrap();
    for batch in batches {
        let answer = log.append(&stream(name), batch).await.unwrap();
        assert_eq!(answer, Append::Done);
    }
    drop(log);
    let mut files = files(directory.path());
    files.remove("LOCK");
    files
}

async fn files_of_sizes(name: &str, sizes: &[u64]) -> Files {
    let mut first = 0;
    let batches = sizes.iter().map(|&size| {
        first += size;
        batch(&stream(name), first - size, size)
    });
    files_of(name, batches.collect()).await
}

/// The damage is named by start and by verify, with the file; the log is refused; every byte
/// stays as it is.
async fn assert_refused(files: &Files, file: &str, words: &str) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put_files(root, files);
    let report = verify(root).unwrap();
    let named = report
        .problems
        .iter()
        .find(|problem| problem.file == root.join(file));
    let named = named.unwrap_or_else(|| panic!("verify does not name {file}: {report:?}"));
    assert!(named.reason.contains(words), "{named} lacks {words:?}");

    for read_only in [true, false] {
        let log = if read_only {
            DirectoryLog::open_read_only(root).unwrap()
        } else {
            DirectoryLog::open(root).unwrap()
        };
        assert!(
            log.problems()
                .iter()
                .any(|it| it.file == root.join(file) && it.refuses)
        );
        let demo = stream("demo");
        assert_eq!(log.streams().await.unwrap(), vec![demo.clone()]);
        let end = log.end(&demo).await.map(|end| end.0);
        let Err(StoreError::Damaged { reason, .. }) = end else {
            panic!("the log is not refused: {end:?}");
        };
        assert!(reason.contains(file) && reason.contains(words), "{reason}");
        let read = log.read(&demo, LogPosition(0), 1).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })));
        let time = log.position_after(&demo, Timestamp::from_micros(0)).await;
        assert!(matches!(time, Err(StoreError::Damaged { .. })));
        if !read_only {
            let append = log.append(&demo, batch(&demo, 3, 1)).await;
            assert!(matches!(append, Err(StoreError::Damaged { .. })));
        }
    }
    let mut left = envelopes::files(root);
    left.remove("LOCK");
    assert_eq!(&left, files, "nothing is touched");
}

#[tokio::test]
async fn a_segment_cut_or_zeroed_anywhere_is_refused() {
    let sound = files_of_sizes("demo", &[1, 1, 1]).await;
    for first in [1, 2] {
        let name = segment_name("demo", first);
        let length = sound[&name].len();
        for cut in 0..length {
            let mut files = sound.clone();
            files.get_mut(&name).unwrap().truncate(cut);
            let words = if cut == 0 { "is empty" } else { "end mark" };
            assert_refused(&files, &name, words).await;
        }
    }
    let name = segment_name("demo", 2);
    let length = sound[&name].len();
    for start in (0..length).step_by(7) {
        let mut files = sound.clone();
        files.get_mut(&name).unwrap()[start..].fill(0);
        assert_refused(&files, &name, "end").await;
    }
    let mut files = sound.clone();
    files.get_mut(&name).unwrap().fill(0);
    assert_refused(&files, &name, "zeros").await;
    let mut files = sound;
    files.get_mut(&name).unwrap().extend_from_slice(b"more");
    assert_refused(&files, &name, "end mark").await;
}

#[tokio::test]
async fn every_flipped_bit_is_found() {
    let sound = files_of_sizes("demo", &[2, 1]).await;
    let name = segment_name("demo", 0);
    for at in 0..sound[&name].len() {
        let mut files = sound.clone();
        files.get_mut(&name).unwrap()[at] ^= 1 << (at % 8);
        assert_refused(&files, &name, "").await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_the_next_segment_is_refused() {
    let sound = files_of_sizes("demo", &[2, 2, 2]).await;
    let name = |first| segment_name("demo", first);

    let mut gap = sound.clone();
    gap.remove(&name(2));
    assert_refused(&gap, &name(4), "envelopes are missing").await;
    let mut headless = sound.clone();
    headless.remove(&name(0));
    assert_refused(&headless, &name(2), "envelopes are missing").await;

    let mut copied = sound.clone();
    copied.insert(name(6), sound[&name(4)].clone());
    assert_refused(&copied, &name(6), "starts at position 4").await;

    let other = files_of_sizes("demo", &[1, 2]).await;
    let mut overlap = sound.clone();
    overlap.insert(name(1), other[&name(1)].clone());
    assert_refused(&overlap, &name(1), "overlaps").await;
    let rewritten = files_of(
        "demo",
        vec![
            batch(&stream("demo"), 0, 3),
            batch_of(&stream("demo"), 3, 1, "y"),
        ],
    )
    .await;
    let mut differs = sound.clone();
    differs.insert(name(3), rewritten[&name(3)].clone());
    assert_refused(&differs, &name(3), "overlaps").await;

    let stranger = files_of_sizes("demo.g2", &[2]).await;
    let mut foreign = sound.clone();
    foreign.insert(name(0), stranger[&segment_name("demo.g2", 0)].clone());
    assert_refused(&foreign, &name(0), "belongs to the log of \"demo.g2\"").await;
    foreign.insert(name(0), b"{\"not\": \"ours\"}\n".repeat(20));
    assert_refused(&foreign, &name(0), "no end mark").await;
}

#[tokio::test]
async fn a_refused_log_affects_no_other_log() {
    let directory = tempfile::tempdir().unwrap();
    put_files(directory.path(), &files_of_sizes("demo", &[1]).await);
    put_files(directory.path(), &files_of_sizes("other", &[2]).await);
    fs::write(directory.path().join(segment_name("demo", 0)), "x").unwrap();
    let log = DirectoryLog::open(directory.path()).unwrap();
    let demo = log
        .append(&stream("demo"), batch(&stream("demo"), 1, 1))
        .await;
    assert!(matches!(demo, Err(StoreError::Damaged { .. })));
    fill(&log, &stream("other"), &[1]).await;
    let other = read_all(&log, &stream("other"), 5).await;
    assert_eq!(other, expected_lines(&stream("other"), 3));
    assert_eq!(
        log.streams().await.unwrap(),
        [stream("demo"), stream("other")]
    );
}

#[tokio::test]
async fn foreign_files_are_reported_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put_files(root, &files_of_sizes("demo", &[2, 1]).await);
    let foreign = [
        "notes.txt",
        "Demo/00000000000000000000.ndjson.zst",
        "demo/00000000000000000000.ndjson",
        "demo/7.ndjson.zst",
        "demo/.tmp-mine",
        "demo/.tmp-append-1-x",
        "demo/relay.checkpoint.bak",
    ];
    for name in foreign {
        put_files(root, &Files::from([(name.to_owned(), b"x".to_vec())]));
    }
    let log = DirectoryLog::open(root).unwrap();
    let demo = stream("demo");
    assert_eq!(
        read_all(&log, &demo, 9).await,
        expected_lines(&demo, 3),
        "the log is sound"
    );
    let report = verify(root).unwrap();
    for name in foreign {
        let named = name
            .strip_suffix("/00000000000000000000.ndjson.zst")
            .unwrap_or(name);
        assert!(
            report.problems.iter().any(|it| it.file == root.join(named)),
            "{name}"
        );
        assert!(
            log.problems().iter().any(|it| it.file == root.join(named)),
            "{name}"
        );
        assert!(root.join(name).exists());
    }
    assert_eq!(report.problems.len(), foreign.len());
    assert_eq!(report.streams[0].envelopes, 3);
}

#[tokio::test]
async fn verify_reads_every_envelope() {
    let demo = stream("demo");
    let edited = |edit: &dyn Fn(&mut spice_core::envelope::Envelope)| {
        let mut second = envelope(&demo, 3, "x");
        edit(&mut second);
        let mut broken = batch(&demo, 2, 2);
        broken.lines[1] = second.to_line().unwrap().into();
        vec![batch(&demo, 0, 2), broken, batch(&demo, 4, 1)]
    };
    let cases: Vec<(Vec<Batch>, &str)> = vec![
        (
            edited(&|it| it.position = LogPosition(7)),
            "has the position 7, not 3",
        ),
        (
            edited(&|it| it.database = "other".parse().unwrap()),
            "of database other",
        ),
        (edited(&|it| it.generation.database = 2), "generation 2"),
        (
            edited(&|it| it.occurred_at = Timestamp::from_micros(5)),
            "earlier than the envelope before it",
        ),
        (
            {
                let mut batches = edited(&|_| {});
                batches[1].lines[1] = "{\"no\":\"envelope\"}".into();
                batches
            },
            "not an envelope",
        ),
        (
            {
                let mut batches = edited(&|_| {});
                let mut seal = envelope(&demo, 2, "x");
                seal.event_type = spice_core::envelope::EventType::DatabaseSealed;
                batches[1].lines[0] = seal.to_line().unwrap().into();
                batches
            },
            "after the seal",
        ),
    ];
    for (batches, words) in cases {
        let directory = tempfile::tempdir().unwrap();
        put_files(directory.path(), &files_of("demo", batches).await);
        let report = verify(directory.path()).unwrap();
        let file = directory.path().join(segment_name("demo", 2));
        let found = &report.problems[0];
        assert!(
            found.file == file && found.reason.contains("line 2: "),
            "{found}"
        );
        assert!(found.reason.contains(words), "{found} lacks {words:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    put_files(directory.path(), &files_of("demo", edited(&|_| {})).await);
    let report = verify(directory.path()).unwrap();
    assert!(report.is_clean());
    assert_eq!(
        (report.streams[0].segments, report.streams[0].envelopes),
        (3, 5)
    );
}

#[tokio::test]
async fn leftovers_of_an_interrupted_append_are_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let sound = files_of_sizes("demo", &[2, 1]).await;
    put_files(root, &sound);
    put_files(
        root,
        &Files::from([("other/.tmp-append-3-4".to_owned(), b"half".to_vec())]),
    );
    for name in [
        "demo/.tmp-append-12-0",
        "demo/.tmp-merge-9-77",
        "demo/.tmp-checkpoint",
    ] {
        put_files(root, &Files::from([(name.to_owned(), b"half".to_vec())]));
    }
    // A crash between link and unlink: both names are one file.
    let segment = root.join(segment_name("demo", 2));
    fs::hard_link(&segment, root.join("demo/.tmp-append-1-1")).unwrap();
    assert!(verify(root).unwrap().is_clean());
    let log = DirectoryLog::open(root).unwrap();
    assert_eq!(log.problems(), vec![]);
    assert_eq!(log.streams().await.unwrap(), vec![stream("demo")]);
    fill(&log, &stream("other"), &[1]).await;
    drop(log);
    let mut left = files(root);
    left.retain(|name, _| name.starts_with("demo"));
    assert_eq!(left, sound);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let log = DirectoryLog::open(directory.path()).unwrap();
    fill(&log, &stream("demo"), &[2]).await;
    let second = DirectoryLog::open(directory.path())
        .err()
        .unwrap()
        .to_string();
    let wanted = format!(
        "another process (pid {}) has this directory open; stop it or choose another directory",
        std::process::id()
    );
    assert!(second.contains(&wanted), "{second}");

    let Claim::Taken(owner) = DirectoryLog::claim(directory.path()).unwrap() else {
        panic!("claimed twice");
    };
    assert_eq!(owner.pid, i32::try_from(std::process::id()).ok());

    // The same from another process: this test program, told to open the directory.
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "opened_by_another_process", "--nocapture"])
        .env("SPICE_TEST_LOG", directory.path())
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains(&wanted),
        "{output:?}"
    );

    let reader = DirectoryLog::open_read_only(directory.path()).unwrap();
    fill(&log, &stream("demo"), &[1]).await;
    assert_eq!(reader.end(&stream("demo")).await.unwrap(), LogPosition(3));
    let refused = reader
        .append(&stream("demo"), batch(&stream("demo"), 3, 1))
        .await;
    assert!(matches!(refused, Err(StoreError::Rejected { .. })));
    drop(log);
    assert!(
        DirectoryLog::open(directory.path()).is_ok(),
        "a stale LOCK file is no lock"
    );
}

/// Does something only for `a_second_process_is_refused`.
#[test]
fn opened_by_another_process() {
    if let Some(root) = std::env::var_os("SPICE_TEST_LOG") {
        println!("{}", DirectoryLog::open(Path::new(&root)).err().unwrap());
    }
}

#[tokio::test]
async fn an_unreadable_checkpoint_publishes_again() {
    let directory = tempfile::tempdir().unwrap();
    let demo = stream("demo");
    put_files(directory.path(), &files_of_sizes("demo", &[5]).await);
    for (content, found) in [("", 0), ("\0\0\0", 0), ("-1\n", 0), ("4", 4), ("9\n", 5)] {
        fs::write(directory.path().join("demo/relay.checkpoint"), content).unwrap();
        let log = DirectoryLog::open(directory.path()).unwrap();
        assert_eq!(log.checkpoint(&demo).await.unwrap(), LogPosition(found));
        assert_eq!(log.problems(), vec![]);
    }
}

/// `zstdcat | jq` reads a segment with no code of ours; skipped by name where they are not.
#[tokio::test]
async fn standard_tools_read_a_segment() {
    let directory = tempfile::tempdir().unwrap();
    put_files(directory.path(), &files_of_sizes("demo", &[3]).await);
    let file = directory.path().join(segment_name("demo", 0));
    let Ok(output) = Command::new("zstd").args(["-dc"]).arg(&file).output() else {
        println!("skipped: standard_tools_read_a_segment (no zstd on this machine)");
        return;
    };
    assert!(output.status.success());
    let mut wanted = expected_lines(&stream("demo"), 3).join(&b'\n');
    wanted.push(b'\n');
    assert_eq!(output.stdout, wanted);
    let test = Command::new("zstd")
        .args(["-tq"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(test.success());
}
