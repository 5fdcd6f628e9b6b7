//! Declarations: an owner brings what it holds to the declared state, or gives it up. Decided like
//! every command, with the claims of the owners (`crate::owner`).

mod branch;
mod classes;
mod database;
mod give_up;
mod ledger;
mod safety;

use std::collections::BTreeSet;

pub use self::safety::Safety;
use self::{ledger::Ledger, safety::new_tally};
use super::{
    classes::Edits,
    draft::{Draft, Fact, Moment},
    state::WriteState,
    stop::Stop,
    tally::Tally,
};
use crate::{
    command::{Action, Command, Declaration, Declared},
    envelope::{Envelope, EventType, Kind},
    error::{ErrorCode, Refusal},
    event::OwnersChanged,
    id::AggregateId,
    owner::OwnerState,
};

/// What a declaration would do.
#[derive(Debug, Clone)]
pub struct DeclarationPlan {
    /// The envelopes; only the command's own one if nothing changes.
    pub envelopes: Vec<Envelope>,
    /// The effects on existing data.
    pub safety: Safety,
}

impl DeclarationPlan {
    /// Whether anything changes, including who holds what.
    pub fn is_changed(&self) -> bool {
        let is_command = |it: &Envelope| it.metadata.kind == Kind::Command;
        !self.envelopes.iter().all(is_command)
    }
}

/// Plans a declaration with the decision of [`super::decide`]; an unsafe one is planned too.
pub fn plan_declaration(
    state: &WriteState,
    moment: &Moment,
    command: &Command,
) -> Result<DeclarationPlan, Stop> {
    let mut draft = Draft::new(state, moment, command);
    let safety = carry_out(&mut draft, declaration_of(command)?)?;
    Ok(DeclarationPlan {
        envelopes: draft.envelopes,
        safety,
    })
}

/// The rules that a declaration touches, with no instance counted; none if nothing must be counted.
pub fn begin_tallies(
    state: &WriteState,
    moment: &Moment,
    command: &Command,
) -> Result<Vec<Tally>, Stop> {
    let draft = Draft::new(state, moment, command);
    let declaration = declaration_of(command)?;
    let all = find_edits(&draft, declaration)?;
    let tallies = all.iter().map(|edits| new_tally(&draft, edits));
    Ok(tallies
        .filter(|tally| !tally.classes().is_empty())
        .collect())
}

/// Decides a declaration.
pub(super) fn declare(draft: &mut Draft, declaration: &Declaration) -> Result<(), Stop> {
    let safety = carry_out(draft, declaration)?;
    if safety.is_refused(declaration) {
        return Err(safety.refusal().into());
    }
    Ok(())
}

fn declaration_of(command: &Command) -> Result<&Declaration, Refusal> {
    match &command.action {
        Action::Declare(declaration) => Ok(declaration),
        _ => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "only a declaration can be planned",
        )),
    }
}

fn carry_out(draft: &mut Draft, declaration: &Declaration) -> Result<Safety, Stop> {
    let state = draft.state;
    let mut ledger = Ledger::open(state.claims(), declaration)?;
    let safety = match &declaration.declared {
        Declared::Database {
            description,
            after_generation,
        } => {
            let description = description.as_deref();
            database::declare(
                draft,
                declaration,
                &mut ledger,
                description,
                *after_generation,
            )?
        }
        Declared::Branch {
            name,
            from_branch,
            from_position,
        } => {
            let from = (from_branch, *from_position);
            branch::declare(draft, declaration, &mut ledger, name, from)?
        }
        Declared::Classes {
            branch,
            definitions,
        } => classes::declare(draft, declaration, &mut ledger, branch, definitions)?,
        Declared::Release => give_up::release(draft, &mut ledger)?,
        Declared::Delete => give_up::delete(draft, declaration, &mut ledger)?,
        Declared::HandOver { to, only } => {
            give_up::hand_over(draft, &mut ledger, to, only.as_deref())?
        }
    };
    // A sealed log takes nothing more.
    let last = draft.envelopes.last().map(|envelope| envelope.event_type);
    if last != Some(EventType::DatabaseSealed) {
        push_owners(draft, ledger.into_changed())?;
    }
    Ok(safety)
}

/// The changes of classes of a declaration, branch by branch.
fn find_edits<'a>(draft: &Draft<'a>, declaration: &Declaration) -> Result<Vec<Edits<'a>>, Stop> {
    let mut ledger = Ledger::open(draft.state.claims(), declaration)?;
    match &declaration.declared {
        Declared::Classes {
            branch,
            definitions,
        } => {
            let branch = draft.branch(branch)?;
            let edits = classes::edit(draft, declaration, &mut ledger, branch, definitions)?;
            Ok(vec![edits])
        }
        Declared::Delete => give_up::edit(draft, &ledger, &BTreeSet::new()),
        _ => Ok(Vec::new()),
    }
}

fn push_owners(draft: &mut Draft, owners: Vec<OwnerState>) -> Result<(), Stop> {
    if owners.is_empty() {
        return Ok(());
    }
    let database = draft.command.database.clone();
    let event = OwnersChanged {
        db_name: database.clone(),
        owners,
    };
    let fact = Fact {
        event_type: EventType::OwnersChanged,
        kind: Kind::Control,
        aggregate: AggregateId::Database(database),
        sequence: None,
    };
    draft.push(fact, &event, None)
}
