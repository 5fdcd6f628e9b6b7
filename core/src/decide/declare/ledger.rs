//! Who holds what during a command: the claims of the acting owner, and those that others lose.

use std::collections::BTreeMap;

use crate::{
    command::{Adopt, Declaration, Declared},
    error::{ErrorCode, Refusal},
    owner::{Claim, Claims, Owner, OwnerState, OwnerView, Thing},
};

/// The claims of the owners of a command.
pub(super) struct Ledger<'a> {
    claims: &'a Claims,
    /// The acting owner after the command; none for a person, who claims nothing.
    own: Option<OwnerState>,
    /// The other owners that change.
    others: BTreeMap<String, OwnerState>,
}

/// What a command does with claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Its owner declares things.
    Declare,
    /// Its owner gives its claims up.
    Give,
    /// A person ends the claims of an owner, whatever that one has done since.
    Overrule,
}

impl Turn {
    fn of(declaration: &Declaration) -> Self {
        match declaration.declared {
            Declared::Database { .. } | Declared::Branch { .. } | Declared::Classes { .. } => {
                Self::Declare
            }
            _ if declaration.takes_over => Self::Overrule,
            _ => Self::Give,
        }
    }
}

/// How a thing belongs to the acting owner.
enum Holder<'a> {
    /// It holds it.
    Own,
    /// It held the thing, which is gone.
    Lost,
    /// Another owner holds it.
    Other(&'a OwnerState),
    /// No one does.
    Nobody,
}

impl<'a> Ledger<'a> {
    /// The claims at the start of a command. Refused if a newer command of the owner was carried
    /// out.
    pub(super) fn open(claims: &'a Claims, declaration: &Declaration) -> Result<Self, Refusal> {
        let Declaration {
            owner, generation, ..
        } = declaration;
        let turn = Turn::of(declaration);
        let own = match owner {
            Some(owner) => Some(enter(claims, owner, *generation, turn)?),
            None if turn == Turn::Declare => None,
            None => {
                let message = "only an owner can give its claims up";
                return Err(Refusal::new(ErrorCode::InvalidRequest, message).with("field", "owner"));
            }
        };
        Ok(Self {
            claims,
            own,
            others: BTreeMap::new(),
        })
    }

    /// Refuses a thing that the owner may not declare. `found` is the thing as it exists, as a claim;
    /// `list_differences` compares it with what is declared.
    pub(super) fn admit(
        &self,
        declaration: &Declaration,
        thing: &Thing,
        found: Option<&Claim>,
        list_differences: impl Fn() -> Vec<String>,
    ) -> Result<(), Refusal> {
        match self.find_holder(thing, found) {
            Holder::Own => Ok(()),
            Holder::Lost if declaration.recreate => Ok(()),
            Holder::Lost => Err(refuse_lost(thing)),
            Holder::Other(_) if declaration.takes_over => Ok(()),
            // Without a claim, only a difference would be a change of what another one holds.
            Holder::Other(_) if self.own.is_none() && list_differences().is_empty() => Ok(()),
            Holder::Other(state) => Err(refuse_owned(thing, state)),
            Holder::Nobody if found.is_none() || self.own.is_none() => Ok(()),
            Holder::Nobody => match declaration.adopt {
                Adopt::Always => Ok(()),
                Adopt::Never => Err(refuse_adoption(thing, Adopt::Never, Vec::new())),
                Adopt::IfEqual => {
                    let differs = list_differences();
                    if differs.is_empty() {
                        return Ok(());
                    }
                    Err(refuse_adoption(thing, Adopt::IfEqual, differs))
                }
            },
        }
    }

    fn find_holder(&self, thing: &Thing, found: Option<&Claim>) -> Holder<'a> {
        let Some((state, claim)) = self.claims.find(thing) else {
            return Holder::Nobody;
        };
        let is_own = self.is_own(state);
        match found {
            Some(found) if found == claim && is_own => Holder::Own,
            Some(found) if found == claim => Holder::Other(state),
            None if is_own => Holder::Lost,
            _ => Holder::Nobody,
        }
    }

    /// Whether the acting owner held a thing before the command.
    pub(super) fn holds(&self, found: &Claim) -> bool {
        matches!(self.find_holder(&found.thing, Some(found)), Holder::Own)
    }

    /// Whether this is the acting owner.
    fn is_own(&self, state: &OwnerState) -> bool {
        let own = self.own.as_ref();
        own.is_some_and(|own| own.owner.key() == state.owner.key())
    }

    /// The claims of the acting owner that other owners have not got since.
    pub(super) fn list_own(&self) -> Vec<Claim> {
        let is_own = |claim: &&Claim| {
            let found = self.claims.find(&claim.thing);
            found.is_some_and(|(state, _)| self.is_own(state))
        };
        let claims = self.own.iter().flat_map(|own| &own.claims);
        claims.filter(is_own).cloned().collect()
    }

    /// Gives a thing to the acting owner.
    pub(super) fn claim(&mut self, claim: Claim) {
        let Some(own) = &mut self.own else {
            return;
        };
        let known = self.claims.find(&claim.thing);
        if let Some((state, _)) = known
            && state.owner.key() != own.owner.key()
        {
            let key = state.owner.key();
            let other = self.others.entry(key).or_insert_with(|| state.clone());
            other.claims.retain(|it| it.thing != claim.thing);
        }
        match own.claims.iter_mut().find(|it| it.thing == claim.thing) {
            Some(known) => *known = claim,
            None => own.claims.push(claim),
        }
    }

    /// Ends the claim of the acting owner on a thing.
    pub(super) fn drop_claim(&mut self, thing: &Thing) {
        if let Some(own) = &mut self.own {
            own.claims.retain(|claim| claim.thing != *thing);
        }
    }

    /// Gives the claims of the acting owner to another one.
    pub(super) fn hand_over(&mut self, to: &Owner, claims: Vec<Claim>) -> Result<(), Refusal> {
        to.check()?;
        if self
            .own
            .as_ref()
            .is_some_and(|own| own.owner.key() == to.key())
        {
            let message = "an owner cannot hand its claims over to itself";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message).with("field", "to"));
        }
        if claims.is_empty() {
            return Ok(());
        }
        let mut other = match self.claims.of(to) {
            None => OwnerState::new(to.clone(), 0),
            Some(known) if known.owner.uid == to.uid => known.enter(to, known.generation, false)?,
            Some(known) => known.enter(to, 0, false)?,
        };
        other
            .claims
            .retain(|known| claims.iter().all(|it| it.thing != known.thing));
        other.claims.extend(claims);
        self.others.insert(to.key(), other);
        Ok(())
    }

    /// Ends all claims of the acting owner.
    pub(super) fn end(&mut self) {
        if let Some(own) = &mut self.own {
            own.claims.clear();
            own.ended = true;
        }
    }

    /// The owners that change. The one that gets a claim comes after the one that loses it.
    pub(super) fn into_changed(self) -> Vec<OwnerState> {
        let claims = self.claims;
        let own = self.own.filter(|own| claims.of(&own.owner) != Some(own));
        let gives = own.as_ref().is_some_and(|own| own.ended);
        let others = self.others.into_values();
        if gives {
            return own.into_iter().chain(others).collect();
        }
        others.chain(own).collect()
    }
}

/// The state in which the acting owner starts.
fn enter(
    claims: &Claims,
    owner: &Owner,
    generation: u64,
    turn: Turn,
) -> Result<OwnerState, Refusal> {
    owner.check()?;
    match claims.of(owner) {
        None => Ok(OwnerState::new(owner.clone(), generation)),
        Some(known) if turn == Turn::Overrule => Ok(known.clone()),
        Some(known) => known.enter(owner, generation, turn == Turn::Give),
    }
}

fn about(code: ErrorCode, thing: &Thing, message: String) -> Refusal {
    let refusal = Refusal::new(code, message);
    match thing {
        Thing::Database => refusal.with("kind", "database"),
        Thing::Branch { name } => refusal.with("kind", "branch").with("name", name.as_str()),
        Thing::Class { branch, name } => refusal
            .with("kind", "class")
            .with("name", name.as_str())
            .with("branch", branch.as_str()),
    }
}

fn refuse_owned(thing: &Thing, state: &OwnerState) -> Refusal {
    let what = thing.describe();
    let message = format!(
        "{what} is declared by {}; delete that object or hand its claims over first",
        state.owner
    );
    let owner = serde_json::to_value(OwnerView::from(state)).unwrap_or_default();
    about(ErrorCode::Owned, thing, message).with("owner", owner)
}

fn refuse_lost(thing: &Thing) -> Refusal {
    let what = thing.describe();
    let message = format!(
        "{what} was deleted outside of its declaration; pass recreate=true to create it again"
    );
    about(ErrorCode::Deleted, thing, message)
}

fn refuse_adoption(thing: &Thing, adopt: Adopt, differs: Vec<String>) -> Refusal {
    let what = thing.describe();
    let reason = match differs[..] {
        [] => String::new(),
        _ => format!(" and differs in {}", differs.join(", ")),
    };
    let message = format!(
        "{what} exists without an owner{reason}, and adopt is {}; make them equal, or choose \
         another value of adopt",
        adopt.as_str()
    );
    about(ErrorCode::NotAdopted, thing, message)
        .with("adopt", adopt.as_str())
        .with("differs", differs)
}
