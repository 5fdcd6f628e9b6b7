//! Guards of the workers and their sinks: late workers, restored stores.

use std::time::Duration;

use serde_json::json;
use spice_core::{guard::Guard, id::InstanceRef, port::graph::Entity};
use spice_e2e::sim::{
    client::{change, creation},
    faults::{Fault, Life, Node, Port, Role},
    world::{LEASE, Setup, World},
};
use spice_store_sqlite::{Location, Mode, SqliteGraph};

use super::stage::{node, reprice, shop, trigger_at, turns_red, wait_struck};

const PROJECTION: Node = node(Role::Projection, 0);
const SECOND_PROJECTION: Node = node(Role::Projection, 1);

fn with_two_projections() -> Setup {
    let mut setup = Setup {
        one_process: false,
        ..Setup::default()
    };
    setup.nodes.push(SECOND_PROJECTION);
    setup
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
