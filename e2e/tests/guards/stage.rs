//! What the scenarios share: a database `shop` with one product, faults, and the verdict without a
//! guard.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use spice_core::{
    guard::{Guard, Guards},
    id::Sequence,
};
use spice_e2e::sim::{
    client::{
        Answers, Client, change, create_class, create_database, creation, patch, product_class,
    },
    faults::{Node, Port, Role, Trigger},
    run,
    world::{Setup, World},
};
use spice_store_local::LocalBus;

pub(crate) const API: Node = node(Role::Api, 0);

pub(crate) const fn node(role: Role, number: u8) -> Node {
    Node { role, number }
}

/// The scenario passes with all guards, and fails without this one.
pub(crate) fn turns_red<F>(guard: Guard, setup: &Setup, play: impl Fn(Arc<World>, Answers) -> F)
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

pub(crate) async fn shop(world: &Arc<World>, answers: &Answers) -> anyhow::Result<Client> {
    let shop = Client::new(world, 0, "shop", answers)?;
    shop.send_accepted("create", create_database()).await?;
    let class = create_class("main", product_class())?;
    shop.send_accepted("Product", class).await?;
    let data = json!({"sku": "p", "price": 1});
    shop.send_accepted("p", change("main", creation("Product", data))?)
        .await?;
    Ok(shop)
}

pub(crate) async fn reprice(
    shop: &Client,
    branch: &str,
    price: u64,
    seen: u64,
) -> anyhow::Result<()> {
    let label = format!("{branch} p at {price}");
    let change_it = patch("Product", "p", json!({"price": price}), Sequence(seen))?;
    shop.send_accepted(&label, change(branch, change_it)?)
        .await?;
    Ok(())
}

pub(crate) async fn wait_struck(world: &World) -> anyhow::Result<()> {
    for _ in 0..100_000 {
        if world.faults.has_struck() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("what was armed never happened")
}

pub(crate) fn trigger_at(node: Node, port: Port, method: &'static str) -> Trigger {
    Trigger {
        node,
        port,
        method,
        skip: 0,
    }
}

/// Restarts everything, like a restart of the machine.
pub(crate) fn restart(world: &World) {
    world.bus.put(LocalBus::new());
    for node in &world.setup.nodes {
        world.start_node(*node);
    }
}
