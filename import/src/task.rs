//! The task of an import: the file, the plan, and the branch of one database. A state is reused
//! only by the same task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use spice_client::{Client, Read};
use spice_core::{json::Json, ontology::Schema};

use crate::{digest::hex, error::Result, options::Options, plan::Plan, source::Source};

/// The parts of a task, in the words of a message.
const PARTS: [&str; 9] = [
    "the database or the branch",
    "the class",
    "the file",
    "the encoding",
    "the delimiter, the escape or the line of the column names",
    "the columns or what they are mapped to",
    "what forms the id (--key)",
    "the texts for no value (--null)",
    "the source (--source)",
];

/// What distinguishes the branch from all others of the same name, whatever the address of the
/// server.
pub(crate) async fn identify_branch(client: &Client, options: &Options) -> Result<String> {
    let name = &options.database;
    let database = client.database(name, &Read::default()).await?;
    let branch = client.branch(name, &options.branch).await?;
    let text = |key: &str| {
        let value = database.details.other.get(key);
        value.map_or_else(String::new, Value::to_string)
    };
    Ok(format!(
        "{} {} {} {} {:?}",
        database.name,
        text("generation"),
        text("created_at"),
        branch.name,
        branch.generation
    ))
}

/// What is imported and the target, with everything that determines how a row is read: a digest of
/// each part. An import of NDJSON, which has no state, has no parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Task(BTreeMap<String, String>);

impl Task {
    pub(crate) fn of(branch: &str, schema: &Schema, plan: &Plan, source: &Source) -> Self {
        let class = &plan.class;
        let definition: Vec<&Json> = schema
            .iter_declared()
            .filter(|it| it.id == class.id || schema.is_kind_of(&class.id, &it.id))
            .map(|it| &it.definition)
            .collect();
        let parts = [
            branch.to_owned(),
            format!("{} {definition:?}", class.id),
            format!("{:?}", source.fingerprint),
            source.encoding.name().to_owned(),
            format!("{:?}", source.layout),
            format!("{:?}", plan.columns),
            format!("{:?}", plan.identity),
            format!("{:?}", plan.nulls),
            format!("{:?}", plan.source),
        ];
        let parts = PARTS.into_iter().zip(parts);
        let digests = parts.map(|(name, part)| (name.to_owned(), hex(part.as_bytes())));
        Self(digests.collect())
    }

    /// The parts that differ in another task.
    pub(crate) fn list_changes(&self, other: &Self) -> Vec<&'static str> {
        let differs = |name: &&str| self.0.get(*name) != other.0.get(*name);
        PARTS.into_iter().filter(differs).collect()
    }
}
