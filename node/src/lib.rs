//! What a process of SPICE Harvester consists of: the stores, each named by a URL, and the roles that
//! run over them. The only crate that names adapters. It reads no environment, parses no command line
//! and prints nothing.
#![warn(missing_docs)]

pub mod address;
