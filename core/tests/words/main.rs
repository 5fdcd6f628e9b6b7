//! The words: names, ids, times, JSON values, envelopes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// Tables are long, and clearer in one piece.
#![allow(clippy::too_many_lines)]

mod chains;
mod envelopes;
mod errors;
mod identities;
mod names;
mod values;
