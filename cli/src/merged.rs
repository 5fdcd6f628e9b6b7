//! Shared by merge, rebase and rollback: the arguments about conflicts, and the output.

mod decision;

use std::{process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use spice_client::{Conflict, Decisions, Error, Merged, Strategy, Write};

use self::decision::resolve;
use crate::{
    diff::{show_changes, summary},
    output,
    session::Session,
};

/// The exit code for conflicts, of a dry run and of a refused merge.
const CONFLICTS: u8 = 4;

/// The longest wait for the projections. After it, the changes are shown without their values.
const WAIT: Duration = Duration::from_secs(10);

/// The columns of a conflict.
const CONFLICT: &str = "CONFLICT=aggregate_id, PROPERTY=property, RULE=rule, BASE=base, \
                        OURS=target, THEIRS=source";

/// What to do about conflicts.
#[derive(Debug, Args)]
pub(crate) struct Conflicts {
    /// What to do about conflicts.
    #[arg(long, default_value = "fail")]
    strategy: Way,
    /// Decide one conflict: `AGGREGATE[.PROPERTY]=ours`, `=theirs` or, for a property, `=JSON`.
    #[arg(long, value_name = "CONFLICT=DECISION")]
    resolve: Vec<String>,
    /// Only show what would happen.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// Refuse, and list the conflicts.
    Fail,
    /// Keep the target's value.
    Ours,
    /// Take the source's value.
    Theirs,
}

impl Conflicts {
    /// Sends a merge or a rebase with these decisions, and shows what was done.
    pub(crate) async fn decide(
        &self,
        session: &Session,
        done: &str,
        send: impl AsyncFn(Decisions) -> Result<Merged, Error>,
    ) -> anyhow::Result<ExitCode> {
        let rehearsal = Decisions {
            dry_run: true,
            ..Decisions::default()
        };
        let decisions = Decisions {
            strategy: match self.strategy {
                Way::Fail => Strategy::Fail,
                Way::Ours => Strategy::Ours,
                Way::Theirs => Strategy::Theirs,
            },
            resolutions: resolve(&self.resolve, async || send(rehearsal).await).await?,
            dry_run: self.dry_run,
        };
        show(session, send(decisions).await, done, self.dry_run)
    }
}

/// How the commands are sent. The answer has the changed values only if the command waits for the
/// projections.
pub(crate) fn write() -> Write {
    Write::default().wait(WAIT)
}

/// Writes what was done or would be done. If conflicts caused a refusal, lists them first.
pub(crate) fn show(
    session: &Session,
    outcome: Result<Merged, Error>,
    done: &str,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let merged = match outcome {
        Ok(merged) => merged,
        Err(error) => {
            if let Some(conflicts) = Conflict::of(&error) {
                session.show(&conflicts, CONFLICT)?;
            }
            return Err(error.into());
        }
    };
    let code = if merged.conflicts.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(CONFLICTS)
    };
    if !session.is_table() {
        output::document(session.format, &merged)?;
        return Ok(code);
    }
    if !merged.conflicts.is_empty() {
        output::fields(&merged.conflicts, CONFLICT)?;
    }
    if !merged.changes.is_empty() {
        show_changes(&merged.changes)?;
    }
    let how = match (merged.conflicts.len(), dry_run) {
        (0, true) => "would have ".to_owned(),
        (0, false) => String::new(),
        (count, _) => format!("{count} to be resolved before it would have "),
    };
    output::line(format!("{how}{done}: {}", summary(&merged.summary)))?;
    Ok(code)
}
