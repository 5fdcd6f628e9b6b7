//! A database: created, adopted, described, deleted.

use spice_crds::{Database, DatabaseRef, ResourceStatus};

use crate::{
    client::{Subject, Thing},
    kind::{Kind, Policies},
};

impl Kind for Database {
    const KIND: &'static str = "Database";
    const NOUN: &'static str = "database";

    fn external_id(&self) -> String {
        self.database_name()
    }
    fn endpoint(&self, database: &str) -> String {
        format!("/api/v1/databases/{database}")
    }
    fn database_ref(&self) -> Option<&DatabaseRef> {
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
    fn policies(&self) -> Policies {
        let spec = &self.spec;
        Policies {
            is_suspended: spec.suspend == Some(true),
            management: spec.management_policy.unwrap_or_default(),
            adopt: spec.adopt.unwrap_or_default(),
            deletion: spec.deletion_policy.unwrap_or_default(),
            ..Policies::default()
        }
    }
    fn problems(&self) -> Vec<String> {
        self.spec.problems(self.object_name())
    }
    fn things(&self) -> Vec<Thing> {
        vec![Thing::Database]
    }
    fn subject(&self, over: Option<u64>) -> Subject {
        Subject::Database {
            description: self.spec.description.clone(),
            after_generation: over,
        }
    }
}
