//! The command line as people and programs use it: the real binary against a real server, observed
//! through its output, its standard error and its exit code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "cli/access.rs"]
mod access;
#[path = "cli/apply.rs"]
mod apply;
#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/branches.rs"]
mod branches;
#[path = "cli/calls.rs"]
mod calls;
#[path = "cli/failures.rs"]
mod failures;
#[path = "cli/gate.rs"]
mod gate;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/leaving.rs"]
mod leaving;
#[path = "cli/numbers.rs"]
mod numbers;
#[path = "cli/reading.rs"]
mod reading;
#[path = "cli/round_trip.rs"]
mod round_trip;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/shell.rs"]
mod shell;
#[path = "cli/stores.rs"]
mod stores;
#[path = "cli/tls.rs"]
mod tls;
