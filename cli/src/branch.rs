//! `spice branch`: creates and deletes branches.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use spice_client::{NewBranch, Write};

use crate::{output, session::Session, settings::OfDatabase};

#[derive(Debug, Subcommand)]
pub(crate) enum Branch {
    /// Create a branch; no data is copied.
    Create(Create),
    /// Delete a branch.
    Delete(Delete),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice branch create what-if/cheaper -d shop
  spice branch create audit --from main --at 42 -d shop")]
pub(crate) struct Create {
    /// The name of the branch; it may contain `/`.
    name: String,
    /// The parent branch.
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    from: String,
    /// The position where the branch starts; by default the end of the log.
    #[arg(long, value_name = "POSITION")]
    at: Option<u64>,
    #[command(flatten)]
    of: OfDatabase,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice branch delete what-if/cheaper -d shop")]
pub(crate) struct Delete {
    /// The name of the branch.
    name: String,
    /// Delete the branch even if it is protected.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    of: OfDatabase,
}

pub(crate) async fn run(command: Branch) -> anyhow::Result<ExitCode> {
    match command {
        Branch::Create(options) => {
            let place = options.of.on_branch(&options.from);
            Session::run(&place, async |session| create(session, &options).await).await
        }
        Branch::Delete(options) => {
            let place = options.of.on_branch(&options.name);
            Session::run(&place, async |session| delete(session, &options).await).await
        }
    }
}

async fn create(session: &Session, options: &Create) -> anyhow::Result<()> {
    let branch = NewBranch {
        name: options.name.clone(),
        from_branch: Some(options.from.clone()),
        from_position: options.at,
    };
    let database = session.database()?;
    let done = session
        .client
        .create_branch(database, &branch, &Write::default())
        .await?;
    show(session, &options.name, "created", &done.command_id)
}

async fn delete(session: &Session, options: &Delete) -> anyhow::Result<()> {
    let database = session.database()?;
    let done = session
        .client
        .delete_branch(database, &options.name, options.force, &Write::default())
        .await?;
    show(session, &options.name, "deleted", &done.command_id)
}

fn show(session: &Session, name: &str, what: &str, command: &str) -> anyhow::Result<()> {
    if session.is_table() {
        return Ok(output::line(format!("branch {name} {what}"))?);
    }
    let answer = json!({"branch": name, "outcome": what, "command_id": command});
    output::document(session.format, &answer)
}
