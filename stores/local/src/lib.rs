//! Adapters of the [`Bus`](spice_core::port::bus::Bus) port.

pub mod local;

pub use local::LocalBus;
