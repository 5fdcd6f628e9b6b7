//! The task of an import: the file, the plan, and the branch of one database. A state is reused
//! only by the same task.

use serde_json::Value;
use spice_client::{Client, Read};
use spice_core::{json::Json, ontology::Schema};

use crate::{digest::hex, error::Result, options::Options, plan::Plan, source::Source};

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

/// What is imported and the target, with everything that determines how a row is read.
pub(crate) fn identify_task(branch: &str, schema: &Schema, plan: &Plan, source: &Source) -> String {
    let Plan {
        class,
        columns,
        identity,
        nulls,
        source: origin,
        ..
    } = plan;
    let definition: Vec<&Json> = schema
        .iter_declared()
        .filter(|it| it.id == class.id || schema.is_kind_of(&class.id, &it.id))
        .map(|it| &it.definition)
        .collect();
    let text = format!(
        "{branch} {} {columns:?} {identity:?} {nulls:?} {origin:?} {:?} {} {:?} {definition:?}",
        class.id,
        source.layout,
        source.encoding.name(),
        source.fingerprint,
    );
    hex(text.as_bytes())
}
