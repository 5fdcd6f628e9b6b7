//! A log that was cut, changed or exchanged is named and refused by every role, and never written
//! to; after it is restored, everything continues.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use bytes::Bytes;
use spice_core::{error::ErrorCode, id::StreamId, port::sink::Sinks};
use spice_e2e::sim::{
    client::{Answers, Client, change, creation},
    run,
    world::{Setup, World},
};
use spice_store_local::LocalBus;

use crate::shop::{add, open, reprice, require_clean, stream};

/// Every node restarts, as after a restart of the machine.
pub(crate) fn restart(world: &World) {
    world.bus.put(LocalBus::new());
    for node in &world.setup.nodes {
        world.start_node(*node);
    }
}

/// What a refused log must not change: the log and the sinks.
async fn read_places(world: &World, log: &StreamId) -> anyhow::Result<(Vec<Bytes>, [String; 2])> {
    let graph = world.graph.get().sink(log).await?;
    let documents = world.documents.get().sink(log).await?;
    let sinks = [format!("{graph:?}"), format!("{documents:?}")];
    Ok((world.log.lines(log), sinks))
}

async fn is_refused(world: &World, client: &Client, reason: &str) -> anyhow::Result<()> {
    let id = client.command_id(&format!("refused as {reason}"));
    let data = serde_json::json!({"sku": "new", "price": 1});
    let action = change("main", creation("Product", data))?;
    let refusal = client.send_once(id, action).await?;
    let Err(refusal) = refusal else {
        anyhow::bail!("a log that is {reason} was written to");
    };
    ensure!(refusal.code == ErrorCode::Unavailable, "{refusal}");
    ensure!(
        refusal.detail.get("reason") == Some(&reason.into()),
        "{refusal}"
    );
    // By then the workers have checked it and reported.
    tokio::time::sleep(Duration::from_mins(2)).await;
    let statuses = world.statuses();
    let matching = statuses.iter().filter(|status| status.contains(reason));
    ensure!(matching.count() == 3, "{statuses:#?}");
    Ok(())
}

/// A restart refuses a log for a reason, and writes nothing.
async fn restart_is_refused(
    world: &World,
    client: &Client,
    log: &StreamId,
    reason: &'static str,
) -> anyhow::Result<()> {
    let before = read_places(world, log).await?;
    restart(world);
    is_refused(world, client, reason).await?;
    ensure!(
        read_places(world, log).await? == before,
        "something was written"
    );
    Ok(())
}

#[test]
fn truncation_is_refused() {
    let setup = Setup::default();
    let outcome = run::scenario(setup, |world: Arc<World>, answers: Answers| async move {
        let client = open(&world, "shop", &answers).await?;
        for sku in ["q", "r"] {
            add(&client, "main", sku).await?;
        }
        reprice(&client, "dearer", ("main", "q"), 9, 1).await?.ok();
        world.settle_with_faults().await?;
        let log = stream("shop")?;
        let whole = world.log.lines(&log);
        let mut changed = whole.clone();
        if let Some(last) = changed.last_mut() {
            let text = String::from_utf8_lossy(last).replacen("\"sim\"", "\"xyz\"", 1);
            *last = text.into();
        }
        ensure!(changed != whole);
        for (lines, reason) in [
            (whole[..whole.len() - 2].to_vec(), "log_truncated"),
            (changed, "log_diverged"),
        ] {
            world.log.put(&log, lines);
            restart_is_refused(&world, &client, &log, reason).await?;
            world.log.put(&log, whole.clone());
            restart(&world);
        }
        add(&client, "main", "s").await?;
        Ok(())
    });
    require_clean(outcome);
}

/// A deleted registry does not make a shortened log valid: the sinks are ahead of it, and are not
/// considered done.
#[test]
fn a_sink_ahead_of_its_log_is_refused() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        let client = open(&world, "shop", &answers).await?;
        world.settle_with_faults().await?;
        let log = stream("shop")?;
        let whole = world.log.lines(&log);
        world.log.put(&log, whole[..whole.len() - 2].to_vec());
        world.wipe_registry()?;
        restart_is_refused(&world, &client, &log, "log_truncated").await?;
        world.log.put(&log, whole);
        world.wipe_registry()?;
        restart(&world);
        add(&client, "main", "s").await?;
        Ok(())
    });
    require_clean(outcome);
}

/// Log and registry are restored from one older copy, or the log of another run comes without a
/// registry: only the sinks know it. One of them is enough.
#[test]
fn sinks_know_a_log_that_the_registry_does_not() {
    for (exchanged, wiped) in [(false, "graph"), (false, "documents"), (true, "graph")] {
        let outcome = run::scenario(Setup::default(), move |world, answers| async move {
            let client = open(&world, "shop", &answers).await?;
            world.settle_with_faults().await?;
            let log = stream("shop")?;
            let (older, then) = (world.log.lines(&log), (*world.registry.get()).clone());
            // Another registry is used from here on.
            world.wipe_registry()?;
            restart(&world);
            add(&client, "main", "r").await?;
            world.settle_with_faults().await?;
            let (whole, now) = (world.log.lines(&log), (*world.registry.get()).clone());
            let reason = if exchanged {
                let mut other = whole.clone();
                if let Some(last) = other.last_mut() {
                    let text = String::from_utf8_lossy(last).replacen("\"sim\"", "\"xyz\"", 1);
                    *last = text.into();
                }
                world.log.put(&log, other);
                world.wipe_registry()?;
                "log_diverged"
            } else {
                world.log.put(&log, older);
                world.registry.put(then);
                "log_truncated"
            };
            if wiped == "graph" {
                world.wipe_graph()?;
            } else {
                world.wipe_documents()?;
            }
            restart_is_refused(&world, &client, &log, reason).await?;
            world.log.put(&log, whole);
            world.registry.put(now);
            restart(&world);
            add(&client, "main", "s").await?;
            Ok(())
        });
        require_clean(outcome);
    }
}
