//! A database: made, adopted, deleted. Its description is given once; the api has no call that
//! changes it.

use spice_crds::{Database, DeletionPolicy, Exact, Fields, ResourceStatus};

use crate::{
    client::{Api, ApiError, Stored},
    kind::{Found, Kind, Location},
};

impl Kind for Database {
    const KIND: &'static str = "Database";
    const NOUN: &'static str = "database";
    const KEEPS_DELETED: bool = true;

    fn external_id(&self) -> String {
        self.database_name()
    }
    fn database_ref(&self) -> Option<&str> {
        None
    }
    fn instance(&self) -> Option<&str> {
        self.spec.instance.as_deref()
    }
    fn status(&self) -> Option<&ResourceStatus> {
        self.status.as_ref()
    }
    fn set_status(&mut self, status: ResourceStatus) {
        self.status = Some(status);
    }
    fn suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }
    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy.unwrap_or(DeletionPolicy::Retain)
    }
    fn problems(&self) -> Vec<String> {
        self.spec.problems(self.object_name())
    }

    async fn find<A: Api>(&self, api: &A, database: &str) -> Result<Found, ApiError> {
        Ok(Found {
            missing: None,
            stored: api.database(database).await?,
            projected: None,
        })
    }

    /// Databases have one name in the api, whatever the namespace of the object.
    fn claim(&self) -> String {
        self.external_id()
    }

    fn immutable_difference(&self, stored: &Stored) -> Option<String> {
        let declared = self.spec.description.as_deref()?;
        let known = stored.definition.get("description");
        let known = known.and_then(Exact::as_str).unwrap_or_default();
        (declared != known).then(|| {
            let name = self.database_name();
            format!(
                "database {name} has the description {known:?}, not {declared:?}; description is immutable: leave it out, or use the existing one"
            )
        })
    }

    fn location(&self, database: &str) -> Location {
        Location {
            collection: vec!["databases".into()],
            item: vec!["databases".into(), database.into()],
            query: Vec::new(),
            sequenced: true,
        }
    }

    fn creation(&self, database: &str) -> Exact {
        let mut body = Fields::new();
        body.insert("name".into(), database.into());
        if let Some(description) = &self.spec.description {
            body.insert("description".into(), description.as_str().into());
        }
        body.into()
    }
}
