//! Finds the store of a double; a store that can be replaced while others use it.

use std::sync::{Arc, PoisonError, RwLock};

/// Finds a store.
pub trait Reach: Send + Sync {
    /// The store.
    type Store: ?Sized + Send + Sync;

    /// The current store.
    fn reach(&self) -> Arc<Self::Store>;
}

impl<T: ?Sized + Send + Sync> Reach for Arc<T> {
    type Store = T;

    fn reach(&self) -> Self {
        Self::clone(self)
    }
}

/// A place for a store that can be replaced while others use it.
#[derive(Debug)]
pub struct Swap<T>(Arc<RwLock<Arc<T>>>);

impl<T> Clone for Swap<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Swap<T> {
    /// The place with a store in it.
    pub fn new(store: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(store))))
    }

    /// The current store.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the store.
    pub fn put(&self, store: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(store);
    }
}

impl<T: Send + Sync> Reach for Swap<T> {
    type Store = T;

    fn reach(&self) -> Arc<T> {
        self.get()
    }
}
