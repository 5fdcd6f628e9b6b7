//! Accepted commands per second over 64 HTTP connections: single creates, synced to disk,
//! projections running; compared with a handler that only answers.
//!
//! `cargo run --release -p spice-benches --bin accept [-- --commands 100000]`

use axum::{Router, routing::post};
use clap::Parser;
use serde_json::json;
use spice_benches::{
    load,
    node::{Node, folder, product},
    report::{line, millis, percentile, rate},
};

#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 60_000)]
    commands: u64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

fn body(number: u64) -> String {
    json!({"data": product(number)}).to_string()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let path = "/api/v1/databases/bench/instances/Product/create";

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let answer = post(|text: String| async move { (axum::http::StatusCode::ACCEPTED, text) });
    let router = Router::new().route(path, answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut limit = load::run(
        &address,
        path,
        options.connections,
        options.commands,
        202,
        body,
    )
    .await?;
    let limit_rate = rate(limit.good, limit.elapsed);
    line(format!(
        "a handler that only answers: {limit_rate:.0}/s, p99 {}",
        millis(percentile(&mut limit.latencies, 0.99))
    ))?;

    let folder = folder()?;
    let node = Node::start(folder.path()).await?;
    node.create_schema().await?;
    let outcome = load::run(
        &node.gateway,
        path,
        options.connections,
        options.commands,
        202,
        body,
    )
    .await?;
    let mut outcome = outcome.require_success()?;
    let accepted = rate(outcome.good, outcome.elapsed);
    line(format!(
        "accepted commands, {} connections: {accepted:.0}/s ({:.2} x), p50 {}, p99 {} (aim: 5000/s, 50 ms)",
        options.connections,
        accepted / limit_rate,
        millis(percentile(&mut outcome.latencies, 0.5)),
        millis(percentile(&mut outcome.latencies, 0.99)),
    ))?;
    let (memory, cpu) = node.usage()?;
    line(format!("memory {memory:.0} MiB, {cpu:.1} CPU seconds"))?;
    node.end().await?;
    Ok(())
}
