//! The classes of a branch.

use std::sync::Arc;

use spice_client::{Client, Read};
use spice_core::{
    command::RawData,
    json::Json,
    name::ClassName,
    ontology::{Class, Schema},
};

use crate::error::Result;

/// All classes of a branch.
pub async fn fetch(client: &Client, database: &str, read: &Read) -> Result<Schema> {
    let mut schema = Schema::default();
    for definition in client.class_definitions(database, read).await? {
        let definition = Json::parse(definition.get())?;
        let fields: RawData = definition.read()?;
        let id = fields.get("id").and_then(Json::as_string);
        let id: ClassName = id.unwrap_or_default().parse()?;
        schema.put(Arc::new(Class::parse_stored(id, &definition)?));
    }
    Ok(schema)
}
