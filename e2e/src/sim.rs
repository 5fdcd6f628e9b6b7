//! The deterministic simulation: the real writer, relay and workers in one process over stores in
//! memory, under a clock that only the simulation moves. Every port call passes a gate at which a
//! run's plan may stop a process, keep a store away, lose an answer or jump the clock. Afterwards
//! an oracle compares everything with what the log says.

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
