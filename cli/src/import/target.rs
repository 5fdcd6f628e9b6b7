//! Where the rows go: the class on its branch, and what tells this branch from all others that
//! were ever called the same.

use std::sync::Arc;

use serde_json::Value;
use spice_client::Read;
use spice_core::{
    error::{ErrorCode, Refusal},
    ontology::{Class, Schema},
};

use super::options::Options;
use crate::{classes, failure::usage, session::Session as Connection};

/// A class on a branch.
pub(super) struct Target {
    pub(super) database: String,
    pub(super) schema: Schema,
    pub(super) class: Arc<Class>,
    /// The branch of this very database, whatever the address of its server.
    pub(super) branch: String,
}

impl Target {
    /// Asks the api for it.
    pub(super) async fn find(connection: &Connection, options: &Options) -> anyhow::Result<Self> {
        let (client, name) = (&connection.client, connection.database()?);
        let database = client.database(name, &Read::default()).await?;
        let branch = client.branch(name, &connection.branch).await?;
        let told = |key: &str| {
            let value = database.details.other.get(key);
            value.map_or_else(String::new, Value::to_string)
        };
        let branch_of = format!(
            "{} {} {} {} {:?}",
            database.name,
            told("generation"),
            told("created_at"),
            branch.name,
            branch.generation
        );
        let schema = classes::fetch(client, name, &connection.read(None)).await?;
        let wanted = options.class.as_deref();
        let wanted = wanted.ok_or_else(|| usage("CSV has one class: name it with --class"))?;
        let class = Arc::clone(schema.resolve(wanted).ok_or_else(|| {
            let known: Vec<&str> = schema.iter().map(|class| class.id.as_str()).collect();
            let message = format!(
                "there is no class {wanted} on branch {}; there is {}",
                connection.branch,
                known.join(", ")
            );
            Refusal::new(ErrorCode::NotFound, message)
        })?);
        Ok(Self {
            database: name.to_owned(),
            schema,
            class,
            branch: branch_of,
        })
    }
}
