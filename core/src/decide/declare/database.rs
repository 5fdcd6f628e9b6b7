//! Declares a database: it is created if it is missing, and gets the declared description.

use super::{ledger::Ledger, safety::Safety};
use crate::{
    command::Declaration,
    decide::{databases, draft::Draft, stop::Stop},
    error::{ErrorCode, Refusal},
    id::AggregateId,
    owner::{Claim, Thing},
};

pub(super) fn declare(
    draft: &mut Draft,
    declaration: &Declaration,
    ledger: &mut Ledger,
    description: Option<&str>,
    after_generation: Option<u32>,
) -> Result<Safety, Stop> {
    let claim = |created_at| Claim {
        thing: Thing::Database,
        created_at,
        branch_created_at: None,
    };
    let known = draft.state.database().filter(|database| database.live);
    let Some(known) = known else {
        refuse_unseen(draft, after_generation)?;
        databases::create(draft, description.unwrap_or_default(), None)?;
        ledger.claim(claim(draft.moment.occurred_at));
        return Ok(Safety::default());
    };
    let found = claim(known.created_at);
    let is_other = description.is_some_and(|description| *description != known.description);
    let list_differences = || {
        let differs = is_other.then(|| "description".to_owned());
        differs.into_iter().collect()
    };
    ledger.admit(
        declaration,
        &Thing::Database,
        Some(&found),
        list_differences,
    )?;
    ledger.claim(found);
    if let Some(description) = description.filter(|_| is_other) {
        databases::update(draft, description, known.sequence)?;
    } else {
        let aggregate = AggregateId::Database(draft.command.database.clone());
        draft.command(aggregate, None, None)?;
    }
    Ok(Safety::default())
}

/// Refuses to create a database again for someone who has not seen that it was deleted.
fn refuse_unseen(draft: &Draft, seen: Option<u32>) -> Result<(), Refusal> {
    let before = draft.moment.stream.generation.saturating_sub(1);
    if seen.is_none_or(|seen| seen == before) {
        return Ok(());
    }
    let name = &draft.command.database;
    let message = format!(
        "database {name} was deleted: its generation {before} is over; pass after_generation={before} \
         to create it again"
    );
    Err(Refusal::new(ErrorCode::Deleted, message)
        .with("kind", "database")
        .with("database", name.as_str())
        .with("generation", before))
}
