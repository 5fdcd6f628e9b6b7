//! The reads of one process: the ports that they ask, and what they remember between requests.

use super::followed::Followed;
use crate::engine::Engine;

/// Answers reads. Each kind of read is a file of this room, with methods of this type.
pub(crate) struct Reads {
    pub(crate) engine: Engine,
    pub(super) followed: Followed,
}

impl Reads {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            followed: Followed::default(),
        }
    }
}
