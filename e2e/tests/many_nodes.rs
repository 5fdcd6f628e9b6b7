//! Several worker processes over the same stores: clocks that differ by hours, processes that sleep
//! past their leases and wake, hints that are lost. `SPICE_SIM_STEP` sets at which calls the
//! exhaustive test lets a process sleep.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test says what it found"
)]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use spice_core::{
    handler::Projection,
    id::{LogPosition, Sequence, StreamId},
    port::{log::Log, registry::WorkerRegistry, sink::Sinks},
};
use spice_e2e::sim::{
    client::{
        Answers, Client, change, create_class, create_database, creation, patch, product_class,
    },
    faults::{Fault, Life, Node, Planned, Port, Role, Trigger},
    oracle::Final,
    run::{self, Outcome},
    scenario,
    world::{LEASE, Setup, World, work_key},
};

const HOUR: i64 = 3_600_000_000;
const WORKERS: [Role; 3] = [Role::Relay, Role::Graph, Role::Projection];

/// Two nodes of each worker, an hour apart.
fn two_of_each() -> Setup {
    let mut setup = Setup {
        one_process: false,
        skew: HOUR,
        ..Setup::default()
    };
    let also = WORKERS.map(|role| Node { role, number: 1 });
    setup.nodes.extend(also);
    setup
}

fn require_clean(outcome: anyhow::Result<Outcome>) -> Outcome {
    let outcome = outcome.expect("it runs");
    let wrong = &outcome.verdict.wrong;
    assert!(wrong.is_empty(), "{wrong:#?}");
    outcome
}

#[test]
fn several_nodes_reach_the_same_state_as_one() {
    let one = require_clean(run::standard(Setup::default()));
    let many = require_clean(run::standard(two_of_each()));
    assert_eq!(many.verdict.state, one.verdict.state);
    for role in WORKERS {
        let at_work = |number| {
            many.trace
                .iter()
                .any(|call| call.node == Node { role, number })
        };
        assert!(at_work(0) && at_work(1), "{role:?}");
    }
}

/// Without any hint every node checks by itself after a while.
#[test]
fn lost_hints_change_latency_only() {
    let one = require_clean(run::standard(Setup::default()));
    for setup in [Setup::default(), two_of_each()] {
        let deaf = Setup {
            deaf: true,
            ..setup
        };
        let outcome = require_clean(run::standard(deaf));
        assert_eq!(outcome.verdict.state, one.verdict.state);
    }
}

/// Returns the node of a role that recorded last.
fn find_working(world: &World, role: Role) -> Option<Node> {
    let trace = world.faults.trace();
    let mut calls = trace.iter().rev();
    let last = calls.find(|call| call.node.role == role && call.method == "record");
    last.map(|call| call.node)
}

async fn graph_position(world: &World, stream: &StreamId) -> anyhow::Result<LogPosition> {
    let sink = world.graph.get().sink(stream).await?;
    let key = work_key(Projection::Graph, stream, &sink);
    Ok(world.registry.get().recorded_position(&key).await?)
}

/// A node sleeps before it records a batch. Another one continues after one lease time; the
/// sleeper's record is refused when it wakes.
#[test]
fn a_node_that_sleeps_is_replaced_after_one_lease_and_fenced() {
    let outcome = run::scenario(
        two_of_each(),
        |world: Arc<World>, answers: Answers| async move {
            let shop = Client::new(&world, 0, "shop", &answers)?;
            shop.send_accepted("create", create_database()).await?;
            let class = create_class("main", product_class())?;
            shop.send_accepted("Product", class).await?;
            let data = json!({"sku": "p", "price": 1});
            shop.send_accepted("p", change("main", creation("Product", data))?)
                .await?;
            world.settle_with_faults().await?;
            let sleeper = find_working(&world, Role::Graph).expect("somebody recorded");
            let trigger = Trigger {
                node: sleeper,
                port: Port::Work,
                method: "record",
                skip: 0,
            };
            world.faults.arm(trigger, Fault::Pause);
            let dearer = patch("Product", "p", json!({"price": 2}), Sequence(1))?;
            shop.send_accepted("dearer", change("main", dearer)?)
                .await?;
            while !world.faults.has_struck() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let stream: StreamId = "shop".parse()?;
            let end = world.log.end(&stream).await?;
            let slept = tokio::time::Instant::now();
            while graph_position(&world, &stream).await? < end {
                tokio::time::sleep(Duration::from_millis(10)).await;
                // The other one notices at its next heartbeat.
                anyhow::ensure!(slept.elapsed() <= LEASE + LEASE / 2, "nobody took over");
            }
            let heir = find_working(&world, Role::Graph);
            anyhow::ensure!(heir.is_some_and(|heir| heir != sleeper), "{heir:?}");
            world.faults.set_life(sleeper, Life::Running);
            let again = patch("Product", "p", json!({"price": 3}), Sequence(2))?;
            shop.send_accepted("again", change("main", again)?).await?;
            world.settle_with_faults().await
        },
    );
    require_clean(outcome);
}

/// A worker node sleeps past its lease at any of its calls, and wakes.
#[test]
fn a_sleep_anywhere_converges() {
    let base = require_clean(run::standard(two_of_each()));
    let step = step(60);
    let plans: Vec<u64> = (0..)
        .zip(&base.trace)
        .filter(|(_, call)| call.node.role != Role::Api)
        .map(|(at, _)| at)
        .step_by(step)
        .collect();
    println!("{} of {} port calls", plans.len(), base.trace.len());
    let wrong = run::run_in_parallel(2, plans, |at| run_asleep(at, &base.verdict.state));
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong[0]);
}

#[allow(clippy::disallowed_methods)]
fn step(usual: usize) -> usize {
    let wanted = std::env::var("SPICE_SIM_STEP").ok();
    wanted.and_then(|step| step.parse().ok()).unwrap_or(usual)
}

fn run_asleep(at: u64, expected: &Final) -> Option<String> {
    let fault = Fault::Pause;
    let setup = Setup {
        plan: vec![Planned { at, fault }],
        ..two_of_each()
    };
    let outcome = run::scenario(setup, |world: Arc<World>, answers: Answers| async move {
        let waker = Arc::clone(&world);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LEASE * 2).await;
                waker.faults.wake_all();
            }
        });
        scenario::standard(&world, &answers).await
    });
    let wrong = match outcome {
        Err(error) => vec![format!("{error:#}")],
        Ok(outcome) if outcome.verdict.state != *expected => vec!["another state".to_owned()],
        Ok(outcome) => outcome.verdict.wrong,
    };
    (!wrong.is_empty()).then(|| format!("asleep at {at}: {wrong:#?}"))
}
