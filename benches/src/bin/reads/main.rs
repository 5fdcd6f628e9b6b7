//! Lists with filter and order on 100,000 instances (or the given number), on `main` and on a
//! branch with 100 changes, alone and during 10,000 events per second; then reads of the past,
//! 100,000 versions back. The limit of a list is a plain get of as many documents as its page has;
//! the limit of a read of the past is the same read of the current state.
//!
//! `cargo run --release -p spice-benches --bin reads [-- --instances 100000]`

mod lists;
mod past;

use clap::Parser;
use serde_json::json;
use spice_benches::report::line;
use spice_core::{
    id::{EventId, InstanceRef, StreamId},
    json::Json,
    time::Timestamp,
};
use spice_store_sqlite::Location;
use uuid::Uuid;

#[derive(Parser)]
struct Options {
    /// The number of instances, in whole thousands.
    #[arg(long, default_value_t = 100_000)]
    instances: u64,
    #[arg(long, default_value_t = 200)]
    samples: usize,
}

const BATCH: u64 = 1_000;
const PAGE: usize = 50;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut options = Options::parse();
    options.instances = options.instances.max(1).next_multiple_of(BATCH);
    line(format!(
        "{} instances, {} samples of each list",
        options.instances, options.samples
    ))?;
    let folder = spice_benches::node::folder()?;
    let file = |name: &str| Location::File(folder.path().join(name));
    lists::run(&file("documents.sqlite"), &options).await?;
    past::run(&file("graph.sqlite"), &options).await
}

fn stream() -> anyhow::Result<StreamId> {
    Ok("bench".parse()?)
}

fn product(number: u64) -> anyhow::Result<InstanceRef> {
    Ok(format!("Product/product-{:06}", spread(number)).parse()?)
}

/// Instances that are close in time differ in their names.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(611_953) % 1_000_003
}

fn data(number: u64) -> Json {
    let status = match number % 3 {
        0 => "planned",
        1 => "sold",
        _ => "stored",
    };
    let (month, day, minute) = (number % 12 + 1, number % 28 + 1, number % 60);
    let mut fields = json!({
        "name": format!("Product number {}", spread(number)),
        "number": number,
        "price": number * 7 % 1_000,
        "stock": number % 77,
        "status": status,
        "made_at": format!("2026-{month:02}-{day:02}T10:{minute:02}:00Z"),
        "note": "kept dry and cool, handled with care, and delivered on the day it was promised",
        "owned_by": format!("Customer/customer-{}", number % 1_000),
    });
    if number.is_multiple_of(3) {
        fields["discount"] = json!(number % 100);
    }
    fields.into()
}

fn event(number: u64) -> EventId {
    EventId(Uuid::from_u128(u128::from(number) << 64 | 7))
}

fn moment(number: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(number).unwrap_or(0))
}
