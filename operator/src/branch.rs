//! A branch: created where it is declared to start, adopted, deleted.

use spice_crds::{Branch, DeletionPolicy, Exact, Fields, ResourceStatus};

use crate::{
    client::{Api, ApiError, Stored},
    kind::{Found, Kind, Location},
};

impl Kind for Branch {
    const KIND: &'static str = "Branch";
    const NOUN: &'static str = "branch";
    const KEEPS_DELETED: bool = true;

    fn external_id(&self) -> String {
        self.branch_name()
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
    fn problems(&self) -> Vec<String> {
        self.spec.problems(self.object_name())
    }

    async fn find<A: Api>(&self, api: &A, database: &str) -> Result<Found, ApiError> {
        if api.database(database).await?.is_none() {
            return Ok(Found::without(format!("database {database}")));
        }
        let stored = api.branch(database, &self.branch_name()).await?;
        if stored.is_some() {
            return Ok(Found {
                missing: None,
                stored,
                projected: None,
            });
        }
        let parent = self.parent();
        let is_there = parent == "main" || api.branch(database, parent).await?.is_some();
        Ok(if is_there {
            Found::default()
        } else {
            Found::without(format!("branch {parent} of database {database}"))
        })
    }

    fn immutable_difference(&self, stored: &Stored) -> Option<String> {
        let declared = self.spec.from.as_ref().and_then(|origin| origin.position);
        let declared = declared.map(i64::unsigned_abs);
        let branch = stored.definition.get("from_branch")?.as_str()?;
        let position = stored
            .definition
            .get("from_position")
            .and_then(Exact::as_u64);
        if branch == self.parent() && declared.is_none_or(|declared| position == Some(declared)) {
            return None;
        }
        let place = |branch: &str, position: Option<u64>| match position {
            Some(position) => format!("{branch} at position {position}"),
            None => branch.to_owned(),
        };
        Some(format!(
            "branch {} starts from {}, not from {}; from is immutable: delete the branch first, or declare another branch",
            self.branch_name(),
            place(branch, position),
            place(self.parent(), declared)
        ))
    }

    fn location(&self, database: &str) -> Location {
        let collection = vec![
            "databases".to_owned(),
            database.to_owned(),
            "branches".to_owned(),
        ];
        let mut item = collection.clone();
        item.push(self.branch_name());
        Location {
            collection,
            item,
            query: Vec::new(),
            sequenced: false,
        }
    }

    fn creation(&self, _database: &str) -> Exact {
        let mut body = Fields::new();
        body.insert("name".into(), self.branch_name().into());
        body.insert("from_branch".into(), self.parent().into());
        if let Some(position) = self.spec.from.as_ref().and_then(|origin| origin.position) {
            body.insert("from_position".into(), position.unsigned_abs().into());
        }
        body.into()
    }
}

trait Parent {
    /// The parent branch.
    fn parent(&self) -> &str;
}

impl Parent for Branch {
    fn parent(&self) -> &str {
        self.spec
            .from
            .as_ref()
            .map_or("main", |origin| origin.branch.as_str())
    }
}
