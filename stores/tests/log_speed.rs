//! Prints how fast appends are beside plain synced writes of the same bytes, in the same run.
//! Not a bound to hold in a debug build: `cargo test --test log_speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod log_support;

use std::{
    fs::File,
    io::Write,
    time::{Duration, SystemTime},
};

use log_support::{batch_of, stream};
use spice_core::port::log::{Append, Batch, Log};
use spice_stores::log::DirectoryLog;

const BATCHES: u64 = 100;
const SIZE: u64 = 500;

fn batches() -> Vec<Batch> {
    let demo = stream("demo");
    (0..BATCHES)
        .map(|number| batch_of(&demo, number * SIZE, SIZE, &format!("text {number}")))
        .collect()
}

#[allow(clippy::disallowed_methods)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a check"]
async fn appends_beside_plain_synced_writes() {
    let batches = batches();
    let bytes: usize = batches
        .iter()
        .flat_map(|batch| batch.lines.iter().map(|line| line.len() + 1))
        .sum();
    let (mut plain, mut ours) = (Duration::ZERO, Duration::ZERO);
    for round in 0..3 {
        let directory = tempfile::tempdir_in(".").unwrap();
        let begun = now();
        for batch in &batches {
            let mut file =
                File::create_new(directory.path().join(batch.first.to_string())).unwrap();
            file.write_all(&batch.lines.join(&b'\n')).unwrap();
            file.sync_all().unwrap();
            File::open(directory.path()).unwrap().sync_all().unwrap();
        }
        plain += begun.elapsed().unwrap();

        let directory = tempfile::tempdir_in(".").unwrap();
        let log = DirectoryLog::open(directory.path()).unwrap();
        let merging = (round > 0).then(|| {
            let log = log.clone();
            tokio::spawn(async move { log.maintain().await })
        });
        let begun = now();
        for batch in &batches {
            let answer = log.append(&stream("demo"), batch.clone()).await;
            assert_eq!(answer.unwrap(), Append::Done);
        }
        ours += begun.elapsed().unwrap();
        if let Some(task) = merging {
            task.abort();
        }
        println!("round {round}: plain {plain:?}, log {ours:?}, {bytes} bytes a round");
    }
    let ratio = plain.as_secs_f64() / ours.as_secs_f64();
    println!("{ratio:.2} of the speed of plain synced writes");
}
