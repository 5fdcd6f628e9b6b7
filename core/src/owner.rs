//! Owners of declared things. An owner declares things through the declared path and is the only
//! one who changes them there. Ownership is recorded in the log of the database; it belongs to no
//! branch, so forks, merges and rollbacks do not move it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::{ErrorCode, Refusal},
    name::{BranchName, ClassName},
    time::Timestamp,
};

/// The maximum length of a part of an owner's identity.
const LONGEST: usize = 253;

/// How many former uids of an object are known.
const FORMER: usize = 16;

/// An object that declares things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The cluster.
    pub cluster: String,
    /// The kind of the object: `Database`, `Ontology`, `Branch`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: an object that is deleted and created again is the same owner with another uid.
    pub uid: String,
}

impl Owner {
    /// Refuses an identity that cannot be recorded.
    pub fn check(&self) -> Result<(), Refusal> {
        let parts = [
            ("cluster", &self.cluster),
            ("kind", &self.kind),
            ("namespace", &self.namespace),
            ("name", &self.name),
            ("uid", &self.uid),
        ];
        let is_invalid = |text: &str| {
            let is_bad = |c: char| c.is_control() || c.is_whitespace() || c == '/';
            text.is_empty() || text.len() > LONGEST || text.contains(is_bad)
        };
        match parts.into_iter().find(|(_, text)| is_invalid(text)) {
            None => Ok(()),
            Some((part, text)) => {
                let rule = "1 to 253 bytes without blanks, control characters and /";
                let message = format!("owner.{part} is invalid: {text:?}; it must be {rule}");
                Err(Refusal::new(ErrorCode::InvalidRequest, message)
                    .with("field", format!("owner.{part}"))
                    .with("rule", rule))
            }
        }
    }

    /// The identity without the uid.
    pub fn key(&self) -> String {
        let Self {
            cluster,
            kind,
            namespace,
            name,
            ..
        } = self;
        format!("{cluster}/{kind}/{namespace}/{name}")
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            kind,
            namespace,
            name,
            ..
        } = self;
        write!(f, "{kind} {namespace}/{name} of cluster {cluster}")
    }
}

/// A thing that can have an owner.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Thing {
    /// The database.
    Database,
    /// A branch.
    Branch {
        /// Its name.
        name: BranchName,
    },
    /// A class of a branch.
    Class {
        /// The branch.
        branch: BranchName,
        /// Its id.
        name: ClassName,
    },
}

impl Thing {
    /// The thing in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Database => "the database".to_owned(),
            Self::Branch { name } => format!("branch {name}"),
            Self::Class { branch, name } => format!("class {name} on branch {branch}"),
        }
    }
}

/// A thing that an owner holds. The claim is void once that thing is gone, even if another one gets
/// its name: creation times tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The thing.
    pub thing: Thing,
    /// When it was created.
    pub created_at: Timestamp,
    /// For a class: when its branch was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_created_at: Option<Timestamp>,
}

/// An owner with what it holds in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerState {
    /// The owner.
    pub owner: Owner,
    /// The newest generation of the object that was carried out.
    pub generation: u64,
    /// Whether the object gave up its claims for good; only a newer generation may claim again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// The uids of earlier objects of this name, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
    /// What it holds.
    #[serde(default)]
    pub claims: Vec<Claim>,
}

impl OwnerState {
    /// An owner that holds nothing.
    pub fn new(owner: Owner, generation: u64) -> Self {
        Self {
            owner,
            generation,
            ended: false,
            former: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// The state in which a command of this object and generation starts. Refused if the command is
    /// older than what was carried out. `gives` is true for a command that gives claims up: after
    /// the end, the same generation may do it again.
    pub fn enter(&self, owner: &Owner, generation: u64, gives: bool) -> Result<Self, Refusal> {
        let mut next = self.clone();
        let is_stale = if self.owner.uid == owner.uid {
            generation < self.generation || (self.ended && !gives && generation == self.generation)
        } else {
            next.former.retain(|uid| *uid != self.owner.uid);
            next.former.push(self.owner.uid.clone());
            let surplus = next.former.len().saturating_sub(FORMER);
            next.former.drain(..surplus);
            self.former.contains(&owner.uid)
        };
        if is_stale {
            return Err(self.refuse_stale(owner, generation));
        }
        next.owner = owner.clone();
        next.generation = generation;
        next.ended = false;
        Ok(next)
    }

    fn refuse_stale(&self, owner: &Owner, generation: u64) -> Refusal {
        let (actual, uid) = (self.generation, &self.owner.uid);
        let message = format!(
            "generation {generation} of {owner} (uid {}) is outdated: generation {actual} of uid \
             {uid} was carried out; read the object again",
            owner.uid
        );
        Refusal::new(ErrorCode::StaleGeneration, message)
            .with("uid", owner.uid.as_str())
            .with("generation", generation)
            .with("actual_uid", uid.as_str())
            .with("actual_generation", actual)
    }
}

/// An owner with its generation, as reads and refusals show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OwnerView {
    /// The owner.
    #[serde(flatten)]
    pub owner: Owner,
    /// The newest generation of the object that was carried out.
    pub generation: u64,
}

impl From<&OwnerState> for OwnerView {
    fn from(state: &OwnerState) -> Self {
        Self {
            owner: state.owner.clone(),
            generation: state.generation,
        }
    }
}

/// The owners of a database, and who holds what.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    owners: BTreeMap<String, OwnerState>,
    /// The key of the last owner that claimed a thing.
    holders: HashMap<Thing, String>,
}

impl Claims {
    /// Whether no one has declared anything.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Puts in the newest state of an owner.
    pub fn put(&mut self, state: OwnerState) {
        let key = state.owner.key();
        let before = self.owners.get(&key).map(|known| &known.claims[..]);
        for claim in before.unwrap_or_default() {
            if self.holders.get(&claim.thing) == Some(&key) {
                self.holders.remove(&claim.thing);
            }
        }
        for claim in &state.claims {
            self.holders.insert(claim.thing.clone(), key.clone());
        }
        self.owners.insert(key, state);
    }

    /// An owner, whatever its uid.
    pub fn of(&self, owner: &Owner) -> Option<&OwnerState> {
        self.owners.get(&owner.key())
    }

    /// The last claim of a thing, with its owner. It may be void.
    pub fn find(&self, thing: &Thing) -> Option<(&OwnerState, &Claim)> {
        let state = self.owners.get(self.holders.get(thing)?)?;
        let claim = state.claims.iter().find(|claim| claim.thing == *thing)?;
        Some((state, claim))
    }

    /// The owner of a thing that was created at a time, on a branch that was created at a time.
    pub fn find_holder(
        &self,
        thing: &Thing,
        created_at: Timestamp,
        branch_created_at: Option<Timestamp>,
    ) -> Option<OwnerView> {
        let (state, claim) = self.find(thing)?;
        let is_same =
            claim.created_at == created_at && claim.branch_created_at == branch_created_at;
        is_same.then(|| state.into())
    }
}
