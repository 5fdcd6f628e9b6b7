//! First step: reads everything that a decision needs. Decides nothing.

use crate::{
    client::{Api, ApiError, Progress},
    kind::{Found, Kind},
};

/// What is known about an object before the api is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The name in the api of the database in `databaseRef`; none if there is no such object.
    pub database: Option<String>,
    /// The older object that declares the same thing.
    pub rival: Option<String>,
    /// Another object that declares the same thing and is not being deleted.
    pub heir: Option<String>,
    /// Whether the namespace of the object is being deleted.
    pub namespace_ends: bool,
    /// Whether the deletion of the object takes longer than allowed.
    pub is_overdue: bool,
}

/// The gathered state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// The name of the database in the api; none if the Database object does not exist.
    pub database: Option<String>,
    /// The state in the api.
    pub found: Found,
    /// The progress of the last command, if the operator still waits for it.
    pub command: Option<Progress>,
    /// What was known before.
    pub around: Surroundings,
}

/// Reads everything about one object.
pub async fn gather<K: Kind, A: Api>(
    api: &A,
    resource: &K,
    around: &Surroundings,
) -> Result<World, ApiError> {
    let database = match resource.database_ref() {
        None => Some(resource.external_id()),
        Some(_) => around.database.clone(),
    };
    let Some(name) = database else {
        return Ok(World {
            around: around.clone(),
            ..World::default()
        });
    };
    let pending = resource
        .status()
        .and_then(|status| status.command.as_ref())
        .filter(|record| record.pending);
    let command = match pending {
        None => None,
        Some(record) => api.command(&record.id).await?,
    };
    let found = resource.find(api, &name).await?;
    Ok(World {
        database: Some(name),
        found,
        command,
        around: around.clone(),
    })
}
