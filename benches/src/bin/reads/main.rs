//! Lists with filter and order on 100,000 instances (or the given number), on `main` and on a
//! branch with 100 changes, alone and during 10,000 events per second; then reads of the past,
//! 100,000 versions back. The limit of a list is a plain get of as many documents as its page has;
//! the limit of a read of the past is the same read of the current state.
//!
//! `cargo run --release -p spice-benches --bin reads [-- --instances 100000]`

mod data;
mod lists;
mod past;

use clap::Parser;
use spice_benches::report::line;
use spice_store_sqlite::Location;

use data::{BATCH, Options};

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
