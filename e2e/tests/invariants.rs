//! The invariants of the design, each as a test with its name. `crash_anywhere_converges` has its
//! own file.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "invariants/accepting.rs"]
mod accepting;
#[path = "invariants/merging.rs"]
mod merging;
#[path = "invariants/projecting.rs"]
mod projecting;
#[path = "invariants/refusing.rs"]
mod refusing;
#[path = "invariants/serving.rs"]
mod serving;
#[path = "invariants/shop.rs"]
mod shop;
