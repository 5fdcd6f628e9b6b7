//! The real binary (release build) on its own directory.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use spice_testing::process::{Options, Process};
use tempfile::TempDir;

/// A running `spice dev`.
pub struct Node {
    process: Process,
    /// `host:port` of the gateway.
    pub gateway: String,
    /// The time from start to the line `ready`.
    pub start_time: Duration,
    http: reqwest::Client,
}

/// The path of the binary, next to the benchmark's own.
pub fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("spice");
    ensure!(
        path.is_file(),
        "{} is not there; run `cargo build --release --bin spice` first",
        path.display()
    );
    Ok(path)
}

/// A folder for data, below `TMPDIR`.
pub fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("spice-bench-").tempdir()?)
}

impl Node {
    /// Starts on a directory and waits until it is ready.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let options = Options {
            binary: Some(binary()?),
            data_dir: Some(folder.join("data")),
            ..Options::default()
        };
        let mut process = Process::spawn(options).await?;
        let start_time = process.wait_ready().await?;
        let gateway = process.url("gateway")?;
        Ok(Self {
            process,
            gateway: gateway.trim_start_matches("http://").to_owned(),
            start_time,
            http: spice_client::http_builder().build()?,
        })
    }

    /// Posts and waits until the effect is visible.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(self.url(path)).json(body);
        effect(path, request).await
    }

    /// Deletes and waits until the effect is visible.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        effect(path, self.http.delete(self.url(path))).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.gateway)
    }

    /// Gets.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(self.url(path));
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// A database `bench` with `Customer` ← `Product` ← `Order`.
    pub async fn create_schema(&self) -> anyhow::Result<()> {
        self.post("/databases", &json!({"name": "bench"})).await?;
        for class in classes() {
            self.post("/databases/bench/ontology", &class).await?;
        }
        Ok(())
    }

    /// Resident memory in MiB and CPU seconds used so far.
    pub fn usage(&self) -> anyhow::Result<(f64, f64)> {
        let id = self.id()?;
        let resident = memory(id, "VmRSS:")?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<f64>().ok())
        };
        let used = ticks(11).context("no utime")? + ticks(12).context("no stime")?;
        Ok((resident, used / 100.0))
    }

    /// The process id.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.process.pid().context("it has ended")
    }

    /// Its data directory.
    pub fn folder(&self) -> &Path {
        self.process.directory()
    }

    /// Stops it cleanly; returns how long that took.
    pub async fn end(mut self) -> anyhow::Result<Duration> {
        let (_, took) = self.process.terminate(Duration::from_mins(10)).await?;
        Ok(took)
    }
}

/// Sends a request and waits until its effect is visible.
async fn effect(path: &str, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let answer = request.header("Prefer", "wait=60").send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{path}: {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// The peak resident memory of a process in MiB.
pub fn peak_memory(id: u32) -> anyhow::Result<f64> {
    memory(id, "VmHWM:")
}

fn memory(id: u32, field: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .with_context(|| format!("no {field}"))?;
    Ok(kibibytes / 1024.0)
}

/// The classes of the benchmarks; an instance has about 300 bytes.
pub fn classes() -> [Value; 3] {
    [
        json!({"id": "Customer", "label": "Customer", "properties": [
            {"name": "customer_id", "type": "string", "primaryKey": true},
            {"name": "name", "type": "string"},
        ]}),
        json!({"id": "Product", "label": "Product", "properties": [
            {"name": "product_id", "type": "string", "primaryKey": true},
            {"name": "name", "type": "string"},
            {"name": "price", "type": "decimal"},
            {"name": "stock", "type": "integer"},
            {"name": "made_at", "type": "dateTime"},
            {"name": "note", "type": "text"},
        ], "relationships": [
            {"predicate": "owned_by", "target": "Customer", "cardinality": "n:1"},
        ]}),
        json!({"id": "Order", "label": "Order", "properties": [
            {"name": "order_id", "type": "string", "primaryKey": true},
            {"name": "quantity", "type": "integer"},
        ], "relationships": [
            {"predicate": "of_product", "target": "Product", "cardinality": "n:1"},
        ]}),
    ]
}

/// The n-th product.
pub fn product(number: u64) -> Value {
    json!({
        "product_id": format!("product-{number}"),
        "name": format!("Product number {number}"),
        "price": number % 1_000,
        "stock": number % 77,
        "made_at": "2026-11-23T10:00:00Z",
        "note": "kept dry and cool, handled with care, and delivered on the day it was promised",
        "owned_by": format!("Customer/customer-{}", number % 1_000),
    })
}
