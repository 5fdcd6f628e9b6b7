//! Buses.
