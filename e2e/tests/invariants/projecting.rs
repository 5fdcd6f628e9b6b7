//! Invariants of projecting: workers, sinks, branches, rebuilds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use serde_json::Value;
use spice_core::{
    error::ErrorCode,
    id::Sequence,
    lineage::View,
    port::{graph::Entity, log::Log, registry::WorkerRegistry, sink::Sinks},
};
use spice_e2e::sim::{
    client::{change, create_branch, create_database, delete_branch, delete_database, deletion},
    faults::{Fault, Life, Planned, Port, Role, Scope, When},
    fold::Story,
    run, scenario,
    world::{LEASE, Setup, World},
};

use crate::shop::{
    API, GRAPH, PROJECTION, add, add_roles, main_of, open, product, read_product, reprice,
    require_clean, stream, trigger_at,
};

/// Deliveries are repeated and reordered from the start, and a worker stops after each of its
/// writes: still each version is in the graph once, and each event is recorded once.
#[test]
fn one_effect_per_event() {
    for role in [Role::Graph, Role::Projection] {
        for method in ["apply", "record", "commit"] {
            let disorder = Planned {
                at: 0,
                fault: Fault::Disorder,
            };
            let setup = Setup {
                plan: vec![disorder],
                one_process: false,
                ..Setup::default()
            };
            let outcome = run::scenario(setup, |world, answers| async move {
                for (port, skip) in [Port::Graph, Port::Documents, Port::Work, Port::Bus]
                    .into_iter()
                    .flat_map(|port| [1, 3, 6].map(|skip| (port, skip)))
                {
                    let mut trigger = trigger_at(crate::shop::node(role, 0), port, method);
                    trigger.skip = skip;
                    world
                        .faults
                        .arm(trigger, Fault::Crash(When::After, Scope::Caller));
                }
                scenario::standard(&world, &answers).await
            });
            require_clean(outcome);
        }
    }
}

/// An observer reads all the time; a worker sleeps through its lease and wakes.
#[test]
fn sequence_never_goes_back() {
    let outcome = run::scenario(
        add_roles(&[Role::Graph, Role::Projection]),
        |world, answers| async move {
            world.faults.strike_next(Fault::Disorder);
            let shop = open(&world, "shop", &answers).await?;
            let witness = tokio::spawn(watch(Arc::clone(&world)));
            for sequence in 1..8 {
                let label = format!("step {sequence}");
                if sequence == 3 {
                    for sleeper in [GRAPH, PROJECTION] {
                        let port = if sleeper == GRAPH {
                            Port::Graph
                        } else {
                            Port::Documents
                        };
                        world
                            .faults
                            .arm(trigger_at(sleeper, port, "apply"), Fault::Pause);
                    }
                }
                reprice(&shop, &label, ("main", "p"), sequence, sequence).await??;
                tokio::time::sleep(LEASE / 2).await;
            }
            for sleeper in [GRAPH, PROJECTION] {
                world.faults.set_life(sleeper, Life::Running);
            }
            tokio::time::sleep(LEASE * 2).await;
            witness.abort();
            match witness.await {
                Ok(found) => found,
                Err(ended) if ended.is_cancelled() => Ok(()),
                Err(ended) => Err(ended.into()),
            }
        },
    );
    require_clean(outcome);
}

async fn watch(world: Arc<World>) -> anyhow::Result<()> {
    let view = main_of("shop")?;
    let mut last = [0, 0];
    loop {
        let shown = read_product(&world, &view, "p").await?;
        for (last, shown) in last.iter_mut().zip(shown) {
            let sequence = shown.map_or(0, |(sequence, _)| sequence);
            ensure!(*last <= sequence, "from {last} back to {sequence}");
            *last = sequence;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// Delete any of registry, graph and documents, together or alone, under running workers or with a
/// restart: the rebuilt state is the same.
#[test]
fn rebuild_equals_live() {
    let base = require_clean(run::standard(Setup::default()));
    for wiped in 1..8_u8 {
        for restart in [false, true] {
            let outcome = run::scenario(Setup::default(), |world, answers| async move {
                scenario::standard(&world, &answers).await?;
                world.settle_with_faults().await?;
                if wiped & 1 > 0 {
                    world.wipe_registry()?;
                }
                if wiped & 2 > 0 {
                    world.wipe_graph()?;
                }
                if wiped & 4 > 0 {
                    world.wipe_documents()?;
                }
                if !restart {
                    // The workers of live logs notice it; those of a sealed log have ended, and
                    // check at the next start.
                    tokio::time::sleep(LEASE).await;
                    for name in ["alpha", "beta.g2"] {
                        check_filled(&world, name).await?;
                    }
                }
                world
                    .faults
                    .strike_next(Fault::Crash(When::Before, Scope::Process));
                tokio::time::sleep(LEASE).await;
                Ok(())
            });
            let outcome = require_clean(outcome);
            assert_eq!(outcome.verdict.state, base.verdict.state, "wiped {wiped}");
        }
    }
}

async fn check_filled(world: &World, name: &str) -> anyhow::Result<()> {
    let stream = stream(name)?;
    let end = world.log.end(&stream).await?;
    let graph = world.graph.get().sink(&stream).await?.position;
    let documents = world.documents.get().sink(&stream).await?.position;
    ensure!(
        graph == end && documents == end,
        "{name}: {graph}, {documents} of {end}"
    );
    Ok(())
}

/// A branch always shows the state of its creation, whatever its parents do.
#[test]
fn branch_is_a_snapshot() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        let shop = open(&world, "shop", &answers).await?;
        for sku in ["q", "r", "s"] {
            add(&shop, "main", sku).await?;
        }
        shop.send_accepted("twig", create_branch("twig", "main")?)
            .await?;
        reprice(&shop, "own", ("twig", "r"), 50, 1).await??;
        shop.send_accepted("deep", create_branch("twig/deep", "twig")?)
            .await?;
        world.settle_with_faults().await?;
        let before = take_pictures(&world, &["twig/deep"]).await?;
        ensure!(before.len() == 4);
        for (label, branch, sku, seen) in [
            ("1", "main", "p", 1),
            ("2", "main", "p", 2),
            ("3", "main", "r", 1),
            ("4", "twig", "r", 2),
            ("5", "twig", "q", 1),
        ] {
            reprice(&shop, label, (branch, sku), 99, seen).await??;
        }
        let gone = deletion("Product", "s", Sequence(1))?;
        shop.send_accepted("s gone", change("main", gone)?).await?;
        let gone = deletion("Product", "q", Sequence(2))?;
        shop.send_accepted("q gone", change("twig", gone)?).await?;
        add(&shop, "main", "t").await?;
        add(&shop, "twig", "t").await?;
        world.settle_with_faults().await?;
        let after = take_pictures(&world, &["twig/deep"]).await?;
        ensure!(before == after, "{before:?} became {after:?}");
        Ok(())
    });
    require_clean(outcome);
}

pub(crate) type Pictures = BTreeMap<(String, String), [Option<(u64, Value)>; 2]>;

/// The visible state in graph and documents on these branches, for everything that exists in
/// either.
pub(crate) async fn take_pictures(world: &World, branches: &[&str]) -> anyhow::Result<Pictures> {
    let story = Story::read(&world.log, &stream("shop")?)?;
    let mut pictures = BTreeMap::new();
    for branch in branches {
        let (_, lineage) = story.branches.get(&branch.parse()?).context("no branch")?;
        let view = View {
            stream: stream("shop")?,
            lineage: lineage.clone(),
        };
        for entity in story.entities() {
            let Entity::Instance(instance) = entity else {
                continue;
            };
            let shown = read_product(world, &view, instance.id.as_str()).await?;
            ensure!(shown[0] == shown[1], "{instance} on {branch}: {shown:?}");
            if shown[0].is_some() {
                pictures.insert(((*branch).to_owned(), instance.to_string()), shown);
            }
        }
    }
    Ok(pictures)
}

/// Names are reused while a worker still has events of the old ones; deliveries repeat. What was
/// deleted stays deleted.
#[test]
fn nothing_resurrects() {
    for sleeper in [GRAPH, PROJECTION] {
        let setup = add_roles(&[Role::Graph, Role::Projection]);
        let outcome = run::scenario(setup, |world, answers| async move {
            world.faults.strike_next(Fault::Disorder);
            let port = if sleeper == GRAPH {
                Port::Graph
            } else {
                Port::Documents
            };
            let shop = open(&world, "shop", &answers).await?;
            world.settle_with_faults().await?;
            shop.send_accepted("twig", create_branch("twig", "main")?)
                .await?;
            world
                .faults
                .arm(trigger_at(sleeper, port, "apply"), Fault::Pause);
            reprice(&shop, "old twig", ("twig", "p"), 7, 1).await??;
            add(&shop, "twig", "q").await?;
            let gone = deletion("Product", "p", Sequence(1))?;
            shop.send_accepted("p gone", change("main", gone)?).await?;
            shop.send_accepted("off", delete_branch("twig")?).await?;
            shop.send_accepted("on", create_branch("twig", "main")?)
                .await?;
            tokio::time::sleep(LEASE * 3).await;
            world.faults.set_life(sleeper, Life::Running);
            tokio::time::sleep(LEASE).await;
            let again =
                spice_e2e::sim::client::creation("Product", serde_json::json!({"sku": "p"}));
            let refused = change("twig", again)?;
            shop.send_refused("p again", refused, ErrorCode::Deleted)
                .await?;
            shop.send_accepted("delete", delete_database(Sequence(1)))
                .await?;
            shop.send_accepted("create again", create_database())
                .await?;
            Ok(())
        });
        require_clean(outcome);
    }
}

/// An unavailable store means an answer that says so, or a waiting worker; then everything
/// continues.
#[test]
fn outage_is_told() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        let shop = open(&world, "shop", &answers).await?;
        world.settle_with_faults().await?;
        world
            .faults
            .arm(trigger_at(API, Port::Log, "append"), Fault::Away(3));
        let once = change(
            "main",
            spice_e2e::sim::client::creation("Product", serde_json::json!({"sku": "once"})),
        )?;
        let answer = shop.send_once(shop.command_id("once"), once).await?;
        let refusal = answer.err().context("an outage was hidden")?;
        ensure!(refusal.code == ErrorCode::Unavailable, "{refusal:?}");
        ensure!(refusal.code.http_status() == 503);
        for (worker, port) in [(GRAPH, Port::Graph), (PROJECTION, Port::Documents)] {
            world
                .faults
                .arm(trigger_at(worker, port, "apply"), Fault::Away(120));
        }
        let receipt = add(&shop, "main", "q").await?;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let statuses = world.statuses();
        let paused = statuses.iter().filter(|status| status.contains("Paused"));
        ensure!(paused.count() == 2, "{statuses:?}");
        ensure!(receipt.sequence == Some(Sequence(1)));
        let shown = read_product(&world, &main_of("shop")?, "q").await?;
        ensure!(shown == [None, None], "{shown:?}");
        world.settle_with_faults().await?;
        let shown = read_product(&world, &main_of("shop")?, "q").await?;
        ensure!(shown[0].is_some() && shown[0] == shown[1], "{shown:?}");
        Ok(())
    });
    require_clean(outcome);
}

/// One sink refuses one aggregate: it is parked there, in order; everything else continues, and
/// after the sink is repaired a retry drains it.
#[test]
fn poison_parks_its_aggregate_only() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        let shop = open(&world, "shop", &answers).await?;
        world.poison.put(Entity::Instance(product("bad")?));
        add(&shop, "main", "bad").await?;
        reprice(&shop, "bad 2", ("main", "bad"), 2, 1).await??;
        reprice(&shop, "good 2", ("main", "p"), 2, 1).await??;
        reprice(&shop, "bad 3", ("main", "bad"), 3, 2).await??;
        add(&shop, "main", "good").await?;
        world.settle_with_faults().await?;
        let letters = list_parked(&world).await?;
        ensure!(letters.len() == 3, "{letters:?}");
        ensure!(
            letters[0].1 == "permanent" && letters[1].1 == "behind" && letters[2].1 == "behind"
        );
        ensure!(letters.is_sorted_by_key(|letter| letter.2));
        let view = main_of("shop")?;
        let bad = read_product(&world, &view, "bad").await?;
        ensure!(bad[0].as_ref().is_some_and(|(sequence, _)| *sequence == 3) && bad[1].is_none());
        let good = read_product(&world, &view, "p").await?;
        ensure!(good[0] == good[1] && good[1].as_ref().is_some_and(|(sequence, _)| *sequence == 2));
        ensure!(read_product(&world, &view, "good").await?[1].is_some());
        retry_letters(&world, &letters[0].0).await?;
        let letters = list_parked(&world).await?;
        ensure!(letters.is_empty(), "{letters:?}");
        let bad = read_product(&world, &view, "bad").await?;
        ensure!(bad[0] == bad[1] && bad[1].as_ref().is_some_and(|(sequence, _)| *sequence == 3));
        Ok(())
    });
    require_clean(outcome);
}

async fn retry_letters(world: &World, handler: &str) -> anyhow::Result<()> {
    let registry = world.registry.get();
    let aggregate = "shop:main:Product:bad";
    // Still refused: it is parked again.
    registry
        .request_retry(handler, &stream("shop")?, aggregate)
        .await?;
    world.faults.touch();
    tokio::time::sleep(LEASE).await;
    ensure!(list_parked(world).await?.len() == 3);
    world.poison.lift();
    registry
        .request_retry(handler, &stream("shop")?, aggregate)
        .await?;
    world.faults.touch();
    tokio::time::sleep(LEASE).await;
    Ok(())
}

/// Handler, class and position of each dead letter.
async fn list_parked(world: &World) -> anyhow::Result<Vec<(String, String, u64)>> {
    let letters = world.registry.get().dead_letters(None).await?;
    Ok(letters
        .into_iter()
        .map(|letter| (letter.handler, letter.class, letter.position.0))
        .collect())
}
