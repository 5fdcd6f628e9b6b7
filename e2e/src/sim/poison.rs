//! Entities that the simulated documents refuse for good.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use spice_core::{
    error::StoreError,
    port::{Store, StoreResult, graph::Entity},
};
use spice_testing::double::{Call, Hook};

use super::gate::Gate;

/// The entities that a sink refuses.
#[derive(Clone, Default)]
pub struct Poison(Arc<Mutex<BTreeSet<Entity>>>);

impl Poison {
    /// Refuses an entity from now on.
    pub fn put(&self, entity: Entity) {
        self.lock().insert(entity);
    }

    /// Refuses nothing from now on.
    pub fn lift(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Entity>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gate to a sink that refuses poisoned entities.
pub struct Poisoned {
    /// The gate in front of the sink.
    pub gate: Gate,
    /// The refused entities.
    pub poison: Poison,
}

impl Hook for Poisoned {
    async fn around<T: Send>(
        &self,
        call: Call<'_>,
        effect: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        self.gate.call(call.port, call.method, effect).await
    }

    fn refuse(&self, entity: &Entity) -> Option<StoreError> {
        let refused = || StoreError::Rejected {
            store: Store::Documents,
            reason: "it is poison".into(),
        };
        self.poison.lock().contains(entity).then(refused)
    }
}
