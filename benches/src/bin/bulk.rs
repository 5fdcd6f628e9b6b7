//! Bulk-create of 1,000 instances until projected in graph and documents, in instances per second;
//! then a rebuild of all projections from the log, memory and CPU when idle, the creation of a
//! branch, and 2-hop graph queries.
//!
//! `cargo run --release -p spice-benches --bin bulk [-- --instances 100000]`

use std::time::Duration;

use anyhow::ensure;
use clap::Parser;
use serde_json::{Value, json};
use spice_benches::{
    load,
    node::{Node, binary, folder, product},
    report::{line, millis, percentile, rate},
};
use tokio::time::Instant;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 100_000)]
    instances: u64,
    #[arg(long, default_value_t = 20_000)]
    queries: u64,
}

const ROWS: u64 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = folder()?;
    let node = Node::start(folder.path()).await?;
    line(format!("ready after {}", millis(node.start_time)))?;
    node.create_schema().await?;
    fill(&node, options.instances).await?;
    branch(&node).await?;
    query(&node, options.instances, options.queries).await?;
    wait_idle(&node).await?;
    line(format!("SIGTERM to end: {}", millis(node.end().await?)))?;
    rebuild(&folder.path().join("data")).await?;
    let node = Node::start(folder.path()).await?;
    line(format!(
        "ready again on all of it after {}",
        millis(node.start_time)
    ))?;
    node.end().await?;
    Ok(())
}

async fn fill(node: &Node, instances: u64) -> anyhow::Result<()> {
    let customers: Vec<Value> = (0..1_000)
        .map(|n| json!({"customer_id": format!("customer-{n}"), "name": format!("Customer {n}")}))
        .collect();
    let path = "/databases/bench/instances/Customer/bulk-create";
    node.post(path, &json!({"instances": customers})).await?;
    let bodies = move |kind: fn(u64) -> Value| {
        move |call: u64| {
            let rows: Vec<Value> = (call * ROWS..(call + 1) * ROWS).map(kind).collect();
            json!({"instances": rows}).to_string()
        }
    };
    let started = Instant::now();
    let path = "/api/v1/databases/bench/instances/Product/bulk-create";
    let calls = (instances / ROWS).max(1);
    load::run(&node.gateway, path, 4, calls - 1, 202, bodies(product))
        .await?
        .require_success()?;
    let accepted = started.elapsed();
    // The last call waits until its effect is visible, and with it everything before.
    let last: Value = serde_json::from_str(&bodies(product)(calls - 1))?;
    node.post("/databases/bench/instances/Product/bulk-create", &last)
        .await?;
    let projected = started.elapsed();
    line(format!(
        "bulk-create of 1,000: accepted {:.0} instances/s, projected in graph and documents {:.0}/s (aim: 10000/s)",
        rate((calls - 1) * ROWS, accepted),
        rate(calls * ROWS, projected),
    ))?;
    let order = |n: u64| {
        json!({"order_id": format!("order-{n}"), "quantity": 1,
        "of_product": format!("Product/product-{n}")})
    };
    let path = "/api/v1/databases/bench/instances/Order/bulk-create";
    load::run(&node.gateway, path, 4, 20, 202, bodies(order))
        .await?
        .require_success()?;
    Ok(())
}

async fn branch(node: &Node) -> anyhow::Result<()> {
    let size = || -> anyhow::Result<u64> {
        let mut bytes = 0;
        let mut folders = vec![node.folder().join("log")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                match entry.metadata() {
                    Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                    Ok(meta) => bytes += meta.len(),
                    Err(_) => {}
                }
            }
        }
        Ok(bytes)
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = size()?;
    let mut times = Vec::new();
    for number in 0..20 {
        let started = Instant::now();
        let body = json!({"name": format!("what-if-{number}")}).to_string();
        let mut connection = load::Connection::open(&node.gateway).await?;
        let (status, text) = connection
            .post("/api/v1/databases/bench/branches", &body)
            .await?;
        ensure!(status == 200, "{status}: {text}");
        times.push(started.elapsed());
    }
    let grown = size()?.saturating_sub(before) / 20;
    line(format!(
        "a branch: p50 {}, at most {} (aim: 5 ms), {grown} bytes of log (aim: 1024)",
        millis(percentile(&mut times, 0.5)),
        millis(percentile(&mut times, 1.0)),
    ))?;
    Ok(())
}

async fn query(node: &Node, instances: u64, queries: u64) -> anyhow::Result<()> {
    let body = move |n: u64| {
        json!({
            "start_class": "Order",
            "filters": {"order_id": format!("order-{}", n % 20_000.min(instances))},
            "hops": [
                {"predicate": "of_product", "target_class": "Product"},
                {"predicate": "owned_by", "target_class": "Customer"},
            ],
            "limit": 10,
        })
        .to_string()
    };
    let page = |n: u64| {
        json!({
            "start_class": "Order",
            "offset": n % 100,
            "hops": [
                {"predicate": "of_product", "target_class": "Product"},
                {"predicate": "owned_by", "target_class": "Customer"},
            ],
            "limit": 10,
        })
        .to_string()
    };
    let path = "/api/v1/graph-query/bench";
    let one = load::run(&node.gateway, path, 8, queries, 200, body)
        .await?
        .require_success()?;
    report("2-hop graph-query from one start node", one)?;
    let ten = load::run(&node.gateway, path, 8, queries / 4, 200, page)
        .await?
        .require_success()?;
    report("2-hop graph-query from a page of ten start nodes", ten)
}

fn report(what: &str, mut outcome: load::Outcome) -> anyhow::Result<()> {
    line(format!(
        "{what}, 8 clients: {:.0}/s, p99 {} (aim: 1500/s, 20 ms)",
        rate(outcome.good, outcome.elapsed),
        millis(percentile(&mut outcome.latencies, 0.99)),
    ))
}

async fn wait_idle(node: &Node) -> anyhow::Result<()> {
    let (after_load, _) = node.usage()?;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (_, before) = node.usage()?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (memory, after) = node.usage()?;
    line(format!(
        "idle after the load: {memory:.0} MiB ({after_load:.0} at its end), {:.2} % of a core",
        (after - before) * 10.0
    ))?;
    let empty = folder()?;
    let fresh = Node::start(empty.path()).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (_, before) = fresh.usage()?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (memory, after) = fresh.usage()?;
    line(format!(
        "idle, fresh: {memory:.0} MiB (aim: 40), {:.2} % of a core",
        (after - before) * 10.0
    ))?;
    fresh.end().await?;
    Ok(())
}

async fn rebuild(folder: &std::path::Path) -> anyhow::Result<()> {
    let output = tokio::process::Command::new(binary()?)
        .args(["replay", "--data-dir"])
        .arg(folder)
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    line(format!(
        "rebuild of graph and documents from the log: {} (aim: 30000/s)",
        String::from_utf8_lossy(&output.stdout).trim()
    ))?;
    Ok(())
}
