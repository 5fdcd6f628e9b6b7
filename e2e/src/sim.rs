//! The deterministic simulation: the real writer, relay and workers in one process over stores in
//! memory, under a clock that only the simulation moves. Every port call passes a gate. There a
//! run's plan may stop a process, make a store unavailable, lose an answer or move the clock.
//! Afterwards an oracle compares everything with the log.

pub mod bus;
pub mod client;
pub mod faults;
pub mod fold;
pub mod gate;
pub mod hints;
pub mod oracle;
pub mod poison;
pub mod run;
pub mod scenario;
pub mod signal;
pub mod world;
