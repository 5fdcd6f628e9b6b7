//! Replays in the simulation: the process stops at every single port call between the request and
//! the end, alone or with all others; a node sleeps past its lease in each step. The replay always
//! completes, nobody reads something wrong or nothing meanwhile, and no sink is left over.
//! `SPICE_SIM_STEP` takes only every n-th call of the exhaustive tests.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it found"
)]

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use serde_json::json;
use spice_core::{
    handler::Projection,
    id::{InstanceRef, Sequence, StreamId},
    lineage::{Lineage, View},
    port::{
        documents::Documents,
        graph::{Entity, Graph},
        hints::{Hints, Topic},
        replays::{Replays, Start, change as wish},
        sink::{SinkRole, Sinks},
    },
    replay::{Replay, ReplayId, ReplayRequest, ReplayState},
};
use spice_e2e::sim::{
    client::{
        Answers, Client, change, create_branch, create_class, create_database, creation, patch,
        product_class,
    },
    faults::{Fault, Life, Node, Planned, Port, Role, Scope, Trigger, When},
    run::{self, Outcome},
    world::{LEASE, Setup, World},
};
use uuid::Uuid;

const THREADS: usize = 2;
const REPLAY: Node = node(Role::Replay, 0);
const SECOND: Node = node(Role::Replay, 1);

const fn node(role: Role, number: u8) -> Node {
    Node { role, number }
}

fn with_replays(plan: Vec<Planned>, one_process: bool) -> Setup {
    let mut setup = Setup {
        plan,
        one_process,
        ..Setup::default()
    };
    setup.nodes.push(REPLAY);
    setup
}

/// The log of the scenario.
fn shop() -> anyhow::Result<StreamId> {
    Ok("shop".parse()?)
}

/// A shop with a few products, one of them changed on a branch.
async fn open(world: &Arc<World>, answers: &Answers) -> anyhow::Result<Client> {
    let shop = Client::new(world, 0, "shop", answers)?;
    shop.send_accepted("create", create_database()).await?;
    let class = create_class("main", product_class())?;
    shop.send_accepted("Product", class).await?;
    for sku in ["p", "q", "r"] {
        let data = json!({"sku": sku, "price": 1});
        shop.send_accepted(sku, change("main", creation("Product", data))?)
            .await?;
    }
    shop.send_accepted("branch", create_branch("what-if", "main")?)
        .await?;
    let dearer = patch("Product", "q", json!({"price": 2}), Sequence(1))?;
    shop.send_accepted("what if", change("what-if", dearer)?)
        .await?;
    world.settle_with_faults().await?;
    Ok(shop)
}

/// Requests a replay of both projections, as an api does.
async fn request(world: &World, request: ReplayRequest) -> anyhow::Result<ReplayId> {
    let id = ReplayId(Uuid::from_u128(11));
    let replay = Replay::new(id, shop()?, request, None, world.now());
    let started = world.registry.get().start_replay(&replay).await?;
    ensure!(started == Start::Started, "{started:?}");
    hint(world)?;
    Ok(id)
}

fn hint(world: &World) -> anyhow::Result<()> {
    world.hints.give(&Topic::Request(shop()?));
    world.faults.touch();
    Ok(())
}

async fn find(world: &World, id: ReplayId) -> anyhow::Result<Replay> {
    let found = world.registry.get().replay(id).await?;
    found.context("the replay is gone")
}

/// Waits until a replay is in one of these states.
async fn wait_for(
    world: &World,
    id: ReplayId,
    met: impl Fn(ReplayState) -> bool,
) -> anyhow::Result<Replay> {
    for _ in 0..60_000 {
        let replay = find(world, id).await?;
        if met(replay.state) {
            return Ok(replay);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("the replay is still {:?}", find(world, id).await?)
}

/// Reads a product from both projections without end: it is always there and never goes back.
async fn read_without_end(world: Arc<World>) -> anyhow::Result<()> {
    let view = View {
        stream: shop()?,
        lineage: Lineage::main(),
    };
    let product: InstanceRef = "Product/p".parse()?;
    let entity = [Entity::Instance(product.clone())];
    let mut last = [Sequence(0); 2];
    loop {
        let (graph, documents) = (world.graph.get(), world.documents.get());
        let version = graph.get(&view, &entity).await?.remove(0);
        let document = documents.get(&view, std::slice::from_ref(&product)).await?;
        let document = document.into_iter().next().flatten();
        let seen = [
            version.context("the graph shows nothing")?.state.sequence,
            document
                .context("the documents show nothing")?
                .state
                .sequence,
        ];
        ensure!(
            seen[0] >= last[0] && seen[1] >= last[1],
            "{last:?}, then {seen:?}"
        );
        last = seen;
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

/// The numbers of the first call after the request and of the first after the end.
type Span = (u64, u64);

/// Replays both projections while somebody reads and writes.
async fn replay_both(world: Arc<World>, answers: Answers) -> anyhow::Result<Span> {
    let shop = open(&world, &answers).await?;
    let reader = tokio::spawn(read_without_end(Arc::clone(&world)));
    let begin = world.faults.calls();
    let id = request(&world, ReplayRequest::blue_green(Projection::ALL)).await?;
    let dearer = patch("Product", "p", json!({"price": 2}), Sequence(1))?;
    shop.send_accepted("dearer", change("main", dearer)?)
        .await?;
    let replay = wait_for(&world, id, ReplayState::is_finished).await?;
    ensure!(replay.state == ReplayState::Complete, "{replay:?}");
    ensure!(replay.digests_match == Some(true), "{replay:?}");
    let end = world.faults.calls();
    let cheaper = patch("Product", "p", json!({"price": 3}), Sequence(2))?;
    shop.send_accepted("cheaper", change("main", cheaper)?)
        .await?;
    world.settle().await?;
    require_one_sink(&world).await?;
    ensure!(!reader.is_finished(), "{:?}", reader.await);
    reader.abort();
    Ok((begin, end))
}

/// Only the live sinks are left, and they are complete.
async fn require_one_sink(world: &World) -> anyhow::Result<()> {
    let (graph, documents) = (world.graph.get(), world.documents.get());
    let stores: [&dyn Sinks; 2] = [&*graph, &*documents];
    for sinks in stores {
        let found = sinks.sinks(&shop()?).await?;
        let roles: Vec<SinkRole> = found.iter().map(|sink| sink.role).collect();
        ensure!(roles == [SinkRole::Live], "{found:?}");
    }
    Ok(())
}

/// Returns the outcome of the scenario, and the calls of the replay.
fn run_replay(setup: Setup) -> anyhow::Result<(Outcome, Span)> {
    let (sender, span) = std::sync::mpsc::channel();
    let outcome = run::scenario(setup, |world, answers| async move {
        sender.send(replay_both(world, answers).await?).ok();
        Ok(())
    })?;
    Ok((outcome, span.recv()?))
}

/// What went wrong under a plan, if anything did.
fn find_wrong(plan: Planned, one_process: bool, expected: &Outcome) -> Option<String> {
    let wrong = match run_replay(with_replays(vec![plan], one_process)) {
        Err(error) => vec![format!("{error:#}")],
        Ok((outcome, _)) => {
            let mut wrong = outcome.verdict.wrong;
            if outcome.verdict.state != expected.verdict.state {
                wrong.push("another final state".to_owned());
            }
            wrong
        }
    };
    (!wrong.is_empty()).then(|| format!("{plan:?}: {wrong:#?}"))
}

#[allow(clippy::disallowed_methods)]
fn step() -> usize {
    let set = std::env::var("SPICE_SIM_STEP").ok();
    set.and_then(|step| step.parse().ok()).unwrap_or(1)
}

fn crash_anywhere(scope: Scope, one_process: bool) {
    let (expected, (begin, end)) = run_replay(with_replays(Vec::new(), one_process)).expect("runs");
    assert!(
        expected.verdict.wrong.is_empty(),
        "{:#?}",
        expected.verdict.wrong
    );
    let plans: Vec<Planned> = (begin..end)
        .step_by(step())
        .map(|at| Planned {
            at,
            fault: Fault::Crash(When::After, scope),
        })
        .collect();
    let runs = plans.len();
    let wrong = run::run_in_parallel(THREADS, plans, |plan| {
        find_wrong(plan, one_process, &expected)
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    println!("{runs} runs, {} went wrong", wrong.len());
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(3)]);
}

#[test]
fn a_replay_completes_wherever_the_process_stops() {
    crash_anywhere(Scope::Process, true);
}

#[test]
fn a_replay_completes_wherever_one_role_stops() {
    crash_anywhere(Scope::Caller, false);
}

/// A node sleeps past its lease before each kind of call; another one completes the replay, and the
/// sleeper does no harm when it wakes.
#[test]
fn a_replay_is_continued_by_another_node() {
    let calls = [
        (Port::Work, "change_replay", 0),
        (Port::Work, "change_replay", 1),
        (Port::Work, "change_replay", 2),
        (Port::Work, "change_replay", 3),
        (Port::Work, "change_replay", 4),
        (Port::Graph, "create_shadow", 0),
        (Port::Graph, "swap", 0),
        (Port::Documents, "swap", 0),
        (Port::Documents, "drop_sink", 0),
        (Port::Work, "forget_sink", 0),
    ];
    for (port, method, skip) in calls {
        let mut setup = with_replays(Vec::new(), false);
        setup.nodes.push(SECOND);
        let outcome = run::scenario(setup, |world, answers| async move {
            open(&world, &answers).await?;
            let reader = tokio::spawn(read_without_end(Arc::clone(&world)));
            for node in [REPLAY, SECOND] {
                let trigger = Trigger {
                    node,
                    port,
                    method,
                    skip,
                };
                world.faults.arm(trigger, Fault::Pause);
            }
            let id = request(&world, ReplayRequest::blue_green(Projection::ALL)).await?;
            // The other one takes over after a lease; it may sleep there, too.
            for _ in 0..6 {
                tokio::time::sleep(LEASE).await;
                if find(&world, id).await?.state.is_finished() || world.faults.has_struck() {
                    break;
                }
            }
            for node in [REPLAY, SECOND] {
                world.faults.set_life(node, Life::Running);
            }
            let replay = wait_for(&world, id, ReplayState::is_finished).await?;
            ensure!(replay.state == ReplayState::Complete, "{replay:?}");
            world.settle().await?;
            require_one_sink(&world).await?;
            ensure!(!reader.is_finished(), "{:?}", reader.await);
            reader.abort();
            Ok(())
        });
        let outcome = outcome.unwrap_or_else(|error| panic!("{method} {skip}: {error:#}"));
        assert!(
            outcome.verdict.wrong.is_empty(),
            "{method} {skip}: {:#?}",
            outcome.verdict.wrong
        );
    }
}

/// Somebody cancels while the process stops: the replay is cancelled or complete, never half of it.
#[test]
fn a_cancelled_replay_leaves_nothing_wherever_the_process_stops() {
    let (_, (begin, end)) = run_replay(with_replays(Vec::new(), true)).expect("runs");
    let plans: Vec<u64> = (begin..end).step_by(step() * 10).collect();
    let wrong = run::run_in_parallel(THREADS, plans, |at| {
        let crash = Planned {
            at,
            fault: Fault::Crash(When::After, Scope::Process),
        };
        let setup = with_replays(vec![crash], true);
        let outcome = run::scenario(setup, |world, answers| async move {
            open(&world, &answers).await?;
            let reader = tokio::spawn(read_without_end(Arc::clone(&world)));
            let id = request(&world, ReplayRequest::blue_green(Projection::ALL)).await?;
            while world.faults.calls() < at && !find(&world, id).await?.state.is_finished() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let registry = world.registry.get();
            // It may be too late.
            let is_late = wish(&*registry, id, Replay::cancel).await.is_err();
            hint(&world)?;
            let replay = wait_for(&world, id, ReplayState::is_finished).await?;
            let expected = if is_late {
                ReplayState::Complete
            } else {
                ReplayState::Cancelled
            };
            ensure!(replay.state == expected, "{replay:?}");
            world.settle().await?;
            require_one_sink(&world).await?;
            ensure!(!reader.is_finished(), "{:?}", reader.await);
            reader.abort();
            Ok(())
        });
        outcome.err().map(|error| format!("{at}: {error:#}"))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(3)]);
}
