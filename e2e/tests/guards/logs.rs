//! Guards of the log: another log under the same registry, and a changed line.

use bytes::Bytes;
use serde_json::json;
use spice_core::{
    guard::Guard,
    id::{Sequence, StreamId},
};
use spice_e2e::sim::{
    client::{change, creation, patch},
    world::Setup,
};

use super::stage::{reprice, restart, shop, turns_red};

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
