//! First step: everything that a decision needs is read. No decision is made here.

use crate::{
    client::{Api, ApiError, Progress},
    kind::{Found, Kind},
};

/// What is known of an object's neighbours before the api is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The name in the api that `databaseRef` stands for; none: no such object.
    pub database: Option<String>,
    /// The older object that declares the same thing.
    pub rival: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// The name in the api of the database; none: the Database object is not there.
    pub database: Option<String>,
    /// What the api has.
    pub found: Found,
    /// How far the last command has come, if it was still awaited.
    pub command: Option<Progress>,
    /// The older object that declares the same thing.
    pub rival: Option<String>,
}

/// Reads the world of one object.
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
            rival: around.rival.clone(),
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
        rival: around.rival.clone(),
    })
}
