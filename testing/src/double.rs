//! A double of a port: it forwards every call to a real store, with a hook around each call. A port
//! method that is built from others is not forwarded: the hook sees the calls that it makes.

mod documents;
mod graph;
mod hook;
mod log;
mod registry;
mod sinks;
mod swap;

use spice_core::{error::StoreError, port::Store};

pub use hook::{Call, Hook, Port};
pub use swap::{Reach, Swap};

/// A store whose calls pass a hook.
#[derive(Debug, Clone)]
pub struct Double<S, H> {
    /// Finds the store.
    pub store: S,
    /// Sees every call.
    pub hook: H,
}

impl<S, H> Double<S, H> {
    /// A double of a store.
    pub fn new(store: S, hook: H) -> Self {
        Self { store, hook }
    }
}

/// Calls the store inside the hook. The store is looked up when the hook lets the call through,
/// which may be much later.
macro_rules! forward {
    ($self:ident, $call:expr, $method:ident($($argument:expr),* $(,)?)) => {{
        let effect = async { $self.store.reach().$method($($argument),*).await };
        $self.hook.around($call, effect).await
    }};
}
use forward;

/// The error of an unavailable store.
pub fn unavailable(store: Store) -> StoreError {
    StoreError::Unavailable {
        store,
        reason: "connection refused".to_owned(),
    }
}
