//! The session of a command with the api: a client, a database, a branch, and hints after a
//! failure.

use std::process::{ExitCode, Termination};

use serde::Serialize;
use spice_client::{Client, Conflict, Error, Missing, Read, TlsFault};

use crate::{
    failure::{Hint, Usage, suggest, usage},
    output::{self, Format},
    settings::Place,
};

/// The maximum number of names in a hint.
const SHOWN: usize = 20;

/// The connection and place of one command.
pub(crate) struct Session {
    pub(crate) client: Client,
    database: Option<String>,
    pub(crate) branch: String,
    pub(crate) format: Format,
}

impl Session {
    pub(crate) fn new(place: &Place) -> anyhow::Result<Self> {
        Ok(Self {
            client: place.of.server.client()?,
            database: place.of.database.clone(),
            branch: place.branch.clone(),
            format: place.of.output.output,
        })
    }

    /// Runs a command in a session. Adds a hint to a failure.
    pub(crate) async fn run<T: Termination>(
        place: &Place,
        command: impl AsyncFnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<ExitCode> {
        let session = Self::new(place)?;
        let outcome = command(&session).await;
        Ok(session.advise(outcome).await?.report())
    }

    /// The database of the command.
    pub(crate) fn database(&self) -> anyhow::Result<&str> {
        self.database.as_deref().ok_or_else(|| {
            usage(
                "no database given; name it with --database, SPICE_DATABASE or in the config file",
            )
        })
    }

    /// The database, if one is given.
    pub(crate) fn maybe_database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// A read of the branch: now, or at a position or time.
    pub(crate) fn read(&self, as_of: Option<&str>) -> Read {
        Read {
            as_of: as_of.map(str::to_owned),
            ..Read::on(&self.branch)
        }
    }

    /// Whether the output is a table.
    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Writes a document: for programs as it is, for people as the rows of a table.
    pub(crate) fn show<T: Serialize>(&self, value: &T, columns: &str) -> anyhow::Result<()> {
        output::show(self.format, value, columns)
    }

    /// Returns the outcome; adds a hint to a failure.
    pub(crate) async fn advise<T>(&self, outcome: anyhow::Result<T>) -> anyhow::Result<T> {
        let Err(error) = outcome else {
            return outcome;
        };
        Err(match self.find_advice(&error).await {
            Some(advice) => error.context(Hint(advice)),
            None => error,
        })
    }

    async fn find_advice(&self, error: &anyhow::Error) -> Option<String> {
        let failure = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Error>());
        let refusal = match failure {
            Some(Error::Unreachable { .. }) => {
                return Some(
                    "start a server with `spice dev`, or name another one with --server".to_owned(),
                );
            }
            Some(Error::Insecure { fault, .. }) => return advise_on_tls(*fault),
            Some(Error::Refused(refusal)) => refusal,
            None if self.database.is_none() && error.is::<Usage>() => {
                return self.databases("").await;
            }
            _ => return None,
        };
        if let Some(missing) = refusal.missing() {
            return self.alternatives(missing).await;
        }
        match (refusal.status, refusal.code.as_str()) {
            (409, "optimistic_concurrency_conflict") => Some(
                "someone else changed it in the meantime; read it again, then repeat the command"
                    .to_owned(),
            ),
            (401, _) => Some("give a token with --token-file or SPICE_TOKEN_FILE".to_owned()),
            (409, "merge_conflict") => Some(advise_on_conflicts(failure?).to_owned()),
            // Only a person can repair a log that is refused; the server does not say when to retry.
            (503, code) if refusal.retry_after.is_none() && !code.is_empty() => None,
            (503 | 504 | 429, _) => Some("this may be temporary; try again".to_owned()),
            _ => None,
        }
    }

    /// The existing names of the missing kind, similar ones first.
    async fn alternatives(&self, missing: Missing<'_>) -> Option<String> {
        let (sought, kind, names) = match missing {
            Missing::Database(sought) => return self.databases(sought).await,
            Missing::Branch(sought) => {
                let list = self.client.branches(self.maybe_database()?).await.ok()?;
                let names = list.branches.into_iter().map(|branch| branch.name);
                (sought, "branches", names.collect())
            }
            Missing::Class(sought) => {
                let (database, read) = (self.maybe_database()?, self.read(None));
                let classes = self.client.classes(database, &read).await.ok()?;
                let ids = classes.iter().filter_map(|class| class.get("id")?.as_str());
                (sought, "classes", ids.map(str::to_owned).collect())
            }
        };
        Some(describe_choice(sought, kind, names))
    }

    async fn databases(&self, sought: &str) -> Option<String> {
        let list = self.client.databases().await.ok()?;
        let names = list.databases.into_iter().map(|database| database.name);
        Some(describe_choice(sought, "databases", names.collect()))
    }
}

/// What decides the conflicts of a refused merge. A strategy decides none that have a rule.
fn advise_on_conflicts(failure: &Error) -> &'static str {
    let conflicts = Conflict::of(failure).unwrap_or_default();
    if !conflicts.is_empty() && conflicts.iter().all(|conflict| conflict.rule.is_some()) {
        "a strategy does not decide a conflict with a rule; decide each with --resolve AGGREGATE=ours|theirs \
         or --resolve AGGREGATE.PROPERTY=JSON, or change one of the branches first"
    } else {
        "--strategy ours|theirs decides all conflicts; --resolve AGGREGATE.PROPERTY=ours decides one"
    }
}

fn advise_on_tls(fault: TlsFault) -> Option<String> {
    let advice = match fault {
        TlsFault::Untrusted => {
            "if you trust the server, name the authority of its certificate with --ca-file or \
             SPICE_CA_FILE"
        }
        TlsFault::OtherName => "use a name of the certificate in --server",
        TlsFault::OutOfDate => "the server needs a new certificate; check the clocks, too",
        TlsFault::NotTls => "use http:// in --server, if the network in between is safe",
        TlsFault::Other => return None,
    };
    Some(advice.to_owned())
}

/// The existing names, and a suggestion.
fn describe_choice(sought: &str, kind: &str, mut names: Vec<String>) -> String {
    if names.is_empty() {
        return format!("there are no {kind} yet");
    }
    names.sort();
    let meant = suggest(sought, &names).map_or_else(String::new, |it| it + " ");
    let shown = names.len().min(SHOWN);
    let more = match names.len() - shown {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{meant}{kind}: {}{more}", names[..shown].join(", "))
}
