//! Guards of branches: what was deleted or superseded there, and reused names.

use spice_core::{guard::Guard, id::Sequence};
use spice_e2e::sim::{
    client::{change, create_branch, delete_branch, deletion},
    world::Setup,
};

use super::stage::{reprice, shop, turns_red};

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
