//! Each guard has a scenario: with all guards it passes, without the guard the oracle finds a
//! violation. A guard that no scenario needs should be removed.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test says what it found"
)]

mod guards {
    mod apis;
    mod branches;
    mod logs;
    pub(crate) mod stage;
    mod workers;
}

use guards::stage::shop;
use spice_core::{guard::Guard, port::log::Log};
use spice_e2e::sim::{run, world::Setup};

#[test]
fn every_guard_has_a_scenario() {
    let scenarios = [
        include_str!("guards/apis.rs"),
        include_str!("guards/branches.rs"),
        include_str!("guards/logs.rs"),
        include_str!("guards/workers.rs"),
    ]
    .concat();
    for guard in Guard::ALL {
        assert!(
            scenarios.contains(&format!("Guard::{guard:?},")),
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
