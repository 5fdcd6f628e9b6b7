//! `spice get`: lists things as rows.

mod instances;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use spice_client::{DeadLetter, Read};
use spice_crds::{Exact, Fields};

use self::instances::Selection;
use crate::{
    failure::usage,
    output::{self, Format, select_label},
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
    Session::run(&options.place, async |session| get(session, &options).await).await
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
    let client = &session.client;
    if let Some(name) = name {
        let columns = "NAME=name, POSITION=data.position, CREATED=data.created_at, \
                       DESCRIPTION=data.description";
        return session.show(&client.database(name, &Read::default()).await?, columns);
    }
    let columns = "NAME=name, POSITION=position, CREATED=created, DESCRIPTION=comment";
    session.show(&client.databases().await?.databases, columns)
}

async fn ontologies(
    session: &Session,
    name: Option<&str>,
    as_of: Option<&str>,
) -> anyhow::Result<()> {
    let (client, database, read) = (&session.client, session.database()?, session.read(as_of));
    let classes: Vec<Fields> = match name {
        Some(name) => vec![client.class_as(database, name, &read).await?],
        None => client.classes_as(database, &read).await?,
    };
    if session.is_table() {
        let columns = "CLASS=id, LABEL=label, PARENT=parent_class, PROPERTIES=properties, \
                       RELATIONSHIPS=relationships, SEQUENCE=event_sequence";
        return output::fields(&classes.iter().map(summarize).collect::<Vec<_>>(), columns);
    }
    match name {
        Some(_) => output::document(session.format, &classes[0]),
        None => output::document(session.format, &classes),
    }
}

/// A class with a label in one language, and the numbers of its properties and relationships.
fn summarize(class: &Fields) -> Fields {
    let mut summary = class.clone();
    if let Some(label) = class.get("label") {
        summary.insert("label".to_owned(), select_label(label).clone());
    }
    for list in ["properties", "relationships"] {
        let items = class.get(list).and_then(Exact::as_list);
        let count = items.map_or(0, <[Exact]>::len) as u64;
        summary.insert(list.to_owned(), count.into());
    }
    summary
}

async fn branches(session: &Session, name: Option<&str>) -> anyhow::Result<()> {
    let (client, database) = (&session.client, session.database()?);
    let columns = "NAME=name, FROM=from_branch, AT POSITION=from_position, CREATED=created_at";
    match name {
        Some(name) => session.show(&client.branch(database, name).await?, columns),
        None => session.show(&client.branches(database).await?.branches, columns),
    }
}

async fn command(session: &Session, name: Option<&str>) -> anyhow::Result<()> {
    let Some(id) = name else {
        return Err(usage(
            "name a command by its id; a write returns the id, and `spice watch --database NAME` shows new commands",
        ));
    };
    let command = session.client.command(id).await?;
    if !session.is_table() {
        return output::document(session.format, &command);
    }
    let mut steps = command.history.iter().rev();
    let since = steps.find_map(|step| step.timestamp.as_deref());
    let about = ["aggregate_id", "instance_id", "class_id"];
    let mut about = about.iter().filter_map(|key| command.result.get(*key));
    let about = about.find(|value| !value.is_null());
    output::fields(
        &json!({"it": command, "since": since, "about": about}),
        "COMMAND=it.command_id, STATUS=it.status, SINCE=since, ABOUT=about, ERROR=it.error",
    )
}

async fn dead_letters(session: &Session) -> anyhow::Result<()> {
    let database = session.maybe_database();
    let list = session.client.dead_letters(database).await?;
    show_dead_letters(session.format, &list.dead_letters)
}

/// Dead letters as rows.
pub(crate) fn show_dead_letters(format: Format, letters: &[DeadLetter]) -> anyhow::Result<()> {
    if letters.is_empty() && format == Format::Table {
        return Ok(output::line("there are no parked events")?);
    }
    let columns = "DATABASE=database, HANDLER=handler, POSITION=position, AGGREGATE=aggregate_id, \
                   CLASS=class, ATTEMPTS=attempts, ERROR=error";
    output::show(format, letters, columns)
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
