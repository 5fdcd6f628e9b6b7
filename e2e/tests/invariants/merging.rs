//! Invariants of merging: merge, rebase and rollback change one branch and no other.

use anyhow::ensure;
use spice_core::{command::Strategy, id::Sequence};
use spice_e2e::sim::{
    client::{change, create_branch, deletion, merge, rebase, roll_back},
    faults::{Fault, Life, Port, Role},
    run,
    world::{LEASE, Setup},
};

use crate::{
    projecting::take_pictures,
    shop::{GRAPH, PROJECTION, add, add_roles, open, reprice, require_clean, trigger_at},
};

/// A merge, a rebase and a rollback change one branch: its children, and children of the merged
/// branch, still show the same state.
#[test]
fn branch_is_a_snapshot_under_merges() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        let shop = open(&world, "shop", &answers).await?;
        for sku in ["q", "r"] {
            add(&shop, "main", sku).await?;
        }
        shop.send_accepted("twig", create_branch("twig", "main")?)
            .await?;
        reprice(&shop, "own", ("twig", "p"), 50, 1).await??;
        add(&shop, "twig", "t").await?;
        let gone = deletion("Product", "r", Sequence(1))?;
        shop.send_accepted("r gone", change("twig", gone)?).await?;
        shop.send_accepted("leaf", create_branch("twig/leaf", "twig")?)
            .await?;
        let begun = shop
            .send_accepted("still", create_branch("still", "main")?)
            .await?;
        world.settle_with_faults().await?;
        let bystanders = ["twig/leaf", "still"];
        let before = take_pictures(&world, &bystanders).await?;
        ensure!(before.len() == 7, "{before:?}");
        reprice(&shop, "main moves", ("main", "q"), 9, 1).await??;
        shop.send_accepted("rebase", rebase("twig", "main", Strategy::Fail)?)
            .await?;
        shop.send_accepted("merge", merge("twig", "main", Strategy::Fail)?)
            .await?;
        world.settle_with_faults().await?;
        let both = take_pictures(&world, &["twig", "main"]).await?;
        for sku in ["p", "q", "t"] {
            let of = |branch: &str| {
                let shown = both.get(&(branch.to_owned(), format!("Product/{sku}")));
                shown.and_then(|shown| shown[0].clone().map(|(_, data)| data))
            };
            ensure!(of("twig").is_some() && of("twig") == of("main"), "{both:?}");
        }
        shop.send_accepted("back", roll_back("main", begun.last)?)
            .await?;
        world.settle_with_faults().await?;
        let after = take_pictures(&world, &bystanders).await?;
        ensure!(before == after, "{before:?} became {after:?}");
        Ok(())
    });
    require_clean(outcome);
}

/// Merge, rebase and rollback bring back nothing that was deleted on their target, also with a late
/// worker and repeated deliveries.
#[test]
fn nothing_resurrects_by_merging() {
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
            let begun = add(&shop, "main", "q").await?;
            shop.send_accepted("twig", create_branch("twig", "main")?)
                .await?;
            reprice(&shop, "twig p", ("twig", "p"), 7, 1).await??;
            world.settle_with_faults().await?;
            world
                .faults
                .arm(trigger_at(sleeper, port, "apply"), Fault::Pause);
            for sku in ["p", "q"] {
                let gone = deletion("Product", sku, Sequence(1))?;
                let label = format!("{sku} gone");
                shop.send_accepted(&label, change("main", gone)?).await?;
            }
            let taken = merge("twig", "main", Strategy::Theirs)?;
            shop.send_accepted("merge", taken).await?;
            shop.send_accepted("back", roll_back("main", begun.last)?)
                .await?;
            shop.send_accepted("rebase", rebase("twig", "main", Strategy::Theirs)?)
                .await?;
            tokio::time::sleep(LEASE * 3).await;
            world.faults.set_life(sleeper, Life::Running);
            world.settle_with_faults().await?;
            let shown = take_pictures(&world, &["main"]).await?;
            let live = shown.values().any(|shown| {
                let data = shown[0].as_ref().map(|(_, data)| data);
                data.is_some_and(|data| !data.is_null())
            });
            ensure!(!live, "{shown:?}");
            Ok(())
        });
        require_clean(outcome);
    }
}
