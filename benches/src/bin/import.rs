//! `spice import` of a CSV file with 8 columns and 1 % bad rows: rows per second until all are
//! projected, and the peak memory of both processes. Compared with two limits: only parsing the
//! file, and sending prepared rows as bulks over four connections.
//!
//! `cargo run --release -p spice-benches --bin import [-- --rows 1000000]`

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::{Value, json};
use spice_benches::{
    load,
    node::{Node, binary, folder, peak_memory},
    report::{line, rate},
};
use tokio::{process::Command, time::Instant};

#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// The number of rows in the compared bulks.
    #[arg(long, default_value_t = 100_000)]
    limit_rows: u64,
    /// The rows per command; by default those of the importer.
    #[arg(long)]
    batch: Option<u64>,
}

const ROWS: u64 = 1_000;
/// The interval between two measurements of the importer's memory.
const LOOK: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = folder()?;
    let file = folder.path().join("items.csv");
    let (bytes, bad) = generate(&file, options.rows)?;
    line(format!(
        "{} rows of 8 columns, {:.0} MiB, {bad} of them bad",
        options.rows,
        mebibytes(bytes)
    ))?;
    let parsed = parse(&file)?;
    let bulk = bulk(options.limit_rows).await?;
    let imported = import(&options, &file, bad).await?;
    line(format!(
        "import beside the file only parsed: {:.3} x; beside bulks over four connections: {:.2} x",
        imported / parsed,
        imported / bulk
    ))
}

/// The n-th row; each hundredth is bad.
fn row(number: u64) -> String {
    let stock = if number % 100 == 50 {
        "many".to_owned()
    } else {
        (number % 77).to_string()
    };
    format!(
        "item-{number},Item number {number},{}.{:02},{stock},{},2026-11-{:02},\"kept dry and cool, handled with care\",customer-{}\n",
        number % 1_000,
        number % 100,
        number.is_multiple_of(2),
        number % 28 + 1,
        number % 1_000
    )
}

/// The instance of a good row.
fn item(number: u64) -> Value {
    json!({
        "code": format!("item-{number}"),
        "name": format!("Item number {number}"),
        "price": number % 1_000,
        "stock": number % 77,
        "open": number.is_multiple_of(2),
        "made_on": format!("2026-11-{:02}", number % 28 + 1),
        "note": "kept dry and cool, handled with care",
        "owned_by": format!("Customer/customer-{}", number % 1_000),
    })
}

/// Writes the file; returns its size and the number of bad rows.
fn generate(path: &Path, rows: u64) -> anyhow::Result<(u64, u64)> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"code,name,price,stock,open,made_on,note,owned_by\n")?;
    for number in 0..rows {
        file.write_all(row(number).as_bytes())?;
    }
    file.flush()?;
    let bad = (0..rows).filter(|number| number % 100 == 50).count();
    Ok((fs::metadata(path)?.len(), u64::try_from(bad)?))
}

/// Rows per second of only parsing.
fn parse(path: &Path) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut reader = csv::Reader::from_path(path)?;
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record)? {
        rows += 1;
    }
    let parsed = rate(rows, started.elapsed());
    line(format!("the file only parsed: {parsed:.0} rows/s"))?;
    Ok(parsed)
}

/// A server with the classes and the customers.
async fn serve(folder: &Path) -> anyhow::Result<Node> {
    let node = Node::start(folder).await?;
    node.create_schema().await?;
    let class = json!({"id": "Item", "label": "Item", "properties": [
        {"name": "code", "type": "string", "primaryKey": true},
        {"name": "name", "type": "string"},
        {"name": "price", "type": "decimal"},
        {"name": "stock", "type": "integer"},
        {"name": "open", "type": "boolean"},
        {"name": "made_on", "type": "date"},
        {"name": "note", "type": "text"},
    ], "relationships": [
        {"predicate": "owned_by", "target": "Customer", "cardinality": "n:1"},
    ]});
    node.post("/databases/bench/ontology", &class).await?;
    Ok(node)
}

/// Instances per second from a client with prepared rows.
async fn bulk(rows: u64) -> anyhow::Result<f64> {
    let folder = folder()?;
    let node = serve(folder.path()).await?;
    let calls = (rows / ROWS).max(1);
    let body = |call: u64| {
        let mut body = String::from("{\"instances\":[");
        for number in call * ROWS..(call + 1) * ROWS {
            if number > call * ROWS {
                body.push(',');
            }
            body.push_str(&item(number).to_string());
        }
        body.push_str("]}");
        body
    };
    let started = Instant::now();
    let path = "/api/v1/databases/bench/instances/Item/bulk-create";
    load::run(&node.gateway, path, 4, calls - 1, 202, body)
        .await?
        .require_success()?;
    let last: Value = serde_json::from_str(&body(calls - 1))?;
    node.post("/databases/bench/instances/Item/bulk-create", &last)
        .await?;
    let made = rate(calls * ROWS, started.elapsed());
    line(format!(
        "bulks of {ROWS} over four connections, {} rows: {made:.0} rows/s, projected",
        calls * ROWS
    ))?;
    node.end().await?;
    Ok(made)
}

/// Rows per second from the start of the process to its end, when all rows are projected.
async fn import(options: &Options, file: &Path, bad: u64) -> anyhow::Result<f64> {
    let folder = folder()?;
    let node = serve(folder.path()).await?;
    let started = Instant::now();
    let mut command = Command::new(binary()?);
    command
        .arg("import")
        .arg(file)
        .args(["--database", "bench", "--class", "Item", "-o", "json"])
        .args(["--server", &format!("http://{}", node.gateway)])
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    if let Some(batch) = options.batch {
        command.args(["--batch", &batch.to_string()]);
    }
    let child = command.spawn()?;
    let id = child.id().context("it has ended")?;
    let mut own = 0.0_f64;
    let mut ended = std::pin::pin!(child.wait_with_output());
    let output = loop {
        tokio::select! {
            output = &mut ended => break output?,
            () = tokio::time::sleep(LOOK) => {
                // The process may end in between.
                own = own.max(peak_memory(id).unwrap_or(0.0));
            }
        }
    };
    let elapsed = started.elapsed();
    let summary: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        summary["created"] == options.rows - bad && summary["rejected"] == bad,
        "{summary}"
    );
    let imported = rate(options.rows, elapsed);
    line(format!(
        "import: {imported:.0} rows/s accepted and projected (aim: 8000/s), {:.1} s",
        elapsed.as_secs_f64()
    ))?;
    let server = peak_memory(node.id()?)?;
    line(format!(
        "peak memory: importer {own:.0} MiB, server {server:.0} MiB, together {:.0} MiB (aim: 200)",
        own + server
    ))?;
    node.end().await?;
    Ok(imported)
}

#[allow(clippy::cast_precision_loss)]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
