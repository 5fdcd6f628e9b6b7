//! `spice rollback`: restores a branch to an earlier position.

use std::process::ExitCode;

use clap::Args;

use crate::{
    merged::{show, write},
    session::Session,
    settings::OfDatabase,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice rollback main --to 42 -d shop --dry-run
  spice rollback main --to 42 -d shop")]
pub(crate) struct Options {
    /// The branch.
    branch: String,
    /// The position to restore; `spice history` and `spice watch` show positions.
    #[arg(long, value_name = "POSITION")]
    to: u64,
    /// Only show what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: OfDatabase,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let place = options.of.on_branch(&options.branch);
    Session::run(&place, async |session| rollback(session, &options).await).await
}

async fn rollback(session: &Session, options: &Options) -> anyhow::Result<ExitCode> {
    let Options {
        branch,
        to,
        dry_run,
        ..
    } = options;
    let database = session.database()?;
    let restored = session
        .client
        .rollback(database, branch, *to, *dry_run, &write())
        .await;
    let done = format!("rolled {branch} back to position {to}");
    show(session, restored, &done, *dry_run)
}
