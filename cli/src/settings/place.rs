//! The place of a client command: server, database, branch, output format.

use clap::Args;

use crate::output::Format;

/// The server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The gateway's URL.
    #[arg(
        long,
        visible_alias = "api",
        env = "SPICE_SERVER",
        default_value = "http://127.0.0.1:8002",
        value_name = "URL"
    )]
    pub(crate) server: String,
}

/// The output format.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// The output format.
    #[arg(short, long, env = "SPICE_OUTPUT", default_value = "table")]
    pub(crate) output: Format,
}

/// Server, database, branch and output format.
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

/// The place of a command that takes its branch as an argument.
#[derive(Debug, Clone, Args)]
pub(crate) struct OfDatabase {
    #[command(flatten)]
    server: Server,
    /// The database.
    #[arg(short, long, env = "SPICE_DATABASE", value_name = "NAME")]
    database: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl OfDatabase {
    /// The same place on a branch.
    pub(crate) fn on_branch(&self, branch: &str) -> Place {
        Place {
            server: self.server.clone(),
            database: self.database.clone(),
            branch: branch.to_owned(),
            output: self.output,
        }
    }
}
