//! Overwrites on `main` until they are visible, without a branch and with many branches that show
//! the overwritten versions.
//!
//! `cargo run --release -p spice-benches --bin branches [-- --branches 20]`

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use serde_json::{Value, json};
use spice_benches::{
    node::{Node, folder, product},
    report::{line, millis, percentile},
};
use tokio::time::Instant;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 20_000)]
    instances: u64,
    /// The number of changes per round, in one transaction.
    #[arg(long, default_value_t = 10_000)]
    overwrites: u64,
    #[arg(long, default_value_t = 20)]
    branches: u64,
    #[arg(long, default_value_t = 5)]
    rounds: u64,
}

const ROWS: u64 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = folder()?;
    let node = Node::start(folder.path()).await?;
    node.create_schema().await?;
    fill(&node, options.instances).await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        without.push(overwrite(&node, &options, 2 * round + 1).await?);
        for number in 0..options.branches {
            let body = json!({"name": format!("branch-{number}")});
            node.post("/databases/bench/branches", &body).await?;
        }
        with.push(overwrite(&node, &options, 2 * round + 2).await?);
        check(&node, 2 * round + 2).await?;
        for number in 0..options.branches {
            let path = format!("/databases/bench/branches/branch-{number}");
            node.delete(&path).await?;
        }
    }
    let (without, with) = (percentile(&mut without, 0.5), percentile(&mut with, 0.5));
    line(format!(
        "{} overwrites on main visible: {} without a branch, {} with {} branches: {:.2} x (aim: 1.3 x)",
        options.overwrites,
        millis(without),
        millis(with),
        options.branches,
        with.as_secs_f64() / without.as_secs_f64(),
    ))?;
    node.end().await?;
    Ok(())
}

async fn fill(node: &Node, instances: u64) -> anyhow::Result<()> {
    let path = "/databases/bench/instances/Product/bulk-create";
    for first in (0..instances).step_by(usize::try_from(ROWS)?) {
        let last = (first + ROWS).min(instances);
        let rows: Vec<Value> = (first..last).map(product).collect();
        node.post(path, &json!({"instances": rows})).await?;
    }
    Ok(())
}

/// Changes products in one transaction; returns the time until the change is visible.
async fn overwrite(node: &Node, options: &Options, seen: u64) -> anyhow::Result<Duration> {
    let count = options.overwrites.min(options.instances);
    let commands: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "type": "UPDATE_INSTANCE", "class": "Product", "id": format!("product-{number}"),
                "data": {"name": format!("Product {number} as of {seen}")}, "expected_seq": seen,
            })
        })
        .collect();
    let body = json!({"commands": commands});
    let started = Instant::now();
    node.post("/databases/bench/transactions", &body).await?;
    Ok(started.elapsed())
}

/// The branches show their state at creation.
async fn check(node: &Node, sequence: u64) -> anyhow::Result<()> {
    let path = "/databases/bench/class/Product/instance/product-0?branch=branch-0";
    let answer = node.get(path).await?;
    let shown = answer["data"]["version"].as_u64();
    anyhow::ensure!(shown.context("no version")? == sequence, "{answer}");
    Ok(())
}
