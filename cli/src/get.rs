//! `spice get`: lists things as rows.

mod instances;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use spice_client::{Branch, CommandStatus, Database, DatabaseSummary, DeadLetter, Read};
use spice_crds::{Exact, Fields};

use self::instances::Selection;
use crate::{
    failure::usage,
    output::{self, Format, cell, render_exact, render_label, render_optional},
    session::Session,
    settings::Place,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice get databases
  spice get ontologies -d flights
  spice get instances Airport -d flights --filter 'elevation>=5000' --order-by=-elevation
  spice get instances Airport/DEN -d flights -b what-if/denver-closed -o json
  spice get command 0197f0c2-…")]
pub(crate) struct Options {
    /// The kind of things.
    kind: Kind,
    /// One name; for instances `Class/id`, or the class.
    name: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    select: Selection,
}

/// A kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    #[value(alias = "database", alias = "db", alias = "dbs")]
    Databases,
    #[value(alias = "ontology", alias = "class", alias = "classes")]
    Ontologies,
    #[value(alias = "branch")]
    Branches,
    #[value(alias = "instance")]
    Instances,
    #[value(alias = "command")]
    Commands,
    #[value(alias = "dead-letter")]
    DeadLetters,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let session = Session::new(&options.place)?;
    let outcome = get(&session, &options).await;
    session.advise(outcome).await?;
    Ok(ExitCode::SUCCESS)
}

impl Options {
    /// Refuses what does not apply to the kind.
    fn refuse_unused(&self) -> anyhow::Result<()> {
        let (allowed, what): (&[&str], _) = match self.kind {
            Kind::Instances => return Ok(()),
            Kind::Ontologies => (&["--as-of"], "ontologies"),
            Kind::Databases => (&[], "databases"),
            Kind::Branches => (&[], "branches"),
            Kind::Commands => (&[], "commands"),
            Kind::DeadLetters if self.name.is_some() => {
                return Err(usage("dead letters have no names; leave the name out"));
            }
            Kind::DeadLetters => (&[], "dead letters"),
        };
        self.select.refuse_except(allowed, what)
    }
}

async fn get(session: &Session, options: &Options) -> anyhow::Result<()> {
    let name = options.name.as_deref();
    options.refuse_unused()?;
    match options.kind {
        Kind::Databases => databases(session, name).await,
        Kind::Ontologies => ontologies(session, name, options.select.as_of.as_deref()).await,
        Kind::Branches => branches(session, name).await,
        Kind::Instances => instances::get(session, name, &options.select).await,
        Kind::Commands => command(session, name).await,
        Kind::DeadLetters => dead_letters(session).await,
    }
}

async fn databases(session: &Session, name: Option<&str>) -> anyhow::Result<()> {
    let head = ["NAME", "POSITION", "CREATED", "DESCRIPTION"];
    let Some(name) = name else {
        let list = session.client.databases().await?;
        let row = |database: &DatabaseSummary| {
            vec![
                database.name.clone(),
                render_optional(database.position),
                render_optional(database.created.as_deref()),
                render_optional(database.comment.as_deref()),
            ]
        };
        return output::items(session.format, &list.databases, &head, row);
    };
    let database = session.client.database(name, &Read::default()).await?;
    let row = |database: &Database| {
        let details = &database.details;
        let created = details.other.get("created_at").map(cell);
        vec![
            database.name.clone(),
            details.position.to_string(),
            created.unwrap_or_default(),
            details.description.clone(),
        ]
    };
    output::item(session.format, &database, &head, row)
}

async fn ontologies(
    session: &Session,
    name: Option<&str>,
    as_of: Option<&str>,
) -> anyhow::Result<()> {
    let (database, read) = (session.database()?, session.read(as_of));
    let (client, format) = (&session.client, session.format);
    let head = [
        "CLASS",
        "LABEL",
        "PARENT",
        "PROPERTIES",
        "RELATIONSHIPS",
        "SEQUENCE",
    ];
    let Some(name) = name else {
        let classes: Vec<Fields> = client.classes_as(database, &read).await?;
        return output::items(format, &classes, &head, class_row);
    };
    let class: Fields = client.class_as(database, name, &read).await?;
    output::item(format, &class, &head, class_row)
}

fn class_row(class: &Fields) -> Vec<String> {
    let text = |key: &str| class.get(key).map(render_exact).unwrap_or_default();
    let count = |key: &str| {
        let list = class.get(key).and_then(Exact::as_list);
        list.map_or(0, <[Exact]>::len)
    };
    vec![
        text("id"),
        class.get("label").map(render_label).unwrap_or_default(),
        text("parent_class"),
        count("properties").to_string(),
        count("relationships").to_string(),
        text("event_sequence"),
    ]
}

async fn branches(session: &Session, name: Option<&str>) -> anyhow::Result<()> {
    let (database, format) = (session.database()?, session.format);
    let head = ["NAME", "FROM", "AT POSITION", "CREATED"];
    let row = |branch: &Branch| {
        vec![
            branch.name.clone(),
            render_optional(branch.from_branch.as_deref()),
            render_optional(branch.from_position),
            render_optional(branch.created_at.as_deref()),
        ]
    };
    let Some(name) = name else {
        let list = session.client.branches(database).await?;
        return output::items(format, &list.branches, &head, row);
    };
    let branch = session.client.branch(database, name).await?;
    output::item(format, &branch, &head, row)
}

async fn command(session: &Session, name: Option<&str>) -> anyhow::Result<()> {
    let Some(id) = name else {
        return Err(usage(
            "name a command by its id; a write returns the id, and `spice watch --database NAME` shows new commands",
        ));
    };
    let command = session.client.command(id).await?;
    let head = ["COMMAND", "STATUS", "SINCE", "ABOUT", "ERROR"];
    output::item(session.format, &command, &head, command_row)
}

fn command_row(command: &CommandStatus) -> Vec<String> {
    let text = |key: &str| command.result.get(key).map(cell).unwrap_or_default();
    let about = [text("aggregate_id"), text("instance_id"), text("class_id")];
    let last = command.history.iter().rev();
    let since = last.into_iter().find_map(|step| step.timestamp.clone());
    vec![
        command.command_id.clone(),
        command.status.to_string(),
        since.unwrap_or_default(),
        about
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        render_optional(command.error.as_deref()),
    ]
}

async fn dead_letters(session: &Session) -> anyhow::Result<()> {
    let list = session
        .client
        .dead_letters(session.maybe_database())
        .await?;
    show_dead_letters(session.format, &list.dead_letters)
}

/// Dead letters as rows.
pub(crate) fn show_dead_letters(format: Format, letters: &[DeadLetter]) -> anyhow::Result<()> {
    if letters.is_empty() && format == Format::Table {
        output::line("there are no parked events")?;
        return Ok(());
    }
    let row = |letter: &DeadLetter| {
        vec![
            letter.database.clone(),
            letter.handler.clone(),
            letter.position.to_string(),
            letter.aggregate_id.clone(),
            render_optional(letter.class.as_deref()),
            letter.attempts.to_string(),
            letter.error.clone(),
        ]
    };
    let head = [
        "DATABASE",
        "HANDLER",
        "POSITION",
        "AGGREGATE",
        "CLASS",
        "ATTEMPTS",
        "ERROR",
    ];
    output::items(format, letters, &head, row)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Get {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn a_flag_that_does_not_apply_is_refused() {
        let flags = [
            ("--class", "A"),
            ("--filter", "a=1"),
            ("--search", "a"),
            ("--order-by", "a"),
            ("--limit", "1"),
            ("--all", ""),
            ("--as-of", "1"),
        ];
        for kind in [
            "databases",
            "ontologies",
            "branches",
            "instances",
            "commands",
            "dead-letters",
        ] {
            for (flag, value) in flags {
                let words = ["get", kind, flag, value]
                    .into_iter()
                    .filter(|it| !it.is_empty());
                let got = Get::try_parse_from(words).unwrap().options.refuse_unused();
                let applies = kind == "instances" || (kind == "ontologies" && flag == "--as-of");
                assert_eq!(got.is_ok(), applies, "{kind} {flag}");
            }
        }
        for (name, is_right) in [(&[][..], true), (&["7"], false)] {
            let words = ["get", "dead-letters"]
                .into_iter()
                .chain(name.iter().copied());
            let options = Get::try_parse_from(words).unwrap().options;
            assert_eq!(options.refuse_unused().is_ok(), is_right, "{name:?}");
        }
    }
}
