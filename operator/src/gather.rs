//! First step: reads everything that a decision needs. Decides nothing.

use crate::{
    client::{Api, ApiError, Comparison, Known, Owner, Progress, Thing},
    kind::Kind,
};

/// What is known about an object before the api is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The database that the object refers to.
    pub database: Reference,
    /// The id of the cluster; none for declarations without Kubernetes.
    pub cluster: Option<String>,
    /// Other objects that declare the same things and are not being deleted.
    pub heirs: Vec<Heir>,
    /// Whether the namespace of the object is being deleted.
    pub namespace_ends: bool,
    /// Whether the deletion of the object takes longer than allowed.
    pub is_overdue: bool,
}

/// An object that gets claims of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heir {
    /// The object.
    pub owner: Owner,
    /// What it declares, too.
    pub things: Vec<Thing>,
}

/// A reference to a Database object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Reference {
    /// There is no such object.
    #[default]
    Missing,
    /// The object does not allow references from this namespace.
    Forbidden,
    /// The name of the database in the api.
    Found(String),
}

/// The gathered state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// The name of the database in the api.
    pub database: Option<String>,
    /// What the api knows about that name.
    pub known: Known,
    /// The progress of the last command, if the operator still waits for it.
    pub command: Option<Progress>,
    /// How the branch differs from its parent, if that could be read.
    pub comparison: Option<Comparison>,
    /// What was known before.
    pub around: Surroundings,
}

/// Reads everything about one object.
pub async fn gather<K: Kind, A: Api>(
    api: &A,
    resource: &K,
    around: &Surroundings,
) -> Result<World, ApiError> {
    let mut world = World {
        around: around.clone(),
        ..World::default()
    };
    let name = match (resource.database_ref(), &around.database) {
        (None, _) => resource.external_id(),
        (Some(_), Reference::Found(name)) => name.clone(),
        (Some(_), Reference::Missing | Reference::Forbidden) => return Ok(world),
    };
    let record = resource.status().and_then(|status| status.command.as_ref());
    if let Some(record) = record.filter(|record| record.pending) {
        world.command = api.command(&record.id).await?;
    }
    world.known = api.database(&name).await?;
    world.database = Some(name);
    Ok(world)
}
