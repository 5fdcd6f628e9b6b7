//! `kill -9` on the real binary, repeatedly, while eight clients write: at any moment, in the
//! middle of a bulk, during a start. An acknowledged write exists exactly once with the
//! acknowledged sequence; a write without an answer exists exactly once after it was repeated.
//!
//! `SPICE_KILL_ROUNDS` (12), `SPICE_KILL_SEED` (printed; random by default).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod kill {
    pub(crate) mod audit;
    pub(crate) mod random;
    pub(crate) mod writer;
}

use std::time::Duration;

use futures::future::join_all;
use kill::{audit, random::Random, writer::Writer};
use serde_json::json;
use spice_e2e::embedded::{Client, Embedded, Options, setting};
use tokio::{sync::watch, time::sleep};

const DATABASE: &str = "kill";
const CLASS: &str = "Item";
const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_exist_exactly_once_after_kill_9() {
    let number = |name| setting(name).and_then(|text| text.parse::<u64>().ok());
    let rounds = number("SPICE_KILL_ROUNDS").unwrap_or(12);
    let seed = number("SPICE_KILL_SEED").unwrap_or_else(Random::any_seed);
    println!("SPICE_KILL_SEED={seed} SPICE_KILL_ROUNDS={rounds}");
    let mut random = Random::new(seed);

    let mut spice = Embedded::start(Options::default()).await.unwrap();
    let client = spice.gateway().unwrap();
    client.create_database(DATABASE).await.unwrap();
    client.create_class(DATABASE, &class()).await.unwrap();

    let mut writers: Vec<Writer> = (0..WRITERS).map(|index| Writer::new(index, seed)).collect();
    for round in 1..=rounds {
        writers = write_until_killed(&mut spice, writers, &mut random).await;
        let in_flight = writers.iter().filter(|writer| writer.is_unsure()).count();
        let starts_killed = kill_while_starting(&mut spice, &mut random).await;
        let ready = spice.restart().await.unwrap();
        let client = spice.gateway().unwrap();
        for writer in &mut writers {
            writer.settle(&client).await;
        }
        let instances = audit::compare(&client, &writers).await;
        println!(
            "round {round}: {in_flight} in flight, {starts_killed} starts killed, ready after {ready:?}, {instances} instances"
        );
    }

    let (status, took) = spice.terminate(Duration::from_secs(5)).await.unwrap();
    assert!(status.success(), "ended by SIGTERM: {status}");
    println!("SIGTERM took {took:?}");
    audit::check_log(spice.directory(), &writers).await;
    audit::verify_is_clean(spice.directory()).await;
}

fn class() -> serde_json::Value {
    json!({
        "id": CLASS,
        "label": CLASS,
        "properties": [
            {"name": "item", "type": "string", "primaryKey": true},
            {"name": "value", "type": "integer", "required": true},
            {"name": "pad", "type": "string"},
        ],
    })
}

/// Lets all writers write, and kills the process at a random moment.
async fn write_until_killed(
    spice: &mut Embedded,
    writers: Vec<Writer>,
    random: &mut Random,
) -> Vec<Writer> {
    let (end, ended) = watch::channel(false);
    let client: Client = spice.gateway().unwrap();
    let tasks: Vec<_> = writers
        .into_iter()
        .map(|writer| tokio::spawn(writer.write(client.clone(), ended.clone())))
        .collect();
    sleep(Duration::from_millis(random.between(30, 900))).await;
    spice.kill().await.unwrap();
    // Clients without an answer stop by themselves; the others are told to stop.
    end.send_replace(true);
    join_all(tasks)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// Sometimes the start is killed too, once or several times.
async fn kill_while_starting(spice: &mut Embedded, random: &mut Random) -> u64 {
    let starts = [0, 0, 1, 2][random.below(4)];
    for _ in 0..starts {
        spice.launch().await.unwrap();
        let most = [40, 250][random.below(2)];
        sleep(Duration::from_millis(random.between(0, most))).await;
        spice.kill().await.unwrap();
    }
    starts
}
