//! Where a client's command works: server, database, branch; and how it answers.

use clap::Args;

use super::{Output, Server};

/// Server, database, branch and the form of the answer.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The database.
    #[arg(short, long, env = "SPICE_DATABASE", value_name = "NAME")]
    pub(crate) database: Option<String>,
    /// The branch.
    #[arg(
        short,
        long,
        env = "SPICE_BRANCH",
        default_value = "main",
        value_name = "NAME"
    )]
    pub(crate) branch: String,
    #[command(flatten)]
    pub(crate) output: Output,
}
