//! A class: created, corrected, deleted.

mod definition;

use spice_crds::{DeletionPolicy, DriftPolicy, Exact, Fields, Ontology, ResourceStatus};

use crate::{
    client::{Api, ApiError, Stored},
    kind::{Found, Kind, Location},
};

impl Kind for Ontology {
    const KIND: &'static str = "Ontology";
    const NOUN: &'static str = "class";
    const KEEPS_DELETED: bool = false;

    fn external_id(&self) -> String {
        self.class_id()
    }
    fn database_ref(&self) -> Option<&str> {
        Some(&self.spec.database_ref.name)
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
    fn reports_drift(&self) -> bool {
        self.spec.drift_policy == Some(DriftPolicy::Report)
    }
    fn problems(&self) -> Vec<String> {
        self.spec.problems(self.object_name())
    }

    async fn find<A: Api>(&self, api: &A, database: &str) -> Result<Found, ApiError> {
        let branch = self.spec.branch_name();
        let Some(known) = api.database(database).await? else {
            return Ok(Found::without(format!("database {database}")));
        };
        if branch != "main" && api.branch(database, branch).await?.is_none() {
            return Ok(Found::without(format!(
                "branch {branch} of database {database}"
            )));
        }
        let class = self.class_id();
        let stored = api.class(database, branch, &class).await?;
        let needed = self.spec.parent_class.as_deref().filter(|_| {
            let change = stored.as_ref().map(|stored| self.difference(stored));
            change.is_none_or(|change| change.is_some_and(|it| it.contains_key("parent_class")))
        });
        if let Some(parent) = needed.filter(|parent| *parent != class)
            && api.class(database, branch, parent).await?.is_none()
        {
            let missing = format!("class {parent} on branch {branch} of database {database}");
            return Ok(Found::without(missing));
        }
        Ok(Found {
            missing: None,
            stored,
            projected: known.projected,
        })
    }

    fn claim(&self) -> String {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let (database, branch) = (&self.spec.database_ref.name, self.spec.branch_name());
        format!("{namespace}/{database}/{branch}/{}", self.class_id())
    }

    fn difference(&self, stored: &Stored) -> Option<Fields> {
        definition::difference(&definition::definition(&self.spec), &stored.definition)
    }

    fn location(&self, database: &str) -> Location {
        let collection = vec![
            "databases".to_owned(),
            database.to_owned(),
            "ontology".to_owned(),
        ];
        let mut item = collection.clone();
        item.push(self.class_id());
        let query = vec![("branch", self.spec.branch_name().to_owned())];
        Location {
            collection,
            item,
            query,
            sequenced: true,
        }
    }

    fn creation(&self, _database: &str) -> Exact {
        let mut body = Fields::new();
        body.insert("id".into(), self.class_id().into());
        body.extend(definition::definition(&self.spec));
        body.into()
    }
}
