//! The words: names, ids, times, JSON values, envelopes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod envelopes;
mod identities;
mod values;
