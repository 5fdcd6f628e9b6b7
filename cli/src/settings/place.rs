//! Where a client's command works: server, database, branch; and how it answers.

use clap::Args;

use crate::output::Format;

/// Where the api is.
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

/// How to write the answer.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// How to write the answer.
    #[arg(short, long, env = "SPICE_OUTPUT", default_value = "table")]
    pub(crate) output: Format,
}

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

/// The place of a command that names its branch as an argument.
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
    pub(crate) fn on(&self, branch: &str) -> Place {
        Place {
            server: self.server.clone(),
            database: self.database.clone(),
            branch: branch.to_owned(),
            output: self.output,
        }
    }
}
