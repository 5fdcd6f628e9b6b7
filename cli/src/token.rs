//! `spice token`: makes tokens for principals.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use spice_core::{
    access::{DatabaseGlob, Role, TokenDigest},
    name::PrincipalName,
};
use spice_node::access::DeclaredPrincipal;

use crate::{
    output::{self, Format},
    settings::Output,
};

/// What every token starts with, so that a leaked one is recognized.
const PREFIX: &str = "spice_";

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token, and the line that declares its principal in the file of `spice dev --tokens`.
    New(New),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice token new ci --role editor --database flights --database 'demo-*'
  spice token new ops --role admin --database '*' -o json | jq -r .token > ops.token

The token is shown once and is not kept. The file holds its SHA-256 only:
  principals:
    - {name: ci, role: editor, databases: [\"flights\", \"demo-*\"], sha256: [\"…\"]}
A client sends the token with --token-file.")]
pub(crate) struct New {
    /// The name of the principal: the actor in the log, in histories and audits.
    name: PrincipalName,
    /// What it may do: viewer, editor or admin.
    #[arg(long)]
    role: Role,
    /// A database, or a pattern such as `demo-*`; can be repeated.
    #[arg(short, long = "database", value_name = "NAME|PATTERN", required = true)]
    databases: Vec<DatabaseGlob>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(command: Token) -> anyhow::Result<ExitCode> {
    let Token::New(new) = command;
    let token = generate()?;
    let principal = DeclaredPrincipal {
        name: new.name,
        role: new.role,
        databases: new.databases,
        sha256: vec![TokenDigest::of(&token).to_string()],
    };
    if new.output.output == Format::Table {
        output::line(format!("token: {token}"))?;
        output::line(format!("  - {}", line_of(&principal)?))?;
        output::note("the token is not shown again; add the line below `principals:` in the file");
    } else {
        let made = json!({"token": token, "principal": principal});
        output::document(new.output.output, &made)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A token of 256 random bits.
fn generate() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    let mut token = PREFIX.to_owned();
    for byte in bytes {
        write!(token, "{byte:02x}")?;
    }
    Ok(token)
}

/// A principal as a line of YAML. Text in quotes is the same in JSON.
fn line_of(principal: &DeclaredPrincipal) -> anyhow::Result<String> {
    let fields = [
        ("name", serde_json::to_string(&principal.name)?),
        ("role", principal.role.to_string()),
        ("databases", serde_json::to_string(&principal.databases)?),
        ("sha256", serde_json::to_string(&principal.sha256)?),
    ];
    let fields = fields.map(|(name, value)| format!("{name}: {value}"));
    Ok(format!("{{{}}}", fields.join(", ")))
}
