//! A diff of a branch with few changes, on few and on many instances. Then a merge of many changed
//! aggregates, compared with a transaction of the same changes.
//!
//! `cargo run --release -p spice-benches --bin merge [-- --instances 100000]`

use std::time::Duration;

use anyhow::ensure;
use clap::Parser;
use serde_json::{Value, json};
use spice_benches::{
    load,
    node::{Node, folder, product},
    report::{line, millis, percentile},
};
use tokio::time::Instant;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 100_000)]
    instances: u64,
    #[arg(long, default_value_t = 1_000)]
    few: u64,
    #[arg(long, default_value_t = 100)]
    changes: u64,
    #[arg(long, default_value_t = 10_000)]
    merged: u64,
    #[arg(long, default_value_t = 1_000)]
    diffs: usize,
}

const ROWS: u64 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let few = diff(&options, options.few, false).await?;
    let many = diff(&options, options.instances, true).await?;
    line(format!(
        "diff on {} beside {} instances: {:.2} x",
        options.instances,
        options.few,
        many.as_secs_f64() / few.as_secs_f64()
    ))
}

/// The 99th percentile of the time of a diff on this number of instances; then the merge, if
/// requested.
async fn diff(options: &Options, instances: u64, then_merge: bool) -> anyhow::Result<Duration> {
    let folder = folder()?;
    let node = Node::start(folder.path()).await?;
    node.create_schema().await?;
    fill(&node, instances).await?;
    branch(&node, "few").await?;
    let changed: Vec<u64> = spread_numbers(instances, options.changes);
    change(&node, "few", &changed, 1, "few").await?;
    let mut times = Vec::with_capacity(options.diffs);
    for _ in 0..options.diffs {
        let started = Instant::now();
        let diff = node.get("/databases/bench/branches/few/diff").await?;
        times.push(started.elapsed());
        ensure!(diff["summary"]["modified"] == options.changes, "{diff}");
    }
    let p99 = percentile(&mut times, 0.99);
    line(format!(
        "diff of {} changes on {instances} instances: p50 {}, p99 {} (aim: 50 ms)",
        options.changes,
        millis(percentile(&mut times, 0.5)),
        millis(p99),
    ))?;
    if then_merge {
        merge(&node, options, instances).await?;
    }
    node.end().await?;
    Ok(p99)
}

async fn merge(node: &Node, options: &Options, instances: u64) -> anyhow::Result<()> {
    let changed = spread_numbers(instances, options.merged.min(instances));
    branch(node, "wide").await?;
    let written = change(node, "wide", &changed, 1, "wide").await?;
    let path = "/api/v1/databases/bench/branches/wide/merge";
    let mut connection = load::Connection::open(&node.gateway).await?;
    let started = Instant::now();
    let dry = json!({"into": "main", "dry_run": true}).to_string();
    let (status, text) = connection.post(path, &dry).await?;
    let tried = started.elapsed();
    ensure!(status == 200, "{status}: {text}");
    let started = Instant::now();
    let body = json!({"into": "main"}).to_string();
    let (status, text) = connection.post(path, &body).await?;
    let merged = started.elapsed();
    ensure!(status == 200, "{status}: {text}");
    let answer: Value = serde_json::from_str(&text)?;
    let modified = answer["summary"]["modified"].as_u64();
    ensure!(
        modified == Some(changed.len() as u64),
        "{}",
        answer["summary"]
    );
    line(format!(
        "merge of {} changed aggregates: {} (aim: 3 s), its dry run {}; the same as a transaction {}: {:.2} x",
        changed.len(),
        millis(merged),
        millis(tried),
        millis(written),
        merged.as_secs_f64() / written.as_secs_f64(),
    ))
}

async fn fill(node: &Node, instances: u64) -> anyhow::Result<()> {
    let path = "/databases/bench/instances/Product/bulk-create";
    for call in 0..instances.div_ceil(ROWS) {
        let last = ((call + 1) * ROWS).min(instances);
        let rows: Vec<Value> = (call * ROWS..last).map(product).collect();
        node.post(path, &json!({"instances": rows})).await?;
    }
    Ok(())
}

async fn branch(node: &Node, name: &str) -> anyhow::Result<()> {
    let body = json!({"name": name});
    node.post("/databases/bench/branches", &body).await?;
    Ok(())
}

/// Numbers over the whole range.
fn spread_numbers(instances: u64, count: u64) -> Vec<u64> {
    let count = count.min(instances);
    (0..count)
        .map(|number| number * instances / count)
        .collect()
}

/// Changes products in one transaction; returns the time until it is accepted.
async fn change(
    node: &Node,
    branch: &str,
    products: &[u64],
    seen: u64,
    name: &str,
) -> anyhow::Result<Duration> {
    let commands: Vec<Value> = products
        .iter()
        .map(|number| {
            json!({
                "type": "UPDATE_INSTANCE", "class": "Product", "id": format!("product-{number}"),
                "data": {"name": format!("{name} {number}")}, "expected_seq": seen,
            })
        })
        .collect();
    let body = json!({"commands": commands}).to_string();
    let path = format!("/api/v1/databases/bench/transactions?branch={branch}");
    let mut connection = load::Connection::open(&node.gateway).await?;
    let started = Instant::now();
    let (status, text) = connection.post(&path, &body).await?;
    ensure!(status == 202, "{status}: {text}");
    Ok(started.elapsed())
}
