//! `spice rebase`: rebases a branch onto its parent or another branch.

use std::process::ExitCode;

use clap::Args;
use spice_client::Rebase;

use crate::{
    merged::{Conflicts, write},
    session::Session,
    settings::OfDatabase,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice rebase feature/prices -d shop
  spice rebase feature/prices --onto main -d shop --strategy ours --dry-run")]
pub(crate) struct Options {
    /// The branch to rebase.
    branch: String,
    /// The new parent; by default its current parent.
    #[arg(long, value_name = "BRANCH")]
    onto: Option<String>,
    #[command(flatten)]
    conflicts: Conflicts,
    #[command(flatten)]
    of: OfDatabase,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let place = options.of.on_branch(&options.branch);
    Session::run(&place, async |session| rebase(session, &options).await).await
}

async fn rebase(session: &Session, options: &Options) -> anyhow::Result<ExitCode> {
    let (client, database, branch) = (&session.client, session.database()?, &options.branch);
    let onto = match options.onto.clone() {
        Some(onto) => onto,
        None => parent(session, database, branch).await?,
    };
    let send = async |decisions| {
        let onto = Some(onto.clone());
        let request = Rebase { onto, decisions };
        client.rebase(database, branch, &request, &write()).await
    };
    let done = format!("rebased {branch} onto {onto}");
    options.conflicts.decide(session, &done, send).await
}

/// The parent of a branch. `main` has none, and the api refuses to rebase it.
async fn parent(session: &Session, database: &str, branch: &str) -> anyhow::Result<String> {
    let known = session.client.branch(database, branch).await?;
    Ok(known.from_branch.unwrap_or_else(|| "main".to_owned()))
}
