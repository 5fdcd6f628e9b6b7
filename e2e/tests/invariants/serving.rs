//! Invariants of several api processes over the same stores.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use spice_e2e::nodes::Nodes;
use spice_testing::NoHints;
use tokio::time::timeout;

const NODES: usize = 3;
/// Much longer than any test: nothing here may depend on a periodic read.
const BEHIND: Duration = Duration::from_hours(1);

/// Nothing takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

struct Site {
    nodes: Nodes,
    client: Client,
}

impl Site {
    async fn send(
        &self,
        node: usize,
        method: Method,
        path: &str,
        key: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let url = format!("{}/api/v1{path}", self.nodes.gateways[node % NODES]);
        let mut request = self.client.request(method, url);
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    async fn send_accepted(
        &self,
        node: usize,
        path: &str,
        key: &str,
        body: &Value,
    ) -> anyhow::Result<Told> {
        let (status, answer) = self.send(node, Method::POST, path, key, Some(body)).await?;
        ensure!(status.is_success(), "{path}: {status} {answer}");
        let data = if answer["data"].is_object() {
            &answer["data"]
        } else {
            &answer
        };
        let position = [&data["position"], &answer["result"]["position"]];
        let position = position.into_iter().find_map(Value::as_u64);
        Ok(Told {
            command: data["command_id"].as_str().context("no id")?.to_owned(),
            position: position.context("no position")?,
        })
    }

    async fn fetch(&self, node: usize, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.send(node, Method::GET, path, "", None).await?;
        ensure!(
            status == StatusCode::OK,
            "node {node}, {path}: {status} {answer}"
        );
        Ok(answer)
    }

    /// Every node knows the command, and its status only moves forward, whichever node is asked.
    async fn status_moves_forward(&self, told: &Told) -> anyhow::Result<()> {
        let path = format!("/commands/{}/status", told.command);
        let mut farthest = 0;
        for node in 0.. {
            let answer = self.fetch(node, &path).await?;
            let state = answer["status"].as_str().unwrap_or_default();
            let order = ["PENDING", "PROCESSING", "RETRYING", "COMPLETED"];
            let rank = order.iter().position(|it| *it == state);
            let rank = rank.with_context(|| format!("unexpected status: {answer}"))?;
            ensure!(rank >= farthest, "it went back to {state}");
            farthest = rank;
            if rank == order.len() - 1 && node >= NODES {
                return Ok(());
            }
        }
        Ok(())
    }
}

struct Told {
    command: String,
    position: u64,
}

/// Every hint is lost. All processes find a position that one of them returned; a command that one
/// accepted is known to all, the same key means the same command, and a status never goes back.
#[tokio::test]
async fn every_process_tells_the_same() -> anyhow::Result<()> {
    let site = Site {
        nodes: Nodes::start(NODES, BEHIND, Arc::new(NoHints)).await?,
        client: spice_client::http_builder().no_proxy().build()?,
    };
    let made = json!({"name": "demo"});
    let made = site.send_accepted(0, "/databases", "make", &made).await?;
    // Every node has the database open and would show this state for an hour.
    for node in 0..NODES {
        let path = format!("/databases/demo?at_least={}", made.position);
        site.fetch(node, &path).await?;
    }
    let class = json!({"id": "Book", "label": "Book", "properties": [
        {"name": "isbn", "type": "string", "primaryKey": true}]});
    site.send_accepted(1, "/databases/demo/ontology", "class", &class)
        .await?;
    for round in 0..NODES {
        check_that_all_know(&site, round).await?;
    }
    a_listener_gets_what_another_process_accepts(&site).await
}

async fn a_listener_gets_what_another_process_accepts(site: &Site) -> anyhow::Result<()> {
    let url = format!("{}/api/v1/databases/demo/events", site.nodes.gateways[1]);
    let mut events = site.client.get(url).send().await?;
    let book = json!({"data": {"isbn": "heard"}});
    let path = "/databases/demo/instances/Book/create";
    site.send_accepted(0, path, "heard", &book).await?;
    let mut text = String::new();
    while !text.contains("heard") {
        let chunk = timeout(PATIENCE, events.chunk()).await??;
        text += &String::from_utf8_lossy(&chunk.context("the stream ended")?);
    }
    Ok(())
}

async fn check_that_all_know(site: &Site, round: usize) -> anyhow::Result<()> {
    let key = format!("book {round}");
    let path = "/databases/demo/instances/Book/create";
    let book = json!({"data": {"isbn": format!("b{round:02}")}});
    let told = site.send_accepted(round, path, &key, &book).await?;
    for node in 0..NODES {
        site.fetch(node, &format!("/commands/{}/status", told.command))
            .await?;
        let again = site.send_accepted(node, path, &key, &book).await?;
        ensure!(again.command == told.command, "another command");
        ensure!(again.position == told.position, "another position");
    }
    let branch = json!({"name": format!("draft{round}")});
    let made = site
        .send_accepted(round + 1, "/databases/demo/branches", "", &branch)
        .await?;
    let (end, total) = (made.position, round + 1);
    let list = "/databases/demo/class/Book/instances?order_by=isbn&limit=1";
    for node in 0..NODES {
        for wish in ["as_of", "at_least"] {
            let page = site.fetch(node, &format!("{list}&{wish}={end}")).await?;
            ensure!(page["total"] == total, "{wish}: {page}");
        }
        let path = format!(
            "/databases/demo/class/Book/instances?branch=draft{round}&at_least={}",
            made.command
        );
        let page = site.fetch(node, &path).await?;
        ensure!(page["total"] == total, "on the branch: {page}");
    }
    a_cursor_continues_at_any_place(site, round, list).await?;
    site.status_moves_forward(&told).await
}

/// Each page is requested from another node than the previous one, and the first one returns a
/// position that the others have not seen.
async fn a_cursor_continues_at_any_place(
    site: &Site,
    round: usize,
    list: &str,
) -> anyhow::Result<()> {
    let branch = json!({"name": format!("later{round}")});
    let made = site
        .send_accepted(round, "/databases/demo/branches", "", &branch)
        .await?;
    let mut seen = Vec::new();
    let mut path = format!("{list}&at_least={}", made.position);
    for node in round.. {
        let page = site.fetch(node, &path).await?;
        for instance in page["instances"].as_array().context("no page")? {
            seen.push(
                instance["instance_id"]
                    .as_str()
                    .context("no id")?
                    .to_owned(),
            );
        }
        let Some(cursor) = page["cursor"].as_str() else {
            break;
        };
        path =
            format!("/databases/demo/class/Book/instances?order_by=isbn&limit=1&cursor={cursor}");
    }
    let all: Vec<_> = (0..=round).map(|it| format!("b{it:02}")).collect();
    ensure!(seen == all, "{seen:?}");
    Ok(())
}
