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
        let same_branches = self.branches.len() == state.live_branches().count()
            && state
                .live_branches()
                .all(|branch| self.branches.get(&branch.name) == Some(branch));
        if !same_branches {
            let live = state
                .live_branches()
                .map(|branch| (branch.name.clone(), branch.clone()));
            self.branches = Arc::new(live.collect());
        }
        let same_schemas = same_branches
            && state.live_branches().all(|branch| {
                match (
                    self.schemas.get(&branch.name),
                    state.known_schema(branch.generation),
                ) {
                    (Some(published), Some(known)) => Arc::ptr_eq(published, known),
                    (None, None) => true,
                    _ => false,
                }
            });
        if !same_schemas {
            let known = state.live_branches().filter_map(|branch| {
                Some((
                    branch.name.clone(),
                    state.known_schema(branch.generation)?.clone(),
                ))
            });
            self.schemas = Arc::new(known.collect());
        }
    }
}
