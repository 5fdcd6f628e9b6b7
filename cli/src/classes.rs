//! Finds the classes of a branch for the commands.

use std::sync::Arc;

use serde_json::Value;
use spice_client::Read;
use spice_core::ontology::{Class, Schema};
use spice_import::classes;

use crate::{failure::of_import, session::Session};

/// All classes of a branch.
pub(crate) async fn fetch(session: &Session, read: &Read) -> anyhow::Result<Schema> {
    let database = session.database()?;
    let schema = classes::fetch(&session.client, database, read).await;
    schema.map_err(of_import)
}

/// Finds a class by its id or any of its labels. Returns it with all classes of the branch.
pub(crate) async fn find(
    session: &Session,
    name: &str,
    read: &Read,
) -> anyhow::Result<(Arc<Class>, Schema)> {
    let schema = fetch(session, read).await?;
    if let Some(class) = schema.resolve(name) {
        return Ok((Arc::clone(class), schema));
    }
    // Ask the api, which explains why there is none.
    let found = session
        .client
        .class(session.database()?, name, read)
        .await?;
    let id = found.get("id").and_then(Value::as_str).unwrap_or(name);
    let schema = fetch(session, read).await?;
    match schema.resolve(id) {
        Some(class) => Ok((Arc::clone(class), schema)),
        None => anyhow::bail!("the class {id} changed while it was read; try again"),
    }
}
