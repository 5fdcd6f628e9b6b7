//! The reads of one process: their ports, and the state between requests.

use super::{followed::Followed, waits::Waits};
use crate::engine::Engine;

/// Answers reads. Each kind of read is a file in this module, with methods of this type.
pub(crate) struct Reads {
    pub(crate) engine: Engine,
    pub(super) followed: Followed,
    pub(crate) waits: Waits,
}

impl Reads {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            followed: Followed::default(),
            waits: Waits::default(),
        }
    }
}
