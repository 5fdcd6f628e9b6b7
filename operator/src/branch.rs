//! A branch: created where it is declared to start, adopted, deleted.

use spice_crds::{Branch, DatabaseRef, ResourceStatus};

use crate::{
    client::{Subject, Thing},
    kind::{Kind, Policies},
};

impl Kind for Branch {
    const KIND: &'static str = "Branch";
    const NOUN: &'static str = "branch";

    fn external_id(&self) -> String {
        self.branch_name()
    }
    fn endpoint(&self, database: &str) -> String {
        let branch = self.branch_name().replace('/', "%2F");
        format!("/api/v1/databases/{database}/branches/{branch}")
    }
    fn database_ref(&self) -> Option<&DatabaseRef> {
        Some(&self.spec.database_ref)
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
    fn compared_branch(&self) -> Option<String> {
        Some(self.branch_name())
    }
    fn things(&self) -> Vec<Thing> {
        let name = self.branch_name();
        vec![Thing::Branch { name }]
    }
    fn subject(&self, _over: Option<u64>) -> Subject {
        let position = self.spec.from.as_ref().and_then(|origin| origin.position);
        Subject::Branch {
            name: self.branch_name(),
            from_branch: self.spec.parent().to_owned(),
            from_position: position.map(i64::unsigned_abs),
        }
    }
}
