//! Decisions: `decide(write model, command) → accepted | refused`. Pure: if a decision needs more
//! facts, it returns [`Stop::Needs`]; the caller fetches them and asks again.
//!
//! An accepted command is complete: the command's envelope and its domain events, with their
//! positions, ready for the log. After that only a sink can fail.

mod branches;
mod classes;
mod databases;
mod declare;
mod draft;
mod gone;
mod instances;
mod need;
mod receipt;
mod recent;
mod state;
mod stop;
mod tally;
#[cfg(test)]
mod tests;
mod transaction;
mod unique;
mod version;

use self::draft::Draft;
pub use self::{
    branches::{Plan, find_common, plan},
    declare::{DeclarationPlan, Safety, begin_tallies, plan_declaration},
    draft::Moment,
    gone::is_gone,
    need::{Changes, LiveInstances, Need},
    receipt::{Receipt, UnreadableCommand, receipt},
    state::{Mark, WriteState, schema_of},
    stop::Stop,
    tally::{Tallies, Tally},
};
use crate::{
    command::{Action, Command},
    envelope::Envelope,
    time::Timestamp,
};

/// Decides a command against the state at the end of the log. If it is accepted, returns the
/// envelopes to append, with the command's envelope first (after `DATABASE_OPENED` if it creates
/// the database).
pub fn decide(
    state: &WriteState,
    moment: &Moment,
    command: &Command,
) -> Result<Vec<Envelope>, Stop> {
    let later = after_namesake(state, moment, command);
    let mut draft = Draft::new(state, later.as_ref().unwrap_or(moment), command);
    match &command.action {
        Action::CreateDatabase {
            description,
            options,
        } => {
            databases::create(&mut draft, description, options.as_ref())?;
        }
        Action::UpdateDatabase {
            description,
            expected_seq,
        } => databases::update(&mut draft, description, *expected_seq)?,
        Action::Declare(declaration) => declare::declare(&mut draft, declaration)?,
        Action::DeleteDatabase { expected_seq } => databases::delete(&mut draft, *expected_seq)?,
        Action::CreateClass { branch, definition } => {
            classes::create(&mut draft, branch, definition)?;
        }
        Action::UpdateClass {
            branch,
            class,
            patch,
            expected_seq,
        } => {
            classes::update(&mut draft, branch, class, patch, *expected_seq)?;
        }
        Action::DeleteClass {
            branch,
            class,
            expected_seq,
            force,
        } => {
            classes::delete(&mut draft, branch, class, *expected_seq, *force)?;
        }
        Action::ChangeInstance { branch, change } => {
            instances::change_one(&mut draft, branch, change)?;
        }
        Action::BulkCreate {
            branch,
            class,
            instances,
            ids,
            without_defaults,
            on_error,
        } => {
            let rows = instances::Bulk {
                instances,
                ids,
                without_defaults: *without_defaults,
            };
            instances::bulk_create(&mut draft, branch, class, &rows, *on_error)?;
        }
        Action::Transaction { branch, commands } => {
            transaction::transaction(&mut draft, branch, commands)?;
        }
        Action::CreateBranch {
            branch,
            from_branch,
            from_position,
        } => {
            databases::create_branch(&mut draft, branch, from_branch, *from_position)?;
        }
        Action::DeleteBranch { branch, force } => {
            databases::delete_branch(&mut draft, branch, *force)?;
        }
        Action::MergeBranch { .. }
        | Action::RebaseBranch { .. }
        | Action::RollbackBranch { .. } => branches::carry_out(&mut draft)?,
        Action::DiscardEvent { .. } => databases::discard(&mut draft)?,
    }
    Ok(draft.envelopes)
}

/// The time for a branch whose name was used before: later than everything in the log. So a name
/// and a creation time identify one branch, and one instance on it, even if the clock stands still.
fn after_namesake(state: &WriteState, moment: &Moment, command: &Command) -> Option<Moment> {
    state.branch(command.action.created_branch()?)?;
    let last = state.last_time();
    (moment.occurred_at <= last).then(|| Moment {
        occurred_at: Timestamp::from_micros(last.as_micros().saturating_add(1)),
        ..moment.clone()
    })
}
