//! The parts of snapshots that are shared until they change.

use std::{collections::BTreeMap, sync::Arc};

use spice_core::{decide::WriteState, model::BranchState, name::BranchName, ontology::Schema};

/// Parts of the snapshot that are shared until they change.
#[derive(Default)]
pub(super) struct Published {
    pub(super) branches: Arc<BTreeMap<BranchName, BranchState>>,
    pub(super) schemas: Arc<BTreeMap<BranchName, Arc<Schema>>>,
}

impl Published {
    pub(super) fn refresh(&mut self, state: &WriteState) {
        let live = || state.live_branches();
        if !live().eq(self.branches.values()) {
            let branches = live().map(|branch| (branch.name.clone(), branch.clone()));
            self.branches = Arc::new(branches.collect());
        }
        let known = || {
            live().filter_map(|branch| Some((&branch.name, state.known_schema(branch.generation)?)))
        };
        if !known().map(identity).eq(self.schemas.iter().map(identity)) {
            let schemas = known().map(|(name, schema)| (name.clone(), schema.clone()));
            self.schemas = Arc::new(schemas.collect());
        }
    }
}

/// Identifies a published schema; cheaper than comparing the classes.
fn identity<'a>(
    (name, schema): (&'a BranchName, &'a Arc<Schema>),
) -> (&'a BranchName, *const Schema) {
    (name, Arc::as_ptr(schema))
}
