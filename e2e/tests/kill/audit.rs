//! Compares the actual state with the acknowledged writes: through the api, in the log, by
//! `verify`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use serde_json::Value;
use spice_e2e::embedded::{Client, run};

use super::writer::{Known, Writer};
use crate::{CLASS, DATABASE};

/// Documents and acknowledgements are equal once the projections are complete. Returns the number
/// of live instances.
pub(crate) async fn compare(client: &Client, writers: &[Writer]) -> usize {
    let limit = Duration::from_mins(2);
    let position = client
        .get(&format!("/api/v1/databases/{DATABASE}"))
        .await
        .unwrap();
    let position = position["data"]["position"].as_u64().unwrap();
    client
        .wait_position(DATABASE, position, limit)
        .await
        .unwrap();

    let documents = client.instances(DATABASE, CLASS, "main").await.unwrap();
    let mut shown: BTreeMap<&str, &Value> = BTreeMap::new();
    for document in &documents {
        let id = document["instance_id"].as_str().unwrap();
        assert!(shown.insert(id, document).is_none(), "{id} is listed twice");
    }
    let live = all_known(writers).filter(|(_, known)| !known.deleted);
    let mut count = 0;
    for (id, known) in live {
        let document = shown
            .get(id.as_str())
            .unwrap_or_else(|| panic!("{id} is lost: {known:?}"));
        assert_eq!(
            document["event_sequence"], known.sequence,
            "{id}: {document}"
        );
        assert_eq!(document["data"]["value"], known.value, "{id}: {document}");
        count += 1;
    }
    assert_eq!(
        shown.len(),
        count,
        "something is there that nobody was told of"
    );
    count
}

/// The log contains every acknowledged command once, and for each instance the sequences 1, 2, … up
/// to the acknowledged one.
pub(crate) async fn check_log(directory: &Path, writers: &[Writer]) {
    let output = run([
        "log".as_ref(),
        "cat".as_ref(),
        "--data-dir".as_ref(),
        directory.as_os_str(),
        DATABASE.as_ref(),
    ])
    .await
    .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut commands: BTreeMap<String, usize> = BTreeMap::new();
    let mut sequences: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (position, line) in output.stdout.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let envelope: Value = serde_json::from_slice(line).unwrap();
        assert_eq!(envelope["position"], position, "positions have no gap");
        match envelope["metadata"]["kind"].as_str().unwrap() {
            "command" => {
                let id = envelope["event_id"].as_str().unwrap().to_owned();
                *commands.entry(id).or_default() += 1;
            }
            "domain" if envelope["aggregate_type"] == "Instance" => {
                let aggregate = envelope["aggregate_id"].as_str().unwrap();
                let id = aggregate.rsplit(':').next().unwrap().to_owned();
                let sequence = envelope["sequence_number"].as_u64().unwrap();
                sequences.entry(id).or_default().push(sequence);
            }
            _ => {}
        }
    }
    assert!(
        commands.values().all(|count| *count == 1),
        "a command is there twice"
    );
    let acknowledged: BTreeSet<&str> = writers.iter().flat_map(Writer::commands).collect();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !commands.contains_key(**id))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");

    let expected: BTreeMap<String, Vec<u64>> = all_known(writers)
        .map(|(id, known)| (id.clone(), (1..=known.sequence).collect()))
        .collect();
    assert_eq!(sequences, expected);
    println!(
        "{} commands, {} instances in the log",
        commands.len(),
        sequences.len()
    );
}

/// `spice log verify` and `spice verify` report nothing.
pub(crate) async fn verify_is_clean(directory: &Path) {
    for command in [&["log", "verify"][..], &["verify"][..]] {
        let arguments = command.iter().map(AsRef::as_ref);
        let arguments = arguments.chain(["--data-dir".as_ref(), directory.as_os_str()]);
        let output = run(arguments).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{command:?}: {stdout}\n{stderr}");
        println!("spice {}: {}", command.join(" "), stdout.trim());
    }
}

fn all_known(writers: &[Writer]) -> impl Iterator<Item = (&String, &Known)> {
    writers.iter().flat_map(|writer| &writer.known)
}
