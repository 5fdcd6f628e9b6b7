//! Rebuilds projections of a log beside the live ones, or rewrites in the live ones what differs
//! from the log.
//!
//! With the strategy `BlueGreen` the worker fills a shadow from the log like any sink that is
//! behind. The shadow is compared with the fold of the log and made live in one commit; until then
//! reads see the old sink. The old sink is kept up to date until it is dropped.
//!
//! A replay is a record in the registry ([`spice_core::replay`]), and every step changes it by
//! compare-and-set. A process may stop anywhere: the next one reads the record and does the step
//! again, with the shadow that is there.

mod carry_out;
mod compare;
mod sinks;
mod steps;

pub use carry_out::Replayer;
pub use sinks::{abandon, drop_old, has_sink, wait_caught_up};
