//! The file of principals: its format, and what is wrong with one.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use spice_api::access::Credential;
use spice_core::{
    access::{DatabaseGlob, Principal, Role, TokenDigest},
    name::PrincipalName,
};

use crate::steady::{Content, ReadError};

/// A file of principals that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the principals in {}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a file of principals. It does not show values, which may be tokens.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is not of the right form.
    #[error("it does not have the right form: {0}")]
    Form(String),
    /// A principal is declared twice.
    #[error("the principal {0} is declared twice")]
    Twice(PrincipalName),
    /// A principal has no token.
    #[error("the principal {0} has no sha256")]
    NoToken(PrincipalName),
    /// A digest is invalid.
    #[error("the sha256 of {0} must have 64 hexadecimal digits each")]
    Digest(PrincipalName),
    /// Two principals have the same token.
    #[error("{0} has a token that is declared before")]
    SharedToken(PrincipalName),
}

/// The content of a file, in YAML or JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    /// Required: the reader takes nothing for an empty list, which would shut everybody out.
    principals: Option<Vec<DeclaredPrincipal>>,
}

/// A principal in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredPrincipal {
    /// Its name.
    pub name: PrincipalName,
    /// What it may do.
    pub role: Role,
    /// Where: names of databases, or patterns.
    pub databases: Vec<DatabaseGlob>,
    /// The SHA-256 of each of its tokens, in hexadecimal digits.
    pub sha256: Vec<String>,
}

impl DeclaredPrincipal {
    fn credentials(self) -> Result<Vec<Credential>, Fault> {
        let Self {
            name,
            role,
            databases,
            sha256,
        } = self;
        if sha256.is_empty() {
            return Err(Fault::NoToken(name));
        }
        let principal = Arc::new(Principal {
            name,
            role,
            databases,
        });
        let digests = sha256.iter().map(|text| text.parse::<TokenDigest>());
        let credentials = digests.map(|digest| {
            let digest = digest.map_err(|_| Fault::Digest(principal.name.clone()))?;
            let principal = Arc::clone(&principal);
            Ok(Credential { digest, principal })
        });
        credentials.collect()
    }
}

/// The tokens that a file declares.
#[derive(Debug)]
pub(super) struct Tokens(pub(super) Vec<Credential>);

impl Content for Tokens {
    type Fault = Fault;

    fn parse(files: &[Vec<u8>]) -> Result<Self, Fault> {
        parse(&files.concat()).map(Self)
    }
}

pub(super) fn parse(text: &[u8]) -> Result<Vec<Credential>, Fault> {
    // YAML contains JSON.
    let declared: Declared = serde_yaml_ng::from_slice(text).map_err(|error| form(&error))?;
    let mut names = BTreeSet::new();
    let mut digests = BTreeSet::new();
    let mut all = Vec::new();
    let missing = "principals must be a list; write [] for nobody";
    let principals = declared.principals;
    let principals = principals.ok_or_else(|| Fault::Form(missing.to_owned()))?;
    for principal in principals {
        if !names.insert(principal.name.clone()) {
            return Err(Fault::Twice(principal.name));
        }
        for credential in principal.credentials()? {
            if !digests.insert(credential.digest.to_string()) {
                return Err(Fault::SharedToken(credential.principal.name.clone()));
            }
            all.push(credential);
        }
    }
    Ok(all)
}

/// The place and kind of an error of the parser, whose own message quotes values.
fn form(error: &serde_yaml_ng::Error) -> Fault {
    let place = error.location().map_or_else(String::new, |place| {
        format!("line {}, column {}: ", place.line(), place.column())
    });
    let text = error.to_string();
    // The names of fields are ours, or in backquotes; a value is in double quotes.
    let shown = text.split('"').step_by(2).collect::<Vec<_>>().join("…");
    Fault::Form(format!("{place}{shown}"))
}
