//! Tests exports without an api: an import reads what an export writes, and an export that was
//! killed at any point can be resumed.

mod imported;
mod killed;
mod law;
mod values;
