//! A set of classes: declared as a whole, in one transaction.

mod definition;

use spice_crds::{DatabaseRef, DriftPolicy, Exact, Ontology, ResourceStatus};

use crate::{
    client::{Subject, Thing},
    kind::{Kind, Policies},
};

pub use definition::class_of;
pub(crate) use definition::definition;

impl Kind for Ontology {
    const KIND: &'static str = "Ontology";
    const NOUN: &'static str = "the set of classes on branch";

    fn external_id(&self) -> String {
        self.spec.branch_name().to_owned()
    }
    fn endpoint(&self, database: &str) -> String {
        let branch = self.spec.branch_name().replace('/', "%2F");
        format!("/api/v1/databases/{database}/ontology?branch={branch}")
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
        let drift = spec.drift_policy.unwrap_or_default();
        Policies {
            is_suspended: spec.suspend == Some(true),
            management: spec.management_policy.unwrap_or_default(),
            drift,
            // A class is a definition: nothing is lost with it that the declaration does not have.
            recreates: drift == DriftPolicy::Correct,
            adopt: spec.adopt.unwrap_or_default(),
            change: spec.change_policy.unwrap_or_default(),
            deletion: spec.deletion_policy.unwrap_or_default(),
        }
    }
    fn problems(&self) -> Vec<String> {
        self.spec.problems()
    }
    fn things(&self) -> Vec<Thing> {
        let classes = self.spec.classes.iter();
        let things = classes.map(|class| Thing::Class {
            branch: self.spec.branch_name().to_owned(),
            name: class.name.clone(),
        });
        things.collect()
    }
    fn subject(&self, _over: Option<u64>) -> Subject {
        let definitions = self.spec.classes.iter().map(definition);
        Subject::Classes {
            branch: self.spec.branch_name().to_owned(),
            definitions: definitions.map(Exact::from).collect(),
        }
    }
}
