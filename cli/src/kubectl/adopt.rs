//! `kubectl spice adopt`: prints declarations of what exists, so that it can be kept in Git.

use std::{collections::BTreeSet, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};
use spice_client::{Branch, Client, Read};
use spice_crds::{API_VERSION, Class, Exact, Fields, yaml};
use spice_operator::class_of;

use crate::{
    output,
    session::Session,
    settings::{OfDatabase, Output, Server},
};

/// Classes per Ontology.
const CLASSES: usize = 200;
/// The longest name of an object.
const LONGEST: usize = 63;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl spice adopt shop > shop.yaml
  kubectl spice plan -f shop.yaml
  kubectl apply -f shop.yaml

It calls the api at --server, for example through `kubectl port-forward service/spice 8002`. An object
takes over what is as it declares (adopt: IfEqual), and deletes nothing when it is deleted
(deletionPolicy: Retain).")]
pub(crate) struct Options {
    /// The name of the database in the api.
    database: String,
    #[command(flatten)]
    server: Server,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let of = OfDatabase {
        server: options.server,
        database: Some(options.database),
        output: Output {
            output: output::Format::Yaml,
        },
    };
    Session::run(&of.on_branch("main"), async |session| print(session).await).await
}

async fn print(session: &Session) -> anyhow::Result<()> {
    let (client, name) = (&session.client, session.database()?);
    let database = client.database(name, &Read::default()).await?;
    let object = object_name(name);
    let mut spec = json!({});
    if object.replace('-', "_") != name {
        spec["name"] = json!(name);
    }
    if !database.details.description.is_empty() {
        spec["description"] = json!(database.details.description);
    }
    write("Database", &object, &spec)?;
    let mut names = BTreeSet::new();
    let main = classes(client, name, &Read::on("main")).await?;
    ontologies(&object, "main", &main, &mut names)?;
    let branches = client.branches(name).await?.branches;
    for branch in branches.iter().filter(|it| it.from_branch.is_some()) {
        let own = unique(&object_name(&branch.name), &mut names);
        write("Branch", &own, &branch_spec(&object, &own, branch))?;
        let changed = changed(client, name, branch).await?;
        ontologies(&object, &branch.name, &changed, &mut names)?;
    }
    Ok(())
}

fn branch_spec(database: &str, object: &str, branch: &Branch) -> Value {
    let mut spec = json!({"databaseRef": {"name": database},
        "from": {"branch": branch.from_branch, "position": branch.from_position}});
    if object != branch.name {
        spec["name"] = json!(branch.name);
    }
    spec
}

async fn classes(client: &Client, database: &str, read: &Read) -> anyhow::Result<Vec<Class>> {
    let classes: Vec<Fields> = client.classes_as(database, read).await?;
    let classes = classes.iter().map(class_of);
    Ok(classes.collect::<Result<_, _>>()?)
}

/// The classes of a branch that differ from those with which it started.
async fn changed(client: &Client, database: &str, branch: &Branch) -> anyhow::Result<Vec<Class>> {
    let mut own = classes(client, database, &Read::on(&branch.name)).await?;
    let parent = branch.from_branch.as_deref().unwrap_or("main");
    let start = Read::on(parent).as_of(branch.from_position.unwrap_or_default());
    let start = classes(client, database, &start).await?;
    own.retain(|class| !start.contains(class));
    Ok(own)
}

/// Writes the classes of a branch as Ontologies.
fn ontologies(
    database: &str,
    branch: &str,
    classes: &[Class],
    names: &mut BTreeSet<String>,
) -> anyhow::Result<()> {
    let name = if branch == "main" {
        database.to_owned()
    } else {
        object_name(&format!("{database}-{branch}"))
    };
    for part in classes.chunks(CLASSES) {
        let mut spec = Fields::new();
        spec.insert("databaseRef".to_owned(), json!({"name": database}).into());
        if branch != "main" {
            spec.insert("branch".to_owned(), branch.into());
        }
        spec.insert("classes".to_owned(), Exact::of(part)?);
        write("Ontology", &unique(&name, names), &spec)?;
    }
    Ok(())
}

fn write(kind: &str, name: &str, spec: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut object = Fields::new();
    object.insert("apiVersion".to_owned(), API_VERSION.into());
    object.insert("kind".to_owned(), kind.into());
    object.insert("metadata".to_owned(), json!({"name": name}).into());
    object.insert("spec".to_owned(), Exact::of(spec)?);
    output::line("---")?;
    Ok(output::line(yaml::write(&object.into()).trim_end())?)
}

/// A name of an object that is as near to the name as Kubernetes allows.
fn object_name(name: &str) -> String {
    let mut object = String::new();
    for letter in name.to_lowercase().chars() {
        let is_kept = letter.is_ascii_alphanumeric();
        if is_kept || !(object.is_empty() || object.ends_with('-')) {
            object.push(if is_kept { letter } else { '-' });
        }
    }
    object.truncate(LONGEST);
    let object = object.trim_end_matches('-');
    if object.is_empty() { "x" } else { object }.to_owned()
}

/// The name, or the name with the first free number.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = |number: usize| {
        let end = format!("-{number}");
        let kept = name.len().min(LONGEST - end.len());
        format!("{}{end}", name[..kept].trim_end_matches('-'))
    };
    let names = std::iter::once(name.to_owned()).chain((2..).map(numbered));
    let free = names.into_iter().find(|it| taken.insert(it.clone()));
    free.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_are_as_kubernetes_wants_them() {
        assert_eq!(object_name("three_pl"), "three-pl");
        assert_eq!(
            object_name("What-If/Denver_closed"),
            "what-if-denver-closed"
        );
        assert_eq!(object_name("_/_"), "x");
        assert_eq!(object_name(&"a/".repeat(50)).len(), LONGEST);
    }

    #[test]
    fn two_branches_do_not_get_the_same_name() {
        let mut taken = BTreeSet::new();
        let names = ["a-b", "a-b", "a-b"].map(|name| unique(name, &mut taken));
        assert_eq!(names, ["a-b", "a-b-2", "a-b-3"]);
        let long = "a".repeat(LONGEST);
        unique(&long, &mut taken);
        assert_eq!(
            unique(&long, &mut taken),
            format!("{}-2", "a".repeat(LONGEST - 2))
        );
    }
}
