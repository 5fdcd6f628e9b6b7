//! `spice merge`: merges a branch into another.

use std::process::ExitCode;

use clap::Args;
use spice_client::Merge;

use crate::{
    merged::{Conflicts, write},
    session::Session,
    settings::OfDatabase,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice merge feature/prices -d shop --dry-run
  spice merge feature/prices --into main -d shop --strategy theirs
  spice merge feature/prices -d shop --resolve shop:main:Product:p1.price=12.5

As in git, `ours` is the target (--into) and `theirs` is the source. The exit code is 4 if there are
conflicts.")]
pub(crate) struct Options {
    /// The branch to merge (the source).
    branch: String,
    /// The branch to merge into (the target).
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    into: String,
    #[command(flatten)]
    conflicts: Conflicts,
    #[command(flatten)]
    of: OfDatabase,
}

impl Options {
    pub(crate) fn new(branch: String, into: String, conflicts: Conflicts, of: OfDatabase) -> Self {
        Self {
            branch,
            into,
            conflicts,
            of,
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let place = options.of.on_branch(&options.branch);
    Session::run(&place, async |session| merge(session, &options).await).await
}

async fn merge(session: &Session, options: &Options) -> anyhow::Result<ExitCode> {
    let (client, database) = (&session.client, session.database()?);
    let Options { branch, into, .. } = options;
    let send = async |decisions| {
        let into = into.clone();
        let request = Merge { into, decisions };
        client.merge(database, branch, &request, &write()).await
    };
    let done = format!("merged {branch} into {into}");
    options.conflicts.decide(session, &done, send).await
}
