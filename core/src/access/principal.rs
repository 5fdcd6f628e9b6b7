//! Principals and callers.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::glob::DatabaseGlob;
use crate::name::{ANONYMOUS, DatabaseName, PrincipalName};

/// What a principal may do with its databases. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Changes instances, classes and branches.
    Editor,
    /// Creates and deletes databases, and decides about events that a sink refused.
    Admin,
}

impl Role {
    /// Every role, the least one first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    /// `viewer`, `editor` or `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is viewer, editor or admin")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let named = Self::ALL.into_iter().find(|role| role.as_str() == text);
        named.ok_or(InvalidRole)
    }
}

/// Someone with a name, a role and databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name: the actor of its commands.
    pub name: PrincipalName,
    /// What it may do.
    pub role: Role,
    /// Where it may do that.
    pub databases: Vec<DatabaseGlob>,
}

impl Principal {
    /// Whether one of its databases has this name; whether there is such a database does not
    /// matter.
    pub fn covers(&self, database: &DatabaseName) -> bool {
        self.databases.iter().any(|glob| glob.matches(database))
    }
}

/// The sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular, to a call that needs no principal. Sees no database.
    Nobody,
    /// Anybody, where no principals are declared. May do everything.
    Anonymous,
    /// A principal.
    Principal(Arc<Principal>),
}

impl Caller {
    /// Whether the caller has at least this role in its databases.
    pub fn has(&self, role: Role) -> bool {
        match self {
            Self::Nobody => false,
            Self::Anonymous => true,
            Self::Principal(principal) => principal.role >= role,
        }
    }

    /// Whether the caller may know about this database.
    pub fn sees(&self, database: &DatabaseName) -> bool {
        match self {
            Self::Nobody => false,
            Self::Anonymous => true,
            Self::Principal(principal) => principal.covers(database),
        }
    }

    /// Whether the caller may know about every database, those that do not exist yet included.
    pub fn sees_all(&self) -> bool {
        match self {
            Self::Nobody => false,
            Self::Anonymous => true,
            Self::Principal(principal) => principal.databases.iter().any(DatabaseGlob::is_every),
        }
    }

    /// The actor of the caller's commands in the log; none without principals.
    pub fn actor(&self) -> Option<&str> {
        match self {
            Self::Nobody | Self::Anonymous => None,
            Self::Principal(principal) => Some(principal.name.as_str()),
        }
    }

    /// The scope of the caller's idempotency keys: two principals never share a key.
    pub fn key_scope(&self) -> &str {
        self.actor().unwrap_or(ANONYMOUS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, databases: &[&str]) -> Caller {
        let databases = databases.iter().map(|it| it.parse().unwrap()).collect();
        let name = "ci".parse().unwrap();
        Caller::Principal(Arc::new(Principal {
            name,
            role,
            databases,
        }))
    }

    #[test]
    fn a_role_includes_those_before_it() {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            let caller = caller(role, &["*"]);
            for (other, needed) in Role::ALL.into_iter().enumerate() {
                assert_eq!(caller.has(needed), index >= other, "{role} as {needed}");
            }
            assert!(Caller::Anonymous.has(role) && !Caller::Nobody.has(role));
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("Viewer".parse::<Role>(), Err(InvalidRole));
    }

    #[test]
    fn a_caller_sees_its_databases_only() {
        let (own, foreign) = ("shop".parse().unwrap(), "bank".parse().unwrap());
        let some = caller(Role::Admin, &["shop", "demo-*"]);
        assert!(some.sees(&own) && some.sees(&"demo-1".parse().unwrap()));
        assert!(!some.sees(&foreign) && !some.sees_all());
        let every = caller(Role::Viewer, &["shop", "**"]);
        assert!(every.sees(&foreign) && every.sees_all());
        let none = caller(Role::Admin, &[]);
        assert!(!none.sees(&own) && !none.sees_all());
        assert!(Caller::Anonymous.sees(&foreign) && Caller::Anonymous.sees_all());
        assert!(!Caller::Nobody.sees(&own) && !Caller::Nobody.sees_all());
    }

    #[test]
    fn keys_of_principals_and_of_anybody_are_apart() {
        let ci = caller(Role::Editor, &["*"]);
        assert_eq!((ci.actor(), ci.key_scope()), (Some("ci"), "ci"));
        assert_eq!(Caller::Anonymous.actor(), None);
        assert_eq!(Caller::Anonymous.key_scope(), "anonymous");
        assert!("anonymous".parse::<PrincipalName>().is_err());
    }
}
