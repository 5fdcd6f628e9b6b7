//! A store that can be replaced by an empty one while others use it.

use std::sync::{Arc, PoisonError, RwLock};

/// The place of a store.
pub struct Swap<T>(Arc<RwLock<Arc<T>>>);

impl<T> Clone for Swap<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Swap<T> {
    /// The place, with a store in it.
    pub fn new(store: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(store))))
    }

    /// What stands there now.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another there.
    pub fn put(&self, store: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(store);
    }
}
