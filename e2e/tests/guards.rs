//! Each guard has a scenario: with all guards it passes, without the guard the oracle finds a
//! violation. A guard that no scenario needs should be removed.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test says what it found"
)]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use spice_core::{
    guard::{Guard, Guards},
    id::{InstanceRef, Sequence, StreamId},
    port::{graph::Entity, log::Log},
};
use spice_e2e::sim::{
    client::{
        Answered, Answers, Client, change, create_branch, create_class, create_database, creation,
        delete_branch, deletion, patch, product_class, supplier_class,
    },
    faults::{Fate, Fault, Life, Node, Port, Role, Scope, Trigger, When},
    run,
    world::{LEASE, Setup, World},
};
use spice_store_local::LocalBus;
use spice_store_sqlite::{Location, Mode, SqliteGraph};

const API: Node = node(Role::Api, 0);
const SECOND_API: Node = node(Role::Api, 1);
const PROJECTION: Node = node(Role::Projection, 0);
const SECOND_PROJECTION: Node = node(Role::Projection, 1);

const fn node(role: Role, number: u8) -> Node {
    Node { role, number }
}

/// The scenario passes with all guards, and fails without this one.
fn turns_red<F>(guard: Guard, setup: &Setup, play: impl Fn(Arc<World>, Answers) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let judged = |guards: Guards| {
        let setup = Setup {
            guards,
            ..setup.clone()
        };
        match run::scenario(setup, &play) {
            Ok(outcome) => outcome.verdict.wrong,
            Err(error) => vec![format!("{error:#}")],
        }
    };
    let whole = judged(Guards::default());
    assert!(whole.is_empty(), "with all guards: {whole:#?}");
    let wrong = judged(Guards::without(guard));
    assert!(!wrong.is_empty(), "nothing goes wrong without {guard:?}");
    println!("without {guard:?}: {}", wrong[0]);
}

async fn shop(world: &Arc<World>, answers: &Answers) -> anyhow::Result<Client> {
    let shop = Client::new(world, 0, "shop", answers)?;
    shop.send_accepted("create", create_database()).await?;
    let class = create_class("main", product_class())?;
    shop.send_accepted("Product", class).await?;
    let data = json!({"sku": "p", "price": 1});
    shop.send_accepted("p", change("main", creation("Product", data))?)
        .await?;
    Ok(shop)
}

async fn reprice(shop: &Client, branch: &str, price: u64, seen: u64) -> anyhow::Result<()> {
    let label = format!("{branch} p at {price}");
    let change_it = patch("Product", "p", json!({"price": price}), Sequence(seen))?;
    shop.send_accepted(&label, change(branch, change_it)?)
        .await?;
    Ok(())
}

fn with_two_projections() -> Setup {
    let mut setup = Setup {
        one_process: false,
        ..Setup::default()
    };
    setup.nodes.push(SECOND_PROJECTION);
    setup
}

async fn wait_struck(world: &World) -> anyhow::Result<()> {
    for _ in 0..100_000 {
        if world.faults.has_struck() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("what was armed never happened")
}

fn trigger_at(node: Node, port: Port, method: &'static str) -> Trigger {
    Trigger {
        node,
        port,
        method,
        skip: 0,
    }
}

/// Returns the projection that works now: the one that makes the next apply call.
fn find_working(world: &World) -> Node {
    let trace = world.faults.trace();
    let last = trace
        .iter()
        .rev()
        .find(|call| call.port == Port::Documents && call.method == "apply");
    last.map_or(PROJECTION, |call| call.node)
}

fn other(node: Node) -> Node {
    if node == PROJECTION {
        SECOND_PROJECTION
    } else {
        PROJECTION
    }
}

/// A worker sleeps before it writes; others continue; then it writes outdated data.
#[test]
fn sequence_prevents_a_late_worker_from_reverting_documents() {
    turns_red(
        Guard::Sequence,
        &with_two_projections(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            world.settle_with_faults().await?;
            let sleeper = find_working(&world);
            world
                .faults
                .arm(trigger_at(sleeper, Port::Documents, "apply"), Fault::Pause);
            reprice(&shop, "main", 2, 1).await?;
            wait_struck(&world).await?;
            reprice(&shop, "main", 3, 2).await?;
            tokio::time::sleep(LEASE * 3).await;
            world.faults.set_life(sleeper, Life::Running);
            tokio::time::sleep(LEASE).await;
            Ok(())
        },
    );
}

/// The graph is restored from a copy while its worker runs.
#[test]
fn position_finds_what_a_restored_sink_has_lost() {
    turns_red(
        Guard::Position,
        &Setup::default(),
        |world, answers| async move {
            let folder = tempfile::tempdir()?;
            let guards = world.setup.guards;
            let open = |name: &str| {
                let file = Location::File(folder.path().join(name));
                SqliteGraph::open(&file, Mode::Inline, guards)
            };
            world.graph.put(open("live")?);
            let shop = shop(&world, &answers).await?;
            world.settle_with_faults().await?;
            for suffix in ["", "-wal"] {
                let from = folder.path().join(format!("live{suffix}"));
                std::fs::copy(from, folder.path().join(format!("copy{suffix}")))?;
            }
            let data = json!({"sku": "q", "price": 1});
            shop.send_accepted("q", change("main", creation("Product", data))?)
                .await?;
            world.settle_with_faults().await?;
            world.graph.put(open("copy")?);
            reprice(&shop, "main", 2, 1).await?;
            world.settle_with_faults().await?;
            Ok(())
        },
    );
}

/// A worker that lost its lease records state that is no longer true.
#[test]
fn fence_prevents_a_late_worker_from_recording() {
    turns_red(
        Guard::Fence,
        &with_two_projections(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            world.settle_with_faults().await?;
            let (sleeper, heir) = {
                let working = find_working(&world);
                (working, other(working))
            };
            let product: InstanceRef = "Product/p".parse()?;
            world.poison.put(Entity::Instance(product));
            world
                .faults
                .arm(trigger_at(sleeper, Port::Work, "record"), Fault::Pause);
            reprice(&shop, "main", 2, 1).await?;
            wait_struck(&world).await?;
            // The sink is repaired; the successor writes the event, and sleeps before it records
            // that.
            world.poison.lift();
            world
                .faults
                .arm(trigger_at(heir, Port::Work, "record"), Fault::Pause);
            wait_struck(&world).await?;
            world.faults.set_life(sleeper, Life::Running);
            tokio::time::sleep(Duration::from_millis(200)).await;
            world.faults.set_life(heir, Life::Running);
            tokio::time::sleep(LEASE * 3).await;
            Ok(())
        },
    );
}

/// A client that asks once gets a refusal only if its command will never be in the log.
#[test]
fn same_bytes_again_keeps_a_refusal_true() {
    turns_red(
        Guard::SameBytesAgain,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            world.faults.arm(
                trigger_at(API, Port::Log, "append"),
                Fault::LostAnswer(Fate::Late(3)),
            );
            let once = patch("Product", "p", json!({"price": 2}), Sequence(1))?;
            let id = shop.command_id("once");
            let answer = shop.send_once(id, change("main", once)?).await?;
            let answered = Answered {
                label: "once".to_owned(),
                id,
                answer,
            };
            answers.lock().expect("no one panics").push(answered);
            tokio::time::sleep(Duration::from_secs(5)).await;
            let data = json!({"sku": "q", "price": 1});
            shop.send_accepted("q", change("main", creation("Product", data))?)
                .await?;
            Ok(())
        },
    );
}

/// The process stops after the PUT; the client asks again.
#[test]
fn event_id_lookup_gives_the_first_answer() {
    turns_red(
        Guard::EventIdLookup,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            let crash = Fault::Crash(When::After, Scope::Process);
            world
                .faults
                .arm(trigger_at(API, Port::Log, "append"), crash);
            let data = json!({"sku": "q", "price": 1});
            shop.send_accepted("q", change("main", creation("Product", data))?)
                .await?;
            Ok(())
        },
    );
}

/// Two apis, each of which knows what the other appended only when it looks.
fn with_two_apis() -> Setup {
    // A hint would make it look, and hints get lost.
    let mut setup = Setup {
        deaf: true,
        ..Setup::default()
    };
    setup.nodes.push(SECOND_API);
    setup
}

/// One api creates a class, and sleeps before the registry has it; the other one, which has had the
/// database open, is sent an instance of it.
async fn class_of_another_api(world: Arc<World>, answers: Answers) -> anyhow::Result<()> {
    let shop = shop(&world, &answers).await?;
    let other = Client::new(&world, SECOND_API.number, "shop", &answers)?;
    let data = json!({"sku": "q", "price": 1});
    other
        .send_accepted("q", change("main", creation("Product", data))?)
        .await?;
    world.settle_with_faults().await?;
    world
        .faults
        .arm(trigger_at(API, Port::Model, "advance"), Fault::Pause);
    let class = create_class("main", supplier_class())?;
    shop.send_accepted("Supplier", class).await?;
    wait_struck(&world).await?;
    let data = json!({"supplier_id": "s"});
    other
        .send_accepted("s", change("main", creation("Supplier", data))?)
        .await?;
    world.faults.set_life(API, Life::Running);
    Ok(())
}

/// A writer that has not read the tail refuses the instance.
#[test]
fn tail_before_refusal_shows_what_another_api_appended() {
    let setup = with_two_apis();
    turns_red(Guard::TailBeforeRefusal, &setup, class_of_another_api);
}

/// A writer that takes the log's end from a cache finds no tail to read, and refuses the instance.
#[test]
fn a_fresh_end_shows_what_a_cached_one_hides() {
    let setup = with_two_apis();
    turns_red(Guard::FreshEnd, &setup, class_of_another_api);
}

/// The registry is lost between a writer's check and its advance.
#[test]
fn registry_position_keeps_the_write_model_whole() {
    turns_red(
        Guard::RegistryPosition,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            world.settle_with_faults().await?;
            world
                .faults
                .arm(trigger_at(API, Port::Model, "advance"), Fault::Pause);
            reprice(&shop, "main", 2, 1).await?;
            wait_struck(&world).await?;
            world.wipe_registry()?;
            world.faults.set_life(API, Life::Running);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        },
    );
}

/// An instance that was deleted on a branch must not show through from the parent.
#[test]
fn tombstones_hide_the_parents_entities() {
    turns_red(
        Guard::Tombstones,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            shop.send_accepted("twig", create_branch("twig", "main")?)
                .await?;
            let gone = deletion("Product", "p", Sequence(1))?;
            shop.send_accepted("gone", change("twig", gone)?).await?;
            Ok(())
        },
    );
}

/// A version that a branch still shows must not disappear when its parent changes.
#[test]
fn superseded_versions_keep_the_branch_as_it_was() {
    turns_red(
        Guard::SupersededVersions,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            shop.send_accepted("twig", create_branch("twig", "main")?)
                .await?;
            reprice(&shop, "main", 2, 1).await
        },
    );
}

/// A new branch with the same name is another branch.
#[test]
fn generations_separate_reused_names() {
    turns_red(
        Guard::Generations,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            shop.send_accepted("twig", create_branch("twig", "main")?)
                .await?;
            reprice(&shop, "twig", 2, 1).await?;
            shop.send_accepted("twig off", delete_branch("twig")?)
                .await?;
            shop.send_accepted("twig on", create_branch("twig", "main")?)
                .await?;
            Ok(())
        },
    );
}

/// Restarts everything, like a restart of the machine.
fn restart(world: &World) {
    world.bus.put(LocalBus::new());
    for node in &world.setup.nodes {
        world.start_node(*node);
    }
}

/// The log is restored from an older copy and grows again, longer than it was; then the registry
/// that knew the first one comes back.
#[test]
fn anchor_protects_a_registry_from_the_log_of_another() {
    turns_red(
        Guard::Anchor,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            world.settle_with_faults().await?;
            let log: StreamId = "shop".parse()?;
            let older = world.log.lines(&log);
            let once = patch("Product", "p", json!({"price": 2}), Sequence(1))?;
            let lost = shop.send_once(shop.command_id("lost"), change("main", once)?);
            anyhow::ensure!(lost.await?.is_ok());
            world.settle_with_faults().await?;
            let seen = (*world.registry.get()).clone();

            world.log.put(&log, older);
            world.wipe_registry()?;
            world.wipe_graph()?;
            world.wipe_documents()?;
            restart(&world);
            reprice(&shop, "main", 7, 1).await?;
            let data = json!({"sku": "q", "price": 1});
            shop.send_accepted("q", change("main", creation("Product", data))?)
                .await?;
            world.settle_with_faults().await?;

            world.registry.put(seen);
            restart(&world);
            let next = patch("Product", "q", json!({"price": 3}), Sequence(1))?;
            let id = shop.command_id("next");
            if let Err(refusal) = shop.send_once(id, change("main", next)?).await? {
                // It is reported; a person provides the right registry, or none.
                let reason = refusal.detail.get("reason");
                anyhow::ensure!(reason == Some(&"log_diverged".into()), "{refusal}");
                world.wipe_registry()?;
                restart(&world);
            }
            Ok(())
        },
    );
}

/// A line in the middle of the log is changed, and the registry is rebuilt from it.
#[test]
fn chain_prevents_reading_a_changed_log() {
    turns_red(
        Guard::Chain,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            reprice(&shop, "main", 2, 1).await?;
            world.settle_with_faults().await?;
            let log: StreamId = "shop".parse()?;
            let whole = world.log.lines(&log);
            let changed = |line: &Bytes| {
                let text = String::from_utf8_lossy(line);
                text.replace("\"price\":1", "\"price\":5").into()
            };
            world.log.put(&log, whole.iter().map(changed).collect());
            anyhow::ensure!(world.log.lines(&log) != whole);
            world.wipe_registry()?;
            world.wipe_graph()?;
            world.wipe_documents()?;
            restart(&world);
            let data = json!({"sku": "q", "price": 1});
            let action = change("main", creation("Product", data))?;
            let answer = shop.send_once(shop.command_id("q"), action).await?;
            if let Err(refusal) = answer {
                let reason = refusal.detail.get("reason");
                anyhow::ensure!(reason == Some(&"chain_broken".into()), "{refusal}");
            }
            world.log.put(&log, whole);
            restart(&world);
            Ok(())
        },
    );
}

#[test]
fn every_guard_has_a_scenario() {
    let here = include_str!("guards.rs");
    for guard in Guard::ALL {
        assert!(
            here.contains(&format!("Guard::{guard:?},")),
            "{guard:?} has no scenario"
        );
    }
}

/// The log has the content that the scenarios expect.
#[test]
fn the_shop_stands() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        shop(&world, &answers).await?;
        let streams = world.log.streams().await?;
        anyhow::ensure!(streams.len() == 1);
        Ok(())
    });
    let wrong = outcome.expect("it runs").verdict.wrong;
    assert!(wrong.is_empty(), "{wrong:#?}");
}
